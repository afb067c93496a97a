// A setting: all that a training depends on, as plain JSON. What may stand in it is a table; one
// driver checks it, and says of each mistake where it is, what was given and what was expected.

import { ACTIVATIONS, INITIALISERS } from "./table.js";
import { SOURCES } from "./sources.js";
import { parsed } from "./csv.js";
import { LOSSES } from "./losses.js";
import { OPTIMIZERS, SCHEDULES } from "./optimizers.js";

export const VERSION = 1;
export const MOST_LAYERS = 8;
export const MOST_UNITS = 64;
const SEEDS = 2 ** 32 - 1;

/** Names that a hidden layer's activation can have. */
export const HIDDEN = [...Object.keys(ACTIVATIONS), "maxout"];

const number = (least, most, standard) => ({ kind: "number", least, most, standard });
const whole = (least, most, standard) => ({ kind: "whole", least, most, standard });
const one = (names, standard) => ({ kind: "one", names, standard });
const text = (most) => ({ kind: "text", most, optional: true });
const parts = (fields) => ({ kind: "parts", fields });
const several = (most, each, standard) => ({ kind: "several", most, each, standard });
const optional = (field) => ({ ...field, optional: true });

const LAYER = parts({
  units: whole(1, MOST_UNITS, 8),
  activation: one(HIDDEN, "tanh"),
  slope: optional(number(-10, 10)),
  pieces: optional(whole(2, 5)),
});

/** Every field, what may stand there, and what is taken where it is left out. */
export const FIELDS = parts({
  version: whole(1, VERSION, VERSION),
  data: parts({
    name: one(Object.keys(SOURCES), "circles"),
    samples: whole(1, 2000, 200),
    noise: number(0, 10, 0.1),
    standardise: { kind: "yes", standard: true },
    seed: whole(0, SEEDS, 0),
    csv: text(2_000_000),
    target: text(1000),
    task: optional(one(["classes", "values"])),
  }),
  network: parts({
    hidden: several(MOST_LAYERS, LAYER, [{ units: 8, activation: "tanh" }]),
    output: one(["linear", "sigmoid", "softmax"], "linear"),
  }),
  initialiser: parts({
    name: one(Object.keys(INITIALISERS), "glorot_uniform"),
    gain: number(-1000, 1000, 1),
    bias: number(-1000, 1000, 0),
    value: optional(number(-1000, 1000)),
  }),
  loss: one(Object.keys(LOSSES), "cross-entropy"),
  optimizer: parts({
    name: one(Object.keys(OPTIMIZERS), "sgd"),
    rate: number(0, 1e9, 0.1),
    momentum: number(0, 0.9999, 0),
    decay: number(0, 1000, 0),
    clip: number(0, 1e9, 0),
    schedule: one(Object.keys(SCHEDULES), "constant"),
  }),
  batch: whole(1, 2000, 32),
  seed: whole(0, SEEDS, 0),
  steps: whole(1, 1_000_000, 1000),
});

const CHECKS = {
  number: (field, given) => Number.isFinite(given) && given >= field.least && given <= field.most,
  whole: (field, given) => Number.isInteger(given) && given >= field.least && given <= field.most,
  one: (field, given) => field.names.includes(given),
  text: (_, given) => typeof given === "string",
  yes: (field, given) => typeof given === "boolean",
};

/**
 * The setting with what was left out filled in, or what is wrong with it.
 * @param {object} setting plain JSON, as from `JSON.parse`
 * @returns {{setting: object|null, errors: {at: string, word: string, given: *, expected: *}[]}}
 *   `word` is a key of `words.js` (ERRORS); `setting` is null if there are errors
 */
export function validated(setting) {
  const errors = [];
  const whole = filled(FIELDS, setting, "", errors);
  if (!errors.length) errors.push(...contradictions(whole));
  return { setting: errors.length ? null : whole, errors };
}

