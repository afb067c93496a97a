// Numbers as Python reads them.

const WIDTH = 96;

/** A number as a double of Python, to the last bit. */
export function exactly(x) {
  if (Number.isNaN(x)) return 'float("nan")';
  if (!Number.isFinite(x)) return x > 0 ? 'float("inf")' : 'float("-inf")';
  if (Object.is(x, -0)) return "-0.0";
  return Number.isInteger(x) && Math.abs(x) < 1e16 ? `${x}.0` : String(x);
}

/** A number of a setting, as a person would write it. */
export function python(x) {
  return String(x);
}

/** Words with commas in indented lines. */
export function wrapped(words, levels = 1) {
  const indent = "    ".repeat(levels);
  const lines = [];
  let line = indent;
  for (const word of words) {
    if (line.length + word.length + 1 > WIDTH) {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += `${word}, `;
  }
  return [...lines, line.trimEnd()].join("\n");
}
