// What a lesson can measure of a training; each exported function is one measure.
//
// The first argument is a training, the second what the lesson says beside it (`layer` counts from 1).

import { startOf } from "../engine/training.js";
import { findings } from "../engine/findings.js";
import { meanSlopes } from "./probe.js";

const SAME = 1e-9; // of two units' values, relative to their size
const SAMPLES = 256;

/** Loss over the samples learnt from. */
export function loss(training) {
  return training.loss("train");
}

/** Loss before the first step. */
export function firstLoss(training) {
  return startOf(training.setting, training.data).loss("train");
}

/** Loss over the samples held out. */
export function testLoss(training) {
  return training.loss("test");
}

/** Share of the samples learnt from that are right; of values the share of variance explained. */
export function accuracy(training) {
  return training.accuracy("train");
}

/** The same of the samples held out. */
export function testAccuracy(training) {
  return training.accuracy("test");
}

/** Steps made. */
export function steps(training) {
  return training.stepsMade;
}

/** Weights, biases and slopes. */
export function parameters(training) {
  return training.parameters.length;
}

/** Weights and biases of a layer. */
export function layerParameters(training, { layer }) {
  const { rows, inputs, learns } = training.layers[layer - 1];
  return rows * (inputs + 1) + (learns ? 1 : 0);
}

/** Units of a layer that do not all compute the same: how many different ones there are. */
export function differentUnits(training, { layer }) {
  const values = seen(training, layer);
  const { units } = training.layers[layer - 1];
  const count = values.length / units;
  const found = [];
  for (let unit = 0; unit < units; unit++) {
    const own = Float64Array.from({ length: count }, (_, i) => values[i * units + unit]);
    if (!found.some((other) => own.every((value, i) => Math.abs(value - other[i]) <= SAME * (1 + Math.abs(value))))) found.push(own);
  }
  return found.length;
}

/** Share of the units of all hidden layers (or of one) that give 0 for every sample. */
export function deadShare(training, { layer }) {
  const layers = training.layers.slice(0, -1).flatMap((_, k) => (layer && k !== layer - 1 ? [] : [k]));
  let dead = 0;
  let all = 0;
  for (const k of layers) {
    const { units } = training.layers[k];
    const values = seen(training, k + 1);
    for (let unit = 0; unit < units; unit++) {
      let silent = true;
      for (let i = unit; i < values.length && silent; i += units) silent = values[i] === 0;
      dead += silent ? 1 : 0;
      all += 1;
    }
  }
  return dead / all;
}

/** The largest size of a weight of a layer. */
export function largestWeight(training, { layer }) {
  return largest(training.layers[layer - 1].weights);
}

/** The largest size of a weight's gradient in a layer, over all samples. */
export function largestGradient(training, { layer }) {
  return largest(wholeGradient(training, ({ weightGradients }) => weightGradients)[layer - 1]);
}

/** The largest size of a bias's gradient in a layer in the first step. */
export function firstBiasGradient(training, { layer }) {
  const start = startOf(training.setting, training.data);
  start.compute();
  return largest(start.layers[layer - 1].biasGradients);
}

/** Size of the first layer's gradient over the last one's: at the start, or of the layers named. */
export function gradientRatio(training, { first = 1, last }) {
  const start = startOf(training.setting, training.data);
  const gradients = wholeGradient(start, ({ weightGradients }) => weightGradients);
  return size(gradients[first - 1]) / size(gradients[(last ?? gradients.length) - 1]);
}

/** Size of ∂L/∂z at the first layer over that at the output, for the first batch. */
export function errorRatio(training) {
  const start = startOf(training.setting, training.data);
  start.compute();
  const sizes = start.layers.map(({ dz, rows }) => size(dz.subarray(0, start.size * rows)));
  return sizes[0] / sizes.at(-1);
}

/** The lowest share that is right after as many steps, over seeds 0 … n − 1 of the weights. */
export function worstOfSeeds(training, { seeds }) {
  return Math.min(...ofSeeds(training, seeds));
}

/** The highest. */
export function bestOfSeeds(training, { seeds }) {
  return Math.max(...ofSeeds(training, seeds));
}

