// Remedies as changes of the setting. The word is a key of REMEDIES in words.js.

import { ACTIVATIONS } from "./table.js";

const LEAK = "leaky_relu";

/** What fits the activations of the hidden layers: He for rectifiers, Glorot for the others. */
export const fitting = (run) =>
  run.hidden.some(({ layer }) => rectifies(layer)) ? "he_normal" : "glorot_uniform";

const rectifies = (layer) =>
  layer.name === "maxout" || ACTIVATIONS[layer.name]?.silent === "low" || layer.negative[0] !== 0;

const remedy = (word, change, data = {}) => ({ word, data, change });

export const lowerRate = ({ setting }) => {
  const rate = Number((setting.optimizer.rate / 10).toPrecision(6));
  return remedy(
    "lower-rate",
    { "optimizer.rate": rate },
    { from: setting.optimizer.rate, to: rate },
  );
};

export const raiseRate = ({ setting }) => {
  const rate = Number((setting.optimizer.rate * 10).toPrecision(6));
  return remedy(
    "raise-rate",
    { "optimizer.rate": rate },
    { from: setting.optimizer.rate, to: rate },
  );
};

export const warmUp = () => remedy("warm-up", { "optimizer.schedule": "warm-up" });

export const clipGradient = () => remedy("clip", { "optimizer.clip": 1 });

export const standardise = () => remedy("standardise", { "data.standardise": true });

export const startAnew = (run, name = fitting(run)) =>
  remedy(
    "initialise",
    { "initialiser.name": name, "initialiser.gain": 1, "initialiser.bias": 0 },
    { name },
  );

export const smallerStart = ({ setting }) => {
  const gain = Number((setting.initialiser.gain / 10).toPrecision(6));
  return remedy("smaller-start", { "initialiser.gain": gain, "initialiser.bias": 0 }, { to: gain });
};

/** Another activation in the hidden layers of these numbers. */
export const swap = (run, numbers, name, start) => {
  const change = Object.fromEntries(numbers.map((k) => [`network.hidden[${k}].activation`, name]));
  return remedy(
    start ? "swap-and-start" : "swap",
    start ? { ...change, "initialiser.name": start } : change,
    { name, start: start ?? "" },
  );
};

export const leak = (run, numbers) => swap(run, numbers, LEAK);

export const dropSoftmax = () => remedy("drop-softmax", { "network.output": "linear" });

/** Cross-entropy of logits; values, which have no classes, need an output that is not squashed. */
export const unsquash = ({ classes }) =>
  classes
    ? remedy("cross-entropy", { loss: "cross-entropy", "network.output": "linear" })
    : remedy("linear-output", { "network.output": "linear" });