function filled(field, given, at, errors) {
  if (field.kind === "parts") return filledParts(field, given, at, errors);
  if (field.kind === "several") return filledList(field, given, at, errors);
  if (given === undefined) return field.standard;
  if (field.kind === "text" && given?.length > field.most) {
    errors.push({ at, word: "text-long", given: given.length, expected: String(field.most) });
  } else if (!CHECKS[field.kind](field, given)) {
    errors.push({ at, word: field.kind, given, expected: expected(field) });
  }
  return given;
}

function expected(field) {
  if (field.kind === "one") return field.names;
  return field.kind === "yes" ? [true, false] : [field.least, field.most];
}

function filledParts(field, given, at, errors) {
  if (given === undefined) given = {};
  if (given === null || typeof given !== "object" || Array.isArray(given)) {
    errors.push({ at, word: "parts", given, expected: Object.keys(field.fields) });
    return {};
  }
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(field.fields, key)) {
      errors.push({
        at: under(at, key),
        word: "unknown",
        given: key,
        expected: Object.keys(field.fields),
      });
    }
  }
  const made = {};
  for (const [key, inner] of Object.entries(field.fields)) {
    if (inner.optional && (given[key] === undefined || given[key] === null)) continue;
    made[key] = filled(inner, given[key], under(at, key), errors);
  }
  return made;
}

function filledList(field, given, at, errors) {
  const list = given === undefined ? field.standard : given;
  if (!Array.isArray(list) || list.length > field.most) {
    errors.push({
      at,
      word: "several",
      given: Array.isArray(list) ? list.length : list,
      expected: [0, field.most],
    });
    return [];
  }
  return list.map((each, i) => filled(field.each, each, `${at}[${i}]`, errors));
}

const under = (at, key) => (at ? `${at}.${key}` : key);

/**
 * What the data are: their number of features, and classes or values.
 * @param {object} setting filled in
 * @returns {{features: number, classes: number, unit: boolean, errors: object[]}} `classes` is 0
 *   for values; `unit` says whether all values are from 0 to 1
 */
export function described(setting) {
  const source = SOURCES[setting.data.name];
  if (!source.own)
    return { features: source.features, classes: source.classes, unit: false, errors: [] };
  const table = parsed(setting.data.csv ?? "", setting.data.target, setting.data.task);
  if (table.errors.length) return { features: 0, classes: 0, unit: false, errors: table.errors };
  const unit = !setting.data.standardise && table.targets.every((y) => y >= 0 && y <= 1);
  return { features: table.features, classes: table.classes.length, unit, errors: [] };
}

function contradictions(setting) {
  const data = described(setting);
  if (data.errors.length) return data.errors.map((error) => ({ at: "data.csv", ...error }));
  const output = setting.network.output;
  if (data.classes) return [];
  const binary = setting.loss === "cross-entropy" && data.unit;
  const found = [];
  if (LOSSES[setting.loss].ofClasses && !binary) {
    found.push({
      at: "loss",
      word: "loss-of-classes",
      given: setting.loss,
      expected: ["squared-error", "huber"],
    });
  }
  if (output === "softmax") {
    found.push({
      at: "network.output",
      word: "softmax-of-values",
      given: output,
      expected: ["linear", "sigmoid"],
    });
  }
  return found;
}

/**
 * The setting with a change, as a finding's remedy proposes it.
 * @param {object} setting
 * @param {Object<string, *>} change new values by path, such as {"optimizer.rate": 0.01}; a path
 *   may name a hidden layer, "network.hidden[2].activation", or all: "network.hidden[].activation"
 * @returns {object} a new setting
 */
export function changed(setting, change) {
  const made = structuredClone(setting);
  for (const [path, value] of Object.entries(change)) put(made, path.split("."), value);
  return made;
}

function put(place, [key, ...rest], value) {
  const [, name, index] = /^(\w+)(?:\[(\d*)\])?$/.exec(key);
  const one =
    index === undefined ? null : index === "" ? place[name] : [place[name][Number(index)]];
  if (!rest.length) {
    if (one === null) place[name] = structuredClone(value);
    else
      one.forEach(
        (_, i) => (place[name][index === "" ? i : Number(index)] = structuredClone(value)),
      );
    return;
  }
  for (const each of one ?? [place[name]]) put(each, rest, value);
}