/** Mean slope of a layer's activation over units and samples. */
export function meanSlope(training, { layer }) {
  return meanSlopes(training)[layer - 1];
}

/** Product of the mean slopes of all hidden layers, at the start. */
export function slopeProduct(training) {
  return meanSlopes(startOf(training.setting, training.data)).slice(0, -1).reduce((product, slope) => product * (slope ?? 1), 1);
}

/** Share of a layer's values where its slope is nearly 0. */
export function flatShare(training, { layer }) {
  const { activation, units, negative } = training.layers[layer - 1];
  const { features, train } = training.data;
  let flat = 0;
  training.walk(train.inputs.subarray(0, train.rows * features), (n) => {
    const { z } = training.scratch.layers[layer - 1];
    for (let i = 0; i < n * units; i++) flat += Math.abs(activation.derivative(z[i], negative[0])) < activation.flat ? 1 : 0;
  });
  return flat / (train.rows * units);
}

/** Mean of a layer's values over units and samples. */
export function meanValue(training, { layer }) {
  const values = seen(training, layer);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** How far a layer's gradients of one sample go with one sign, mean over units, at the start: 1 is all. */
export function signCoherence(training, { layer }) {
  const start = startOf({ ...training.setting, batch: 1 }, training.data);
  let total = 0;
  let count = 0;
  for (let i = 0; i < Math.min(20, training.data.train.rows); i++) {
    start.compute();
    const { weightGradients, rows, inputs } = start.layers[layer - 1];
    for (let row = 0; row < rows; row++) {
      const own = weightGradients.subarray(row * inputs, (row + 1) * inputs);
      const length = own.reduce((sum, g) => sum + Math.abs(g), 0);
      if (length > 0) {
        total += Math.abs(own.reduce((sum, g) => sum + g, 0)) / length;
        count += 1;
      }
    }
    start.stepsMade += 1;
  }
  return count ? total / count : NaN;
}

/** Length of the way of a layer's weights over the straight line from start to end. */
export function detour(training, { layer }) {
  const again = startOf(training.setting, training.data);
  const weights = again.layers[layer - 1].weights;
  const first = weights.slice();
  let before = weights.slice();
  let length = 0;
  while (again.stepsMade < training.stepsMade && !again.broken) {
    again.step();
    length += distance(weights, before);
    before = weights.slice();
  }
  return length / distance(weights, first);
}

/** Steps until the loss over all samples is below a bound; infinite if it never is. */
export function stepsToLoss(training, { bound }) {
  return stepsUntil(training, (again) => again.loss("train") < bound);
}

/** Steps until so large a share of all samples is right. */
export function stepsToAccuracy(training, { bound }) {
  return stepsUntil(training, (again) => again.accuracy("train") >= bound);
}

/** Steps until the output of the first sample is half of what it was. */
export function stepsToHalf(training) {
  const start = startOf(training.setting, training.data);
  const half = firstOutput(start) / 2;
  return stepsUntil(training, (again) => firstOutput(again) <= half);
}

/** What the network says of the first sample. */
export function output(training) {
  return firstOutput(training);
}

/** What it said of it before the first step. */
export function outputAtStart(training) {
  return firstOutput(startOf(training.setting, training.data));
}

/** How far the first step moved that. */
export function firstMove(training) {
  const start = startOf(training.setting, training.data);
  const before = firstOutput(start);
  start.step();
  return Math.abs(firstOutput(start) - before);
}

/** The largest error over the samples learnt from. */
export function largestError(training) {
  const { train } = training.data;
  const said = training.predict(train.inputs);
  let most = 0;
  for (let i = 0; i < train.rows; i++) most = Math.max(most, Math.abs(said[i] - train.targets[i]));
  return most;
}

/** The same as a share of what the largest error of the best constant is. */
export function distanceFromLine(training) {
  const { train, features } = training.data;
  const zero = training.network.layers[0].inputs;
  const base = training.activations(new Float64Array(zero)).at(-1);
  let most = 0;
  let scale = 0;
  const all = training.activations(train.inputs.subarray(0, Math.min(train.rows, SAMPLES) * features)).at(-1);
  const { units } = training;
  const slopes = Array.from({ length: features }, (_, j) => {
    const unit = new Float64Array(features);
    unit[j] = 1;
    return training.activations(unit).at(-1);
  });
  for (let i = 0; i < all.length / units; i++) {
    for (let k = 0; k < units; k++) {
      let straight = base[k];
      for (let j = 0; j < features; j++) straight += train.inputs[i * features + j] * (slopes[j][k] - base[k]);
      most = Math.max(most, Math.abs(all[i * units + k] - straight));
      scale = Math.max(scale, Math.abs(all[i * units + k]));
    }
  }
  return scale > 0 ? most / scale : most;
}

/** How far probabilities are from how often it is so: mean gap over ten groups of equal width. */
export function calibrationError(training) {
  const { test, train } = training.data;
  const samples = test.rows ? test : train;
  const said = training.predict(samples.inputs);
  const groups = Array.from({ length: 10 }, () => ({ said: 0, right: 0, count: 0 }));
  for (let i = 0; i < samples.rows; i++) {
    const group = groups[Math.min(9, Math.floor(10 * said[i]))];
    group.said += said[i];
    group.right += samples.targets[i];
    group.count += 1;
  }
  return groups.reduce((sum, { said: mean, right, count }) => sum + Math.abs(mean - right), 0) / samples.rows;
}

/** 1 where the finding of a name is among those of the run, else 0. */
export function finds(training, { rule }) {
  return findings(training).some((finding) => finding.rule === rule) ? 1 : 0;
}

/** Errors and warnings among the findings. */
export function alarms(training) {
  return findings(training).filter(({ severity }) => severity !== "note").length;
}

/** The learned slope of a layer's PReLU. */
export function learnedSlope(training, { layer }) {
  return training.layers[layer - 1].negative[0];
}

/** Share of seeds 0 … n − 1 whose network gives the same for every sample, before any step. */
export function bornDead(training, { seeds }) {
  let dead = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const born = startOf({ ...training.setting, seed }, training.data);
    const said = born.activations(born.data.train.inputs).at(-1);
    dead += said.every((value) => Math.abs(value - said[0]) < 1e-12) ? 1 : 0;
  }
  return dead / seeds;
}

