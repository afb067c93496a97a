// One network of the page: its training, and what the pictures ask of it.

import { startOf } from "../engine/training.js";
import { logistic } from "../engine/losses.js";
import { geometry } from "./geometry.js";
import { MOST } from "./layout.js";
import { toldBroken } from "./texts.js";

const FINE = 40; // squares a side of the picture of the output; units have half as many
const COARSE = 20;
const HEAVY = 4000; // parameters, beyond which pictures are coarser
const THRICE = 3; // forward, and back to the weights and to the inputs
const LOOKED_AT = 256; // samples that are asked whether a unit is silent

/** A training with its grid. */
export class Side {
  constructor(setting) {
    this.training = startOf(setting);
    this.about = geometry(this.training);
    this.fine = this.training.parameters.length > HEAVY ? COARSE : FINE;
    this.places = this.about.grid(this.fine);
    this.inputs = this.inputMaps();
  }

  /** What does not change while it trains. */
  describe() {
    const { training, about } = this;
    const { grid, ...plain } = about;
    return {
      about: plain,
      structure: { inputs: about.inputs, layers: training.layers.map(({ units, name }) => ({ units, activation: name })) },
      parameters: training.parameters.length,
      cost: THRICE * training.batch * training.layers.reduce((sum, { rows, inputs }) => sum + rows * inputs, 0),
      epoch: training.epoch,
      trained: training.data.train.rows,
      held: training.data.test.rows,
    };
  }

  /** The losses of the present step over both sets, each computed once. */
  losses() {
    const { training } = this;
    if (this.known?.step !== training.stepsMade) {
      const of = (set) => (training.data[set].rows ? training.loss(set) : NaN);
      this.known = { step: training.stepsMade, train: of("train"), test: of("test") };
    }
    return this.known;
  }

  /** The state as it is drawn. */
  look() {
    const { training, fine } = this;
    const values = training.activations(this.places);
    const curves = this.about.kind === "curve";
    const layers = training.layers.map((layer, k) => ({
      weights: unitRows(layer),
      inputs: layer.inputs,
      units: layer.units,
      ...this.maps(values[k], layer.units),
      ill: k < training.layers.length - 1 ? this.silent(k) : null,
    }));
    return {
      loss: this.losses().train,
      accuracy: training.classes ? training.accuracy("train") : null,
      rate: training.rate,
      broken: toldBroken(training.broken),
      layers,
      surface: this.surface(values[values.length - 1]),
      grid: { side: curves ? 2 * fine : fine / 2, fine, curves, inputs: this.inputs },
    };
  }

  /** Unit by unit: on every second place of the plane, on all of a line. */
  maps(values, units) {
    const { fine, about } = this;
    const curves = about.kind === "curve";
    const side = curves ? 2 * fine : fine / 2;
    const each = curves ? side : side * side;
    const shown = Math.min(units, MOST);
    const maps = new Float32Array(shown * each);
    let peak = 0;
    for (let at = 0; at < each; at++) {
      const from = curves ? at : 2 * Math.floor(at / side) * fine + 2 * (at % side);
      for (let unit = 0; unit < shown; unit++) {
        const value = values[from * units + unit];
        maps[unit * each + at] = value;
        const size = Math.abs(value);
        if (size > peak && size < Infinity) peak = size;
      }
    }
    return { maps, peak };
  }

  inputMaps() {
    const { features } = this.about;
    return this.maps(this.places, features);
  }

  /** The units of a layer that give 0 for every sample looked at. */
  silent(k) {
    const { training } = this;
    const { features, train } = training.data;
    const count = Math.min(train.rows, LOOKED_AT);
    if (k === 0) this.seen = training.activations(train.inputs.subarray(0, count * features));
    const { units } = training.layers[k];
    const values = this.seen[k];
    return Array.from({ length: Math.min(units, MOST) }, (_, unit) => {
      for (let i = 0; i < count; i++) if (values[i * units + unit] !== 0) return 0;
      return 1;
    });
  }

  surface(output) {
    const { training, about } = this;
    const { units, classes, setting } = training;
    if (about.kind === "curve" || !classes) {
      const middle = (about.range[0] + about.range[1]) / 2;
      const values = about.kind === "curve" ? Float32Array.from(this.said(output)) : Float32Array.from(output, (value) => value - middle);
      return { values, peak: (about.range[1] - about.range[0]) / 2 || 1 };
    }
    if (units === 1) {
      const squashes = setting.loss === "cross-entropy" && setting.network.output === "linear";
      const { threshold } = training;
      return { values: Float32Array.from(output, (o) => (squashes ? 2 * logistic(o) - 1 : threshold ? 2 * o - 1 : o)), peak: 1 };
    }
    return likeliest(output, units, setting.loss === "cross-entropy" && setting.network.output === "linear");
  }

  /** Of a curve: what the network says, as a probability where the loss makes it one. */
  said(output) {
    const { setting, units } = this.training;
    const squashes = setting.loss === "cross-entropy" && setting.network.output === "linear" && units === 1;
    const count = output.length / units;
    return Float32Array.from({ length: count }, (_, i) => (squashes ? logistic(output[i]) : units > 1 ? output[i * units + 1] : output[i]));
  }
}

/** The rows of weights that are drawn, of maxout the first piece. */
function unitRows({ weights, inputs, units, pieces }) {
  if (pieces === 1) return Float64Array.from(weights);
  const rows = new Float64Array(units * inputs);
  for (let unit = 0; unit < units; unit++) rows.set(weights.subarray(unit * pieces * inputs, (unit * pieces + 1) * inputs), unit * inputs);
  return rows;
}

function likeliest(output, units, isLogit) {
  const count = output.length / units;
  const classes = new Uint8Array(count).fill(255);
  const sureness = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let [first, second, best] = [-Infinity, -Infinity, 255];
    for (let k = 0; k < units; k++) {
      const value = output[i * units + k];
      if (value > first) [first, second, best] = [value, first, k];
      else if (value > second) second = value;
    }
    classes[i] = best;
    const margin = first - second;
    sureness[i] = isLogit ? Math.tanh(margin / 2) : Math.max(0, Math.min(1, margin));
  }
  return { classes, sureness };
}
