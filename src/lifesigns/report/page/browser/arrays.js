// Packed arrays of the page document, see docs/page-document.md.

const TYPES = {
  uint8: Uint8Array,
  uint16: Uint16Array,
  int32: Int32Array,
  float32: Float32Array,
  bfloat16: Uint16Array,
};

/** The values of a packed array, in row-major order; bfloat16 becomes Float32Array. */
export async function unpack(array) {
  if (ArrayBuffer.isView(array)) return array; // a live page has unpacked it, and adds to it
  const packed = Uint8Array.from(atob(array.data), (sign) => sign.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const values = new TYPES[array.dtype](await new Response(stream).arrayBuffer());
  return array.dtype === "bfloat16" ? widened(values) : values;
}

/** Unpacked values with their shape; an array of one dimension is a single row. */
export async function unpackMatrix(array) {
  if (array.values) return array;
  const [rows, columns] = array.shape.length === 1 ? [1, array.shape[0]] : array.shape;
  return matrix(rows, columns, await unpack(array));
}

/** Rows of numbers in one typed array. */
export function matrix(rows, columns, values) {
  return {
    rows,
    columns,
    values,
    at: (row, column) => values[row * columns + column],
    row: (row) => values.subarray(row * columns, (row + 1) * columns),
  };
}

function widened(halves) {
  const bits = new Uint32Array(halves.length);
  halves.forEach((half, i) => (bits[i] = half << 16));
  return new Float32Array(bits.buffer);
}
