// A training: a setting, its data, and the steps. `startOf` begins one; everything that is needed
// in a step was made before it.

import { dataOf, outputUnits, targetRows } from "./data.js";
import { LOSSES, logistic } from "./losses.js";
import { Network, layersOf, parameterCount } from "./network.js";
import { OPTIMIZERS, SCHEDULES, clip } from "./optimizers.js";
import { PURPOSES, Stream } from "./generator.js";
import { Keeper } from "./keeper.js";
import { Recorder } from "./recorder.js";
import { broken } from "./broken.js";

const AT_ONCE = 256; // samples of an evaluation
const FIRST_LOSSES = 1024;

/**
 * Begins a training.
 * @param {object} setting a whole one, as `validated` returns it
 * @param {object} [data] as `dataOf` makes it; made from the setting by default
 * @returns {Training}
 */
export function startOf(setting, data = dataOf(setting)) {
  return new Training(setting, data);
}

/** The state of a training and what can be asked of it. */
export class Training {
  constructor(setting, data) {
    this.setting = setting;
    this.data = data;
    this.classes = data.classes.length;
    this.units = outputUnits(setting, this.classes);
    this.batch = Math.min(setting.batch, data.train.rows);
    const described = layersOf(setting, data.features, this.units);
    const count = parameterCount(described);
    this.parameters = new Float64Array(count);
    this.gradients = new Float64Array(count);
    this.memory = [new Float64Array(count), new Float64Array(count)];
    this.network = new Network(described, this.parameters, this.gradients, this.batch);
    this.scratch = new Network(described, this.parameters, this.gradients, AT_ONCE);
    this.network.initialise(setting);
    this.criterion = LOSSES[setting.loss].of(setting.network.output, this.units);
    this.kind = LOSSES[setting.loss].kind(setting.network.output, this.units);
    this.targets = {
      train: targetRows(data.train, this.classes, this.units),
      test: targetRows(data.test, this.classes, this.units),
    };
    this.target = new Float64Array(this.batch * this.units);
    this.order = new Int32Array(data.train.rows);
    this.orderStream = new Stream(setting.seed, PURPOSES.order);
    this.epochOfOrder = -1;
    /** Rows of the training samples in the last batch; the first `size` count. */
    this.rows = new Int32Array(this.batch);
    this.size = 0;
    /** Steps made so far. */
    this.stepsMade = 0;
    /** Loss of every step; the first `stepsMade` count (one more if the run broke). */
    this.losses = new Float64Array(FIRST_LOSSES);
    /** Null, or why it cannot go on: see broken.js. */
    this.broken = null;
    this.norm = 0;
    this.recorder = new Recorder(this);
    this.keeper = new Keeper(this);
  }

  /** Layers with weights, biases, z, a, dz, da, weightGradients, biasGradients. */
  get layers() {
    return this.network.layers;
  }

  /** Steps that make an epoch. */
  get epoch() {
    return Math.ceil(this.data.train.rows / this.batch);
  }

  /** The rate of the next step. */
  get rate() {
    const { rate, schedule } = this.setting.optimizer;
    return rate * SCHEDULES[schedule](this.stepsMade, this.setting.steps);
  }

  /**
   * One step: a batch, forward, loss, backward, update.
   * @returns {number} the loss of the batch before the update; NaN if the run is broken
   */
  step() {
    if (this.broken) return NaN;
    this.keeper.before();
    const loss = this.compute();
    this.noteLoss(loss);
    if ((this.broken = broken(this, loss))) return loss;
    const recorded = this.recorder.before(loss);
    this.update();
    if (recorded) this.recorder.after();
    this.stepsMade += 1;
    this.broken = broken(this, 0);
    return loss;
  }

  /**
   * Several steps, fewer if the run breaks.
   * @param {number} count
   * @returns {number} the last loss
   */
  steps(count) {
    let loss = this.losses[Math.max(0, this.stepsMade - 1)];
    for (let i = 0; i < count && !this.broken; i++) loss = this.step();
    return loss;
  }

  /** Forward, loss and backward of the batch at hand, nothing updated. */
  compute() {
    this.choose();
    this.network.forward(this.size);
    const loss = this.criterion.value(this.network.output, this.target, this.size, this.units);
    this.criterion.gradient(
      this.network.output,
      this.target,
      this.network.last.da,
      this.size,
      this.units,
    );
    this.network.backward(this.size);
    return loss;
  }

  /** Puts the samples of the step at hand into the network's input. */
  choose() {
    const { rows: all, inputs } = this.data.train;
    const epoch = Math.floor(this.stepsMade / this.epoch);
    if (this.epochOfOrder !== epoch) {
      this.orderStream.permute(this.order, epoch);
      this.epochOfOrder = epoch;
    }
    const from = (this.stepsMade % this.epoch) * this.batch;
    this.size = Math.min(this.batch, all - from);
    const features = this.data.features;
    for (let s = 0; s < this.size; s++) {
      const row = this.order[from + s];
      this.rows[s] = row;
      for (let j = 0; j < features; j++)
        this.network.input[s * features + j] = inputs[row * features + j];
      for (let k = 0; k < this.units; k++)
        this.target[s * this.units + k] = this.targets.train[row * this.units + k];
    }
  }

  /** Clips and updates. */
  update() {
    const { optimizer } = this.setting;
    this.norm = clip(this.gradients, optimizer.clip);
    const [first, second] = this.memory;
    OPTIMIZERS[optimizer.name](
      this.parameters,
      this.gradients,
      first,
      second,
      this.stepsMade + 1,
      this.rate,
      optimizer,
    );
  }

  noteLoss(loss) {
    if (this.stepsMade >= this.losses.length) {
      const longer = new Float64Array(2 * this.losses.length);
      longer.set(this.losses);
      this.losses = longer;
    }
    this.losses[this.stepsMade] = loss;
  }

