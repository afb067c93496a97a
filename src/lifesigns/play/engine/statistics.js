// Numbers about a row of numbers, and the means of blocks that stand for independent observations.

const BLOCKS = 10;
const SHORTEST = 3;
const SLOPED = 4;
const ROUNDING = 1e-7; // of a float32 loss, as in lifesigns.evidence.blocks

export const sum = (values) => {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
};

export const mean = (values) => sum(values) / values.length;

export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  if (!sorted.length) return NaN;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** The root of the mean square. */
export function rms(values, count = values.length) {
  let square = 0;
  for (let i = 0; i < count; i++) square += values[i] * values[i];
  return Math.sqrt(square / count);
}

/** Standard deviation, with n - 1. */
export function deviation(values) {
  const middle = mean(values);
  let square = 0;
  for (let i = 0; i < values.length; i++) square += (values[i] - middle) ** 2;
  return Math.sqrt(square / (values.length - 1));
}

export function highest(values) {
  let most = -Infinity;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  return most;
}

/** The differences of neighbours. */
export function differences(values) {
  return Float64Array.from(
    { length: Math.max(0, values.length - 1) },
    (_, i) => values[i + 1] - values[i],
  );
}

/** So many parts of nearly equal length, the longer ones first. */
export function split(values, parts) {
  const long = values.length % parts;
  const length = Math.floor(values.length / parts);
  let from = 0;
  return Array.from({ length: parts }, (_, i) =>
    values.subarray(from, (from += length + (i < long ? 1 : 0))),
  );
}

export function blockMeans(values) {
  const count = Math.max(1, Math.min(BLOCKS, Math.floor(values.length / SHORTEST)));
  return Float64Array.from(
    split(values, count).filter((block) => block.length),
    mean,
  );
}

/** Standard error of the mean; NaN for a single block. */
export function standardError(values) {
  const means = blockMeans(values);
  return means.length > 1 ? deviation(means) / Math.sqrt(means.length) : NaN;
}

/** How surely values fall: the slope of block means over its standard error, positive for a fall. */
export function slopeScore(values) {
  const means = blockMeans(values);
  if (means.length < SLOPED) return 0;
  const centres = blockMeans(Float64Array.from(values, (_, i) => i));
  const centre = mean(centres);
  const level = mean(means);
  let along = 0;
  let square = 0;
  for (let i = 0; i < means.length; i++) {
    along += (centres[i] - centre) * means[i];
    square += (centres[i] - centre) ** 2;
  }
  const slope = along / square;
  let rest = 0;
  for (let i = 0; i < means.length; i++)
    rest += (means[i] - level - slope * (centres[i] - centre)) ** 2;
  const error = Math.sqrt(rest / (means.length - 2) / square);
  return -slope / Math.max(error, (ROUNDING * Math.abs(level)) / values.length, 1e-300);
}
