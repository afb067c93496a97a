// What the views beneath ask of a training.

import { startOf } from "../engine/training.js";
import { neuron } from "../engine/terms.js";

const BINS = 36;
const POINTS = 181; // of a function's curve
const REACH = 5; // to which z a curve is drawn at least
const LONGEST = 20000; // steps that are made again for a path
const PATIENCE = 1500; // milliseconds of that
const SQUARES = [7, 25]; // a side of the picture of the loss, at least and at most
const WORK = 3e8; // multiplications that it may take
const AIR = 0.3; // around a path

/** The sums z of one unit over the samples learnt from. */
export function sumsOf(training, layer, unit) {
  const { features, train } = training.data;
  const sums = new Float64Array(train.rows);
  training.walk(train.inputs.subarray(0, train.rows * features), (n, from) => {
    const { z, rows, pieces } = training.scratch.layers[layer];
    for (let i = 0; i < n; i++) sums[from + i] = z[i * rows + unit * pieces];
  });
  return sums;
}

/** The mean slope of each layer over units and samples; null where it has none of its own. */
export function meanSlopes(training) {
  const { features, train } = training.data;
  const totals = training.layers.map(() => 0);
  training.walk(train.inputs.subarray(0, train.rows * features), (n) => {
    for (const [k, layer] of training.scratch.layers.entries()) {
      if (!layer.activation) continue;
      for (let i = 0; i < n * layer.units; i++) totals[k] += layer.activation.derivative(layer.z[i], layer.negative[0]);
    }
  });
  return training.layers.map((layer, k) => (layer.activation ? totals[k] / (train.rows * layer.units) : null));
}

/** f and f′ of a layer with the histogram of a unit's sums over them. */
export function slopeOf(training, { layer, unit }) {
  const chosen = training.layers[Math.min(layer, training.layers.length - 1)];
  const at = training.layers.indexOf(chosen);
  const row = Math.min(unit, chosen.units - 1);
  const means = meanSlopes(training);
  if (!chosen.activation) return { layer: at, unit: row, name: chosen.name, means, xs: null };
  const sums = sumsOf(training, at, row);
  const finite = sums.filter(Number.isFinite);
  const low = finite.reduce((a, b) => Math.min(a, b), -REACH);
  const high = finite.reduce((a, b) => Math.max(a, b), REACH);
  const xs = Float64Array.from({ length: POINTS }, (_, i) => low + ((high - low) * i) / (POINTS - 1));
  const { value, derivative } = chosen.activation;
  const negative = chosen.negative[0];
  const counts = new Float64Array(BINS);
  for (const z of finite) counts[Math.min(BINS - 1, Math.floor(((z - low) / (high - low)) * BINS))] += 1 / finite.length;
  const slopes = finite.map((z) => derivative(z, negative));
  return {
    layer: at, unit: row, name: chosen.name, means, low, high, xs,
    values: xs.map((x) => value(x, negative)),
    slopes: xs.map((x) => derivative(x, negative)),
    counts,
    mean: average(slopes),
    flat: average(slopes.map((slope) => (Math.abs(slope) <= (chosen.activation.flat ?? 0.01) ? 1 : 0))),
    positive: average(finite.map((z) => (z > 0 ? 1 : 0))),
  };
}

function average(values) {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN;
}

/** The way of two weights, step by step. */
export class Path {
  constructor(training, { layer, unit, first, second }) {
    const { inputs, pieces } = training.layers[layer];
    this.training = training;
    this.names = [first, second];
    this.places = [first, second].map((input) => training.placeOf(layer, "weights", unit * pieces * inputs + input));
    this.trail = [];
    this.retrace();
  }

  /** Makes the steps so far once more, from the same start. */
  retrace() {
    const again = startOf(this.training.setting, this.training.data);
    const end = performance.now() + PATIENCE;
    this.trail = [this.at(again)];
    while (again.stepsMade < Math.min(this.training.stepsMade, LONGEST) && !again.broken && performance.now() < end) {
      again.step();
      this.trail.push(this.at(again));
    }
    if (again.stepsMade < this.training.stepsMade) this.trail.push(this.at(this.training));
    this.step = this.training.stepsMade;
  }

  at({ parameters }) {
    return this.places.map((place) => parameters[place]);
  }

  /** Called after each step. */
  grow() {
    if (this.training.stepsMade === this.step) return;
    this.step = this.training.stepsMade;
    this.trail.push(this.at(this.training));
  }

  /** The picture: the loss over both weights, all others as they are now, and the way across it. */
  picture(old) {
    const box = old && this.isWithin(old) ? old : this.box();
    const each = this.training.data.train.rows * this.training.parameters.length;
    const side = Math.round(Math.max(SQUARES[0], Math.min(SQUARES[1], Math.sqrt(WORK / each))));
    const values = new Float32Array(side * side);
    for (let i = 0; i < values.length; i++) {
      const u = box.low[0] + ((box.high[0] - box.low[0]) * ((i % side) + 0.5)) / side;
      const v = box.low[1] + ((box.high[1] - box.low[1]) * (Math.floor(i / side) + 0.5)) / side;
      values[i] = this.training.lossWith([[this.places[0], u], [this.places[1], v]]);
    }
    return { ...box, side, values };
  }

  isWithin({ low, high }) {
    return this.at(this.training).every((value, k) => value > low[k] && value < high[k]);
  }

  box() {
    const finite = this.trail.filter((each) => each.every(Number.isFinite));
    const ends = [0, 1].map((k) => finite.reduce(([low, high], each) => [Math.min(low, each[k]), Math.max(high, each[k])], [Infinity, -Infinity]));
    const size = Math.max(...ends.map(([low, high]) => high - low), 0.5) * (1 + 2 * AIR);
    const middle = ends.map(([low, high]) => (low + high) / 2);
    return { low: middle.map((each) => each - size / 2), high: middle.map((each) => each + size / 2) };
  }

  /** Its length over the straight line, and how often both weights moved the same way. */
  numbers() {
    let length = 0;
    let together = 0;
    let moved = 0;
    for (let i = 1; i < this.trail.length; i++) {
      const [u, v] = [0, 1].map((k) => this.trail[i][k] - this.trail[i - 1][k]);
      length += Math.hypot(u, v);
      if (u !== 0 && v !== 0) moved += 1;
      if (u * v > 0) together += 1;
    }
    const [first, last] = [this.trail[0], this.trail.at(-1)];
    const straight = Math.hypot(last[0] - first[0], last[1] - first[1]);
    return { length, detour: straight > 0 ? length / straight : NaN, together: moved ? together / moved : NaN };
  }
}

/** A neuron with x = 1 and y = 0 under two losses: both over z, and both courses of its output. */
export function neuronPair({ w, b, rate, epochs }) {
  const zs = Float64Array.from({ length: 121 }, (_, i) => -6 + i / 10);
  const sides = ["squared-error", "cross-entropy"].map((loss) => {
    const over = Array.from(zs, (z) => neuron({ w: z, b: 0, x: 1, y: 0 }, loss));
    const outputs = [];
    let at = { w, b, x: 1, y: 0 };
    for (let epoch = 0; epoch <= epochs; epoch++) {
      const said = neuron(at, loss);
      outputs.push(said.a);
      at = { ...at, w: at.w - rate * said.dw, b: at.b - rate * said.db };
    }
    const half = outputs.findIndex((a) => a <= outputs[0] / 2);
    return { losses: over.map((each) => each.loss), gradients: over.map((each) => each.dz), now: neuron({ w, b, x: 1, y: 0 }, loss), outputs, half };
  });
  return { zs, sides };
}
