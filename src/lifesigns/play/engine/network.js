// The network: layers on one flat array of parameters, forward and backward over a batch, in
// buffers made once. Three joints close a layer: an elementwise function, maxout, softmax.

import { ACTIVATIONS } from "./table.js";
import { initialise } from "./initialise.js";

export const PIECES = 2;

/** What follows the weighted sums of a layer. */
const elementwise = {
  forward: (layer, n) =>
    layer.activation.values(layer.z, layer.a, n * layer.units, layer.negative[0]),
  backward(layer, n) {
    const { z, da, dz, units } = layer;
    layer.activation.slopes(z, dz, n * units, layer.negative[0]);
    for (let i = 0; i < n * units; i++) dz[i] *= da[i];
    if (!layer.learns) return;
    let sum = 0;
    for (let i = 0; i < n * units; i++) if (!(z[i] > 0)) sum += da[i] * z[i];
    layer.negativeGradient[0] = sum;
  },
};

const maxout = {
  forward({ z, a, units, pieces, chosen }, n) {
    for (let i = 0; i < n * units; i++) {
      let best = i * pieces;
      for (let p = best + 1; p < (i + 1) * pieces; p++)
        if (z[p] > z[best] || z[p] !== z[p]) best = p;
      chosen[i] = best;
      a[i] = z[best];
    }
  },
  backward({ da, dz, units, pieces, chosen }, n) {
    dz.fill(0, 0, n * units * pieces);
    for (let i = 0; i < n * units; i++) dz[chosen[i]] = da[i];
  },
};

const softmax = {
  forward({ z, a, units }, n) {
    for (let row = 0; row < n; row++) {
      const from = row * units;
      let most = z[from];
      for (let k = from + 1; k < from + units; k++) if (z[k] > most) most = z[k];
      let sum = 0;
      for (let k = from; k < from + units; k++) sum += a[k] = Math.exp(z[k] - most);
      for (let k = from; k < from + units; k++) a[k] /= sum;
    }
  },
  backward({ a, da, dz, units }, n) {
    for (let row = 0; row < n; row++) {
      const from = row * units;
      let mean = 0;
      for (let k = from; k < from + units; k++) mean += a[k] * da[k];
      for (let k = from; k < from + units; k++) dz[k] = a[k] * (da[k] - mean);
    }
  },
};

/**
 * The layers of a setting, as plain descriptions.
 * @param {object} setting a whole one
 * @param {number} features
 * @param {number} outputs
 * @returns {{name: string, inputs: number, units: number, pieces: number, slope: number|null}[]}
 */
export function layersOf(setting, features, outputs) {
  const output = setting.network.output === "linear" ? "identity" : setting.network.output;
  const all = [...setting.network.hidden, { units: outputs, activation: output }];
  return all.map(({ units, activation, slope, pieces }, i) => ({
    name: activation,
    inputs: i ? all[i - 1].units : features,
    units,
    pieces: activation === "maxout" ? (pieces ?? PIECES) : 1,
    slope:
      ACTIVATIONS[activation]?.slope === null
        ? null
        : (slope ?? ACTIVATIONS[activation]?.slope ?? null),
  }));
}

/** All parameters of the layers in one array: for each its weights, biases, and learned slope. */
export function parameterCount(layers) {
  return layers.reduce((sum, each) => sum + sizeOf(each), 0);
}

const learnsSlope = (each) => ACTIVATIONS[each.name]?.learned === true;
const sizeOf = (each) => each.units * each.pieces * (each.inputs + 1) + (learnsSlope(each) ? 1 : 0);

/** Layers over given parameters and gradients, with buffers for up to `capacity` samples. */
export class Network {
  constructor(layers, parameters, gradients, capacity) {
    this.capacity = capacity;
    this.parameters = parameters;
    this.input = new Float64Array(capacity * layers[0].inputs);
    let from = 0;
    this.layers = layers.map((described) => {
      const made = new Layer(described, parameters, gradients, from, capacity);
      from += sizeOf(described);
      return made;
    });
    this.last = this.layers[this.layers.length - 1];
    this.output = this.last.a;
  }

  /** Computes z and a of every layer for the first `n` rows of `input`. */
  forward(n) {
    let input = this.input;
    for (const layer of this.layers) {
      layer.sum(input, n);
      layer.joint.forward(layer, n);
      input = layer.a;
    }
  }

  /** Computes all gradients, given those of the output in `last.da`. */
  backward(n) {
    for (let k = this.layers.length - 1; k >= 0; k--) {
      const layer = this.layers[k];
      layer.joint.backward(layer, n);
      layer.share(k ? this.layers[k - 1].a : this.input, k ? this.layers[k - 1].da : null, n);
    }
  }

  /** Fills the parameters with the setting's initial weights. */
  initialise(setting) {
    for (const [k, layer] of this.layers.entries()) {
      initialise(layer.weights, layer.rows, layer.inputs, setting.initialiser, setting.seed, k);
      layer.biases.fill(setting.initialiser.bias);
      if (layer.learns) layer.negative[0] = layer.slope;
    }
  }
}

/** One layer: a weighted sum and its joint. Arrays are row by row. */
class Layer {
  constructor(described, parameters, gradients, from, capacity) {
    Object.assign(this, described);
    this.rows = this.units * this.pieces;
    this.learns = learnsSlope(described);
    this.activation = ACTIVATIONS[this.name] ?? null;
    this.joint = this.name === "maxout" ? maxout : this.name === "softmax" ? softmax : elementwise;
    const biases = from + this.rows * this.inputs;
    const end = biases + this.rows;
    /** Shape [rows, inputs]; rows are units × pieces. */
    this.weights = parameters.subarray(from, biases);
    this.biases = parameters.subarray(biases, end);
    this.weightGradients = gradients.subarray(from, biases);
    this.biasGradients = gradients.subarray(biases, end);
    /** The slope below 0: learned (PReLU), fixed, or nothing. */
    this.negative = this.learns
      ? parameters.subarray(end, end + 1)
      : new Float64Array([this.slope ?? 0]);
    this.negativeGradient = this.learns ? gradients.subarray(end, end + 1) : null;
    /** Of the last batch: sums, values, and the loss's gradient at both. */
    this.z = new Float64Array(capacity * this.rows);
    this.a = new Float64Array(capacity * this.units);
    this.dz = new Float64Array(capacity * this.rows);
    this.da = new Float64Array(capacity * this.units);
    this.chosen = this.pieces > 1 ? new Int32Array(capacity * this.units) : null;
  }

  sum(input, n) {
    const { weights, biases, z, rows, inputs } = this;
    for (let s = 0; s < n; s++) {
      const from = s * inputs;
      for (let r = 0; r < rows; r++) {
        const row = r * inputs;
        let sum = 0;
        for (let i = 0; i < inputs; i++) sum += weights[row + i] * input[from + i];
        z[s * rows + r] = sum + biases[r];
      }
    }
  }

  /** The gradient's share of weights and biases, and of the layer before. */
  share(input, before, n) {
    const { weights, weightGradients, biasGradients, dz, rows, inputs } = this;
    weightGradients.fill(0);
    biasGradients.fill(0);
    if (before) before.fill(0, 0, n * inputs);
    for (let s = 0; s < n; s++) {
      const from = s * inputs;
      for (let r = 0; r < rows; r++) {
        const g = dz[s * rows + r];
        const row = r * inputs;
        biasGradients[r] += g;
        for (let i = 0; i < inputs; i++) weightGradients[row + i] += g * input[from + i];
        if (before) for (let i = 0; i < inputs; i++) before[from + i] += g * weights[row + i];
      }
    }
  }
}