  /**
   * Mean loss over a set, without any penalty.
   * @param {"train"|"test"} set
   * @returns {number} NaN if the set is empty
   */
  loss(set = "train") {
    return this.over(
      set,
      (output, target, n) => n * this.criterion.value(output, target, n, this.units),
    );
  }

  /**
   * Share of a set whose class is right; for values the share of their variance explained (R²).
   * @param {"train"|"test"} set
   */
  accuracy(set = "train") {
    if (!this.classes) return this.explained(set);
    return this.over(set, (output, target, n) => {
      let right = 0;
      for (let s = 0; s < n; s++)
        right += this.classOf(output, s) === this.classOf(target, s, 0.5) ? 1 : 0;
      return right;
    });
  }

  explained(set) {
    const { targets, rows } = this.data[set];
    const mean = targets.reduce((sum, y) => sum + y, 0) / rows;
    const variance = targets.reduce((sum, y) => sum + (y - mean) * (y - mean), 0) / rows;
    const error = this.over(set, (output, target, n) => {
      let sum = 0;
      for (let s = 0; s < n; s++) sum += (output[s] - target[s]) * (output[s] - target[s]);
      return sum;
    });
    return 1 - error / variance;
  }

  /** Which class row `s` of outputs stands for. */
  classOf(output, s, level = this.threshold) {
    if (this.units === 1) return output[s] > level ? 1 : 0;
    let best = 0;
    for (let k = 1; k < this.units; k++)
      if (output[s * this.units + k] > output[s * this.units + best]) best = k;
    return best;
  }

  /** What a single output must exceed to mean the second class. */
  get threshold() {
    const squashed = this.setting.network.output === "sigmoid";
    return squashed || ["squared-error", "huber"].includes(this.setting.loss) ? 0.5 : 0;
  }

  /** Sums `part(output, target, n)` over a set in chunks, divided by its size. */
  over(set, part) {
    const { rows, inputs } = this.data[set];
    const { features } = this.data;
    let sum = 0;
    for (let from = 0; from < rows; from += AT_ONCE) {
      const n = Math.min(AT_ONCE, rows - from);
      this.scratch.input.set(inputs.subarray(from * features, (from + n) * features));
      this.scratch.forward(n);
      sum += part(
        this.scratch.output,
        this.targets[set].subarray(from * this.units, (from + n) * this.units),
        n,
      );
    }
    return sum / rows;
  }

  /**
   * What the network says, as a person reads it: probabilities where the loss makes them, else
   * the outputs as they are.
   * @param {Float64Array} inputs rows of features, scaled as the training samples are
   * @returns {Float64Array} rows of `units` numbers
   */
  predict(inputs) {
    const said = new Float64Array((inputs.length / this.data.features) * this.units);
    this.walk(inputs, (n, from) =>
      said.set(this.scratch.output.subarray(0, n * this.units), from * this.units),
    );
    if (this.setting.loss !== "cross-entropy" || this.setting.network.output !== "linear")
      return said;
    return this.units === 1 ? said.map(logistic) : softmaxRows(said, this.units);
  }

  /**
   * The value of every unit at given inputs, for its map.
   * @param {Float64Array} inputs as in `predict`
   * @returns {Float64Array[]} for each layer rows of its units
   */
  activations(inputs) {
    const samples = inputs.length / this.data.features;
    const values = this.scratch.layers.map((layer) => new Float64Array(samples * layer.units));
    this.walk(inputs, (n, from) => {
      for (const [k, layer] of this.scratch.layers.entries()) {
        values[k].set(layer.a.subarray(0, n * layer.units), from * layer.units);
      }
    });
    return values;
  }

  walk(inputs, then) {
    const { features } = this.data;
    const samples = inputs.length / features;
    for (let from = 0; from < samples; from += AT_ONCE) {
      const n = Math.min(AT_ONCE, samples - from);
      this.scratch.input.set(inputs.subarray(from * features, (from + n) * features));
      this.scratch.forward(n);
      then(n, from);
    }
  }

  /**
   * The loss with some parameters set to other values; nothing is changed.
   * @param {[number, number][]} entries pairs of place in `parameters` and value
   * @param {"train"|"test"} set
   */
  lossWith(entries, set = "train") {
    const held = entries.map(([place]) => this.parameters[place]);
    for (const [place, value] of entries) this.parameters[place] = value;
    const loss = this.loss(set);
    for (const [i, [place]] of entries.entries()) this.parameters[place] = held[i];
    return loss;
  }

  /**
   * Where a weight or bias is in `parameters`.
   * @param {number} layer from 0
   * @param {"weights"|"biases"} kind
   * @param {number} index row × inputs + column, or the row
   */
  placeOf(layer, kind, index) {
    const array = this.network.layers[layer][kind];
    return (array.byteOffset - this.parameters.byteOffset) / 8 + index;
  }

  /**
   * Keeps the state, so that `back` can return to it at once.
   * @returns {number} the token: the number of steps made
   */
  keep() {
    return this.keeper.keep();
  }

  /**
   * Returns to the state after so many steps, exactly.
   * @param {number} token from `keep`, or any number of steps that were made
   */
  back(token) {
    this.keeper.back(token);
  }

  /** What was recorded, for the findings: see recorder.js. */
  evidence() {
    return this.recorder.evidence();
  }
}

function softmaxRows(rows, units) {
  for (let from = 0; from < rows.length; from += units) {
    const most = Math.max(...rows.subarray(from, from + units));
    let sum = 0;
    for (let k = from; k < from + units; k++) sum += rows[k] = Math.exp(rows[k] - most);
    for (let k = from; k < from + units; k++) rows[k] /= sum;
  }
  return rows;
}