/** Time of a million values of an activation over that of ReLU, on this machine. */
export function costOverRelu(training, { layer }) {
  return training.layers.length && timed(training.layers[layer - 1].activation) / timed(RELU);
}

const RELU = { values: (z, a, n) => { for (let i = 0; i < n; i++) a[i] = Math.max(z[i], 0); } };

function timed(activation) {
  const z = Float64Array.from({ length: 4096 }, (_, i) => (i % 97) / 16 - 3);
  const a = new Float64Array(4096);
  let best = Infinity;
  for (let turn = 0; turn < 12; turn++) {
    const from = performance.now();
    for (let again = 0; again < 40; again++) activation.values(z, a, 4096, 0.25);
    best = Math.min(best, performance.now() - from);
  }
  return Math.max(best, 1e-3);
}

function ofSeeds(training, seeds) {
  return Array.from({ length: seeds }, (_, seed) => {
    const again = startOf({ ...training.setting, seed }, training.data);
    again.steps(training.stepsMade);
    return again.accuracy("train");
  });
}

function stepsUntil(training, isThere) {
  const again = startOf(training.setting, training.data);
  while (!isThere(again)) {
    if (again.stepsMade >= training.stepsMade || again.broken) return Infinity;
    again.step();
  }
  return again.stepsMade;
}

function firstOutput(training) {
  return training.predict(training.data.train.inputs.subarray(0, training.data.features))[0];
}

/** A layer's values for some samples. */
function seen(training, layer) {
  const { features, train } = training.data;
  return training.activations(train.inputs.subarray(0, Math.min(train.rows, SAMPLES) * features))[layer - 1];
}

/** Gradients of the loss over all samples, layer by layer; the training does not move. */
function wholeGradient(training, part) {
  const all = startOf({ ...training.setting, batch: training.data.train.rows }, training.data);
  all.parameters.set(training.parameters);
  all.compute();
  return all.layers.map((layer) => part(layer).slice());
}

function largest(values) {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function size(values) {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

function distance(a, b) {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0));
}
