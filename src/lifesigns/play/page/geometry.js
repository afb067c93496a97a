// The plane (or line) on which a network's functions are drawn, and where the samples lie on it.

const MARGIN = 0.12; // around the samples
const TURNS = 60; // of the power iteration

/** What a picture of these data needs to know.
 *
 * @param {object} training  of the engine
 * @returns {{kind: "curve"|"plane", isProjected: boolean, axes: string[], classes: string[], bounds: object,
 *   points: Float64Array, labels: Float64Array, range: number[], inputs: string[], grid: function}}
 */
export function geometry(training) {
  const { data } = training;
  const { features, classes, names } = data;
  const { rows, inputs, targets } = data.train;
  const isCurve = features === 1;
  const range = extremes(targets);
  const frame = features > 2 ? principal(inputs, rows, features) : null;
  const points = new Float64Array(2 * rows);
  for (let i = 0; i < rows; i++) {
    const row = inputs.subarray(i * features, (i + 1) * features);
    points[2 * i] = frame ? along(row, frame.mean, frame.first) : row[0];
    points[2 * i + 1] = isCurve ? targets[i] : frame ? along(row, frame.mean, frame.second) : row[1];
  }
  const bounds = around(points, rows);
  return {
    kind: isCurve ? "curve" : "plane",
    isProjected: frame !== null,
    axes: frame ? ["PC 1", "PC 2"] : isCurve ? [names[0], names[1]] : [names[0], names[1]],
    classes: isCurve ? [] : classes,
    bounds, points, labels: targets, range, features,
    inputs: names.slice(0, features),
    grid: (side) => (isCurve ? line(bounds, side * 2) : plane(bounds, side, frame, features)),
  };
}

function line({ low, high }, count) {
  return Float64Array.from({ length: count }, (_, i) => low[0] + ((high[0] - low[0]) * i) / (count - 1));
}

/** Rows of features at the middles of `side` × `side` squares, the lowest first. */
function plane({ low, high }, side, frame, features) {
  const rows = new Float64Array(side * side * features);
  for (let at = 0; at < side * side; at++) {
    const u = low[0] + ((high[0] - low[0]) * ((at % side) + 0.5)) / side;
    const v = low[1] + ((high[1] - low[1]) * (Math.floor(at / side) + 0.5)) / side;
    for (let j = 0; j < features; j++) {
      rows[at * features + j] = frame ? frame.mean[j] + u * frame.first[j] + v * frame.second[j] : j ? v : u;
    }
  }
  return rows;
}

function around(points, rows) {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < 2 * rows; i++) {
    low[i % 2] = Math.min(low[i % 2], points[i]);
    high[i % 2] = Math.max(high[i % 2], points[i]);
  }
  for (const k of [0, 1]) {
    const margin = high[k] > low[k] ? MARGIN * (high[k] - low[k]) : 1;
    low[k] -= margin;
    high[k] += margin;
  }
  return { low, high };
}

function extremes(values) {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

/** The mean and the two directions in which the samples spread most. */
function principal(inputs, rows, features) {
  const mean = new Float64Array(features);
  for (let i = 0; i < inputs.length; i++) mean[i % features] += inputs[i] / rows;
  const first = widest(inputs, rows, features, mean, null);
  return { mean, first, second: widest(inputs, rows, features, mean, first) };
}

function widest(inputs, rows, features, mean, not) {
  let direction = Float64Array.from({ length: features }, (_, j) => 1 + ((j * 7) % 5) / 10);
  for (let turn = 0; turn < TURNS; turn++) {
    const next = new Float64Array(features);
    for (let i = 0; i < rows; i++) {
      const row = inputs.subarray(i * features, (i + 1) * features);
      const size = along(row, mean, direction);
      for (let j = 0; j < features; j++) next[j] += size * (row[j] - mean[j]);
    }
    if (not) {
      const shared = next.reduce((sum, value, j) => sum + value * not[j], 0);
      for (let j = 0; j < features; j++) next[j] -= shared * not[j];
    }
    const length = Math.sqrt(next.reduce((sum, value) => sum + value * value, 0)) || 1;
    direction = next.map((value) => value / length);
  }
  return direction;
}

function along(row, mean, direction) {
  let sum = 0;
  for (let j = 0; j < direction.length; j++) sum += (row[j] - mean[j]) * direction[j];
  return sum;
}
