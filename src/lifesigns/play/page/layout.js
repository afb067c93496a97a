// Where units stand in the picture of a network.

export const MOST = 10; // units of a layer that are drawn; the others are counted

/** Columns of units from the inputs to the outputs, each with its place.
 *
 * @param {{inputs: string[], layers: Array<{units: number, activation: string}>}} structure
 * @param {number} width  of the picture
 * @param {number} room  the most that it may be high
 */
export function arrange(structure, width, room) {
  const counts = [structure.inputs.length, ...structure.layers.map(({ units }) => units)];
  const shown = counts.map((count) => Math.min(count, MOST));
  const tallest = Math.max(...shown);
  const pitch = Math.min(52, room / tallest, width / (counts.length * 1.35));
  const size = Math.round(pitch * 0.78);
  const height = Math.max(Math.ceil(pitch * tallest) + 30, 120);
  const across = (column) => size / 2 + 4 + ((width - size - 8) * column) / Math.max(counts.length - 1, 1);
  const down = (row, column) => 24 + (height - 30) / 2 + (row - (shown[column] - 1) / 2) * pitch;
  const units = counts.flatMap((_, column) =>
    Array.from({ length: shown[column] }, (_, row) => ({ column, row, x: across(column), y: down(row, column) })));
  return { width, height, size, counts, shown, units, across };
}
