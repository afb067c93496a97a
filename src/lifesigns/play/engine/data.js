// The data of a setting: made, unpacked or read; divided; standardised; targets as rows.

import { SOURCES } from "./sources.js";
import { kept } from "./kept.js";
import { parsed } from "./csv.js";
import { PURPOSES, Stream } from "./generator.js";

const HELD_OUT = 5; // one sample in so many is kept for measuring

/**
 * Samples to train on and to measure with.
 * @param {object} setting a whole one, as `validated` returns it
 * @returns {{features: number, classes: string[], names: string[], train: Samples, test: Samples,
 *   scale: {means: Float64Array, spreads: Float64Array, targetMean: number, targetSpread: number}}}
 *   Samples are {rows, inputs, targets, raw, rawTargets}: inputs row by row, targets numbers of
 *   classes or values, both as the network sees them, `(x - means) / spreads`, and as they were.
 *   Means and spreads are of the training samples.
 */
export function dataOf(setting) {
  const table = tableOf(setting.data);
  const order = new Int32Array(table.rows);
  new Stream(setting.data.seed, PURPOSES.split).permute(order);
  const held = Math.floor(table.rows / HELD_OUT);
  const train = chosen(table, order.subarray(0, table.rows - held));
  const test = chosen(table, order.subarray(table.rows - held));
  const scale = scaleOf(train, table, setting.data.standardise);
  for (const samples of [train, test]) rescale(samples, table, scale);
  return {
    features: table.features,
    classes: table.classes,
    names: table.names,
    train,
    test,
    scale,
  };
}

/**
 * All samples of the setting's data, nothing scaled, in their own order.
 * @param {object} data the part of a setting
 */
export function tableOf(data) {
  const source = SOURCES[data.name];
  if (source.own) return parsed(data.csv, data.target, data.task);
  return source.kept ? kept(data.name) : made(source, data);
}

function made(source, { samples, noise, seed }) {
  const place = new Stream(seed, PURPOSES.place);
  const off = new Stream(seed, PURPOSES.noise);
  const inputs = new Float64Array(samples * source.features);
  const targets = new Float64Array(samples);
  for (let i = 0; i < samples; i++) {
    if (source.of) {
      inputs[i] = 2 * place.uniform(2 * i) - 1;
      targets[i] = source.of(inputs[i]) + noise * off.normal(2 * i);
      continue;
    }
    const k = i % source.classes;
    const [x, y] = source.at(k, place.uniform(2 * i), place.uniform(2 * i + 1));
    targets[i] = source.label ? source.label(x, y) : k;
    inputs[2 * i] = x + noise * off.normal(2 * i);
    inputs[2 * i + 1] = y + noise * off.normal(2 * i + 1);
  }
  const classes = Array.from({ length: source.classes }, (_, k) => String(k));
  const names = source.of ? ["x", "y"] : ["x1", "x2", "y"];
  return { features: source.features, names, classes, rows: samples, inputs, targets };
}

function chosen(table, order) {
  const { features } = table;
  const inputs = new Float64Array(order.length * features);
  const targets = new Float64Array(order.length);
  for (let i = 0; i < order.length; i++) {
    targets[i] = table.targets[order[i]];
    for (let j = 0; j < features; j++)
      inputs[i * features + j] = table.inputs[order[i] * features + j];
  }
  return { rows: order.length, inputs, targets, raw: inputs.slice(), rawTargets: targets.slice() };
}

function scaleOf(train, table, standardise) {
  const means = new Float64Array(table.features);
  const spreads = new Float64Array(table.features).fill(1);
  const scale = { means, spreads, targetMean: 0, targetSpread: 1 };
  if (!standardise) return scale;
  for (let j = 0; j < table.features; j++) {
    [means[j], spreads[j]] = moments(train.inputs, j, table.features, train.rows);
  }
  if (!table.classes.length)
    [scale.targetMean, scale.targetSpread] = moments(train.targets, 0, 1, train.rows);
  return scale;
}

function moments(values, from, by, count) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += values[from + i * by];
  const mean = sum / count;
  let square = 0;
  for (let i = 0; i < count; i++)
    square += (values[from + i * by] - mean) * (values[from + i * by] - mean);
  const spread = Math.sqrt(square / count);
  return [mean, spread > 0 ? spread : 1];
}

function rescale(samples, table, scale) {
  for (let i = 0; i < samples.inputs.length; i++) {
    const j = i % table.features;
    samples.inputs[i] = (samples.inputs[i] - scale.means[j]) / scale.spreads[j];
  }
  if (table.classes.length) return;
  for (let i = 0; i < samples.rows; i++) {
    samples.targets[i] = (samples.targets[i] - scale.targetMean) / scale.targetSpread;
  }
}

/**
 * How many output units a setting has for its data.
 * @param {object} setting
 * @param {number} classes how many; 0 for values
 */
export function outputUnits(setting, classes) {
  if (!classes) return 1;
  return classes === 2 && setting.network.output !== "softmax" ? 1 : classes;
}

/**
 * Targets as rows of `units` numbers: one-hot, 0 or 1, or the value itself.
 * @param {Samples} samples
 * @param {number} classes
 * @param {number} units
 * @returns {Float64Array}
 */
export function targetRows(samples, classes, units) {
  const rows = new Float64Array(samples.rows * units);
  for (let i = 0; i < samples.rows; i++) {
    if (units === 1) rows[i] = samples.targets[i];
    else rows[i * units + samples.targets[i]] = 1;
  }
  return rows;
}
