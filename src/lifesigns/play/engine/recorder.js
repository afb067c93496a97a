// What findings are judged by: at some steps, statistics of units, weights and gradients. Every
// step at first; when there are too many, every other one goes and every other one is taken.

import { constantLoss } from "./course.js";
import { rms } from "./statistics.js";

const MOST = 64;
const ALIKE = 1e-5; // of the scale of the rows, as the recorder of lifesigns compares them

/** Records steps of a training. */
export class Recorder {
  constructor(training) {
    this.training = training;
    this.every = 1;
    this.shots = [];
    this.held = new Float64Array(training.parameters.length);
  }

  /** Called with gradients at hand; says whether the step is recorded. */
  before(loss) {
    const { stepsMade: step } = this.training;
    if (step % this.every) return false;
    if (this.shots.length >= MOST) {
      this.every *= 2;
      this.shots = this.shots.filter((shot) => shot.step % this.every === 0);
      if (step % this.every) return false;
    }
    this.shots.push(shotOf(this.training, loss));
    this.held.set(this.training.parameters);
    return true;
  }

  /** Called after the update of a recorded step. */
  after() {
    const { parameters, layers } = this.training;
    const { held } = this;
    for (let i = 0; i < held.length; i++) held[i] = parameters[i] - held[i];
    const shot = this.shots[this.shots.length - 1];
    for (const [k, layer] of layers.entries()) {
      const from = (layer.weights.byteOffset - parameters.byteOffset) / 8;
      shot.layers[k].updateRms = rms(held.subarray(from, from + layer.weights.length));
    }
  }

  /** Forgets what was recorded from a step on. */
  forget(step) {
    this.shots = this.shots.filter((shot) => shot.step < step);
  }

  /** The recorded steps, and the losses of all. */
  evidence() {
    const { training } = this;
    const steps =
      training.stepsMade +
      (training.broken && !Number.isFinite(training.losses[training.stepsMade]) ? 1 : 0);
    return { every: this.every, shots: this.shots, losses: training.losses.subarray(0, steps) };
  }
}

function shotOf(training, loss) {
  const { network, size, data, units, target } = training;
  return {
    step: training.stepsMade,
    loss,
    size,
    input: columnsOf(network.input, size, data.features),
    layers: network.layers.map((layer) => layerOf(layer, size)),
    output: outputOf(network, target, size, units),
    level: constantLoss(training.kind, target.subarray(0, size * units), units) || 0,
  };
}

/** For each column: mean, mean square, least and greatest. */
function columnsOf(values, rows, columns) {
  const found = {
    means: new Float64Array(columns),
    squares: new Float64Array(columns),
    least: new Float64Array(columns).fill(Infinity),
    most: new Float64Array(columns).fill(-Infinity),
  };
  for (let i = 0; i < rows * columns; i++) {
    const j = i % columns;
    found.means[j] += values[i] / rows;
    found.squares[j] += (values[i] * values[i]) / rows;
    if (values[i] < found.least[j]) found.least[j] = values[i];
    if (values[i] > found.most[j]) found.most[j] = values[i];
  }
  return found;
}

function layerOf(layer, n) {
  const { a, z, da, dz, units, weights, weightGradients, biasGradients, rows, inputs } = layer;
  const active = new Float64Array(units);
  const saturated = new Float64Array(units);
  const flat = layer.activation?.flat ?? 0;
  const slopes = new Float64Array(flat ? n * units : 0);
  if (flat) layer.activation.slopes(z, slopes, n * units, layer.negative[0]);
  for (let i = 0; i < n * units; i++) {
    if (a[i] !== 0) active[i % units] += 1;
    if (flat && Math.abs(slopes[i]) < flat) saturated[i % units] += 1;
  }
  const zero = weightGradients.every((g) => g === 0) && biasGradients.every((g) => g === 0);
  const arrived = rms(da, n * units);
  return {
    active,
    saturated,
    values: columnsOf(a, n, units),
    factor: arrived > 0 ? rms(dz, n * rows) / arrived : NaN,
    weightRms: rms(weights),
    gradientRms: rms(weightGradients),
    updateRms: NaN,
    zero,
    coherence: coherenceOf(weightGradients, rows, inputs),
    alikeWeights: rowsAlike(weights, rows, inputs),
    alikeGradients: rowsAlike(weightGradients, rows, inputs),
  };
}

/** Mean over rows of |Σ g| / Σ |g|: 1 where each row's gradient has a single sign. */
function coherenceOf(gradients, rows, columns) {
  let total = 0;
  let known = 0;
  for (let r = 0; r < rows; r++) {
    let along = 0;
    let length = 0;
    for (let i = r * columns; i < (r + 1) * columns; i++) {
      along += gradients[i];
      length += Math.abs(gradients[i]);
    }
    if (length > 0) {
      total += Math.abs(along) / length;
      known += 1;
    }
  }
  return known ? total / known : NaN;
}

function rowsAlike(values, rows, columns) {
  const off = ALIKE * rms(values);
  for (let i = columns; i < rows * columns; i++)
    if (Math.abs(values[i] - values[i % columns]) > off) return false;
  return true;
}

/** Pearson's correlation of output and target, mean over units, and the spread of both. */
function outputOf({ last }, target, n, units) {
  const output = last.a;
  let correlation = 0;
  let known = 0;
  let spread = 0;
  let wanted = 0;
  for (let k = 0; k < units; k++) {
    const [o, t] = [column(output, n, units, k), column(target, n, units, k)];
    const [oo, tt, ot] = [product(o, o), product(t, t), product(o, t)];
    spread += oo / n / units;
    wanted += tt / n / units;
    if (oo > 0 && tt > 0) {
      correlation += ot / Math.sqrt(oo * tt);
      known += 1;
    }
  }
  return {
    correlation: known ? correlation / known : NaN,
    spread: Math.sqrt(spread),
    wanted: Math.sqrt(wanted),
    rms: rms(output, n * units),
    targetRms: rms(target, n * units),
  };
}

/** A column less its mean. */
function column(values, n, units, k) {
  const found = Float64Array.from({ length: n }, (_, s) => values[s * units + k]);
  const middle = found.reduce((a, b) => a + b, 0) / n;
  return found.map((value) => value - middle);
}

function product(a, b) {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i] * b[i];
  return total;
}
