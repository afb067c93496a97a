// How far a number is from what is expected, as one of nine levels.

/** The level at which a rule alarms; beyond what is expected but short of that are 1 to 3. */
export const BROKEN = 4;

/** −4 … 4: below 0 it is too small, above too large, 0 is expected; NaN is not measured.
 *
 * @param {number} value
 * @param {{expected: Array, broken: Array, logarithmic: boolean}} column  null is an open end
 */
export function level(value, column) {
  if (Number.isNaN(value)) return NaN;
  const [low, high] = column.expected;
  const [lowest, highest] = column.broken;
  const scale = column.logarithmic ? (x) => Math.log(Math.max(x, 1e-38)) : (x) => x;
  if (high !== null && value > high) return step(scale, value, high, highest);
  if (low !== null && value < low) return -step(scale, value, low, lowest);
  return 0;
}

function step(scale, value, edge, broken) {
  if (broken === null) return 1;
  const share = (scale(value) - scale(edge)) / (scale(broken) - scale(edge));
  return share >= 1 ? BROKEN : 1 + Math.floor(3 * share);
}
