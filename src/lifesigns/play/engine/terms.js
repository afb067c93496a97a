// One batch term by term: forward, loss, backward, update, with the numbers.

import { LOSSES } from "./losses.js";
import { ACTIVATIONS } from "./table.js";

/**
 * The next step of a training, taken apart; the training itself does not move.
 * @param {Training} training
 * @returns {{step: number, rate: number, size: number, rows: Int32Array, input: Float64Array,
 *   target: Float64Array, forward: {layer: number, z: Float64Array, a: Float64Array}[],
 *   output: Float64Array, loss: number, outputGradient: Float64Array,
 *   backward: {layer: number, da: Float64Array, slope: Float64Array|null, dz: Float64Array,
 *     weights: Float64Array, biases: Float64Array}[],
 *   norm: number, clipped: number,
 *   update: {layer: number, weights: {before, gradient, change, after}, biases: {before, gradient, change, after}}[]}}
 *   `forward` from the first layer on, `backward` from the last; `clipped` is the factor of clipping
 */
export function terms(training) {
  const { network, setting, units } = training;
  const loss = training.compute();
  const n = training.size;
  const held = { parameters: training.parameters.slice(), gradients: training.gradients.slice() };
  const memory = training.memory.map((each) => each.slice());
  const taken = {
    step: training.stepsMade,
    rate: training.rate,
    size: n,
    rows: training.rows.slice(0, n),
    input: network.input.slice(0, n * training.data.features),
    target: training.target.slice(0, n * units),
    forward: network.layers.map((each, layer) => ({
      layer,
      z: each.z.slice(0, n * each.rows),
      a: each.a.slice(0, n * each.units),
    })),
    output: network.output.slice(0, n * units),
    loss,
    outputGradient: network.last.da.slice(0, n * units),
    backward: network.layers.map((each, layer) => backwardOf(each, layer, n)).reverse(),
  };
  training.update();
  const norm = training.norm;
  const clipped =
    setting.optimizer.clip > 0 ? Math.min(1, setting.optimizer.clip / (norm + 1e-6)) : 1;
  const update = network.layers.map((each, layer) => ({
    layer,
    weights: changeOf(training, each.weights, held),
    biases: changeOf(training, each.biases, held),
  }));
  training.parameters.set(held.parameters);
  training.memory.forEach((each, i) => each.set(memory[i]));
  return { ...taken, norm, clipped, update };
}

function backwardOf(layer, number, n) {
  const slope = layer.activation ? new Float64Array(n * layer.units) : null;
  if (slope) layer.activation.slopes(layer.z, slope, n * layer.units, layer.negative[0]);
  return {
    layer: number,
    da: layer.da.slice(0, n * layer.units),
    slope,
    dz: layer.dz.slice(0, n * layer.rows),
    weights: layer.weightGradients.slice(),
    biases: layer.biasGradients.slice(),
  };
}

function changeOf(training, array, held) {
  const from = (array.byteOffset - training.parameters.byteOffset) / 8;
  const before = held.parameters.slice(from, from + array.length);
  const gradient = held.gradients.slice(from, from + array.length);
  const after = array.slice();
  return { before, gradient, change: after.map((value, i) => value - before[i]), after };
}

/**
 * One neuron with one input: what it says and how wrong it is by a loss, with its gradients.
 * @param {{w: number, b: number, x: number, y: number}} at
 * @param {string} loss as in a setting
 * @param {string} [output] "sigmoid" or "linear"
 * @returns {{z: number, a: number, loss: number, da: number, slope: number, dz: number, dw: number, db: number}}
 */
export function neuron({ w, b, x, y }, loss, output = "sigmoid") {
  const activation = ACTIVATIONS[output === "sigmoid" ? "sigmoid" : "identity"];
  const criterion = LOSSES[loss].of(output, 1);
  const z = w * x + b;
  const a = activation.value(z);
  const gradient = new Float64Array(1);
  criterion.gradient([a], [y], gradient, 1, 1);
  const slope = activation.derivative(z);
  const dz = gradient[0] * slope;
  return {
    z,
    a,
    loss: criterion.value([a], [y], 1, 1),
    da: gradient[0],
    slope,
    dz,
    dw: dz * x,
    db: dz,
  };
}
