// Every control of the playground as data: where its value stands in a setting, and what it is called.

import { actives, datasets, initialisers } from "./engine.js";

const ALL_LAYERS = "hidden.activation";

/** The groups, in the order in which a network comes about. */
export const GROUPS = [
  ["data", "Data"],
  ["network", "Network"],
  ["start", "First weights"],
  ["loss", "Loss"],
  ["descent", "Descent"],
];

const number = (group, key, label, unit, range, more = {}) => ({ group, key, label, unit, kind: "number", ...range, ...more });
const choice = (group, key, label, options, more = {}) => ({ group, key, label, kind: "choice", options, ...more });

/** A control: `key` names the place in the setting, `options` its values with their names. */
export const CONTROLS = [
  choice("data", "data.name", "Data set", datasets, { help: "What is to be learnt. Your own table goes into the field below." }),
  number("data", "data.samples", "Samples", "", { min: 20, max: 1000, step: 10 }, { only: ({ data }) => MADE.has(data.name) }),
  number("data", "data.noise", "Noise", "", { min: 0, max: 1, step: 0.05 }, { only: ({ data }) => MADE.has(data.name) }),
  { group: "data", key: "data.standardise", label: "Standardise the inputs", kind: "switch", help: "Each input gets mean 0 and standard deviation 1." },
  number("data", "data.seed", "Seed of the data", "", { min: 0, max: 9999, step: 1 }, { small: true }),
  choice("network", ALL_LAYERS, "Activation of all hidden layers", actives, { only: ({ network }) => network.hidden.length > 0 }),
  choice("network", "network.output", "Output", () => [["linear", "linear"], ["sigmoid", "sigmoid"], ["softmax", "softmax"]], { help: "What squashes the last layer. Cross-entropy wants it linear: it squashes by itself." }),
  choice("start", "initialiser.name", "Initialisation", initialisers, { help: "Where the weights stand before the first step." }),
  number("start", "initialiser.gain", "Gain", "×", { min: 0, max: 20, step: 0.1 }, { help: "Multiplies the first weights." }),
  number("start", "initialiser.bias", "First biases", "", { min: -10, max: 10, step: 0.1 }),
  number("start", "seed", "Seed of the weights", "", { min: 0, max: 9999, step: 1 }, { help: "The same seed gives the same weights, here, after a rewind, and in Python." }),
  choice("loss", "loss", "Loss", () => [["cross-entropy", "cross-entropy"], ["squared-error", "squared error"], ["hinge", "hinge"], ["huber", "Huber"]]),
  choice("descent", "optimizer.name", "Optimizer", () => [["sgd", "SGD"], ["momentum", "momentum"], ["adam", "Adam"]]),
  number("descent", "optimizer.rate", "Learning rate", "", { min: 1e-5, max: 100, step: "any", logarithmic: true }),
  number("descent", "optimizer.momentum", "Momentum", "", { min: 0, max: 0.99, step: 0.01 }, { only: ({ optimizer }) => optimizer.name === "momentum" }),
  number("descent", "optimizer.decay", "Weight decay", "per step", { min: 0, max: 1, step: "any" }, { small: true }),
  number("descent", "optimizer.clip", "Clip the gradient at", "0 = never", { min: 0, max: 100, step: "any" }, { small: true }),
  choice("descent", "optimizer.schedule", "Rate over time", () => [["constant", "constant"], ["cosine", "cosine, down to 0"], ["step", "in steps"], ["warm-up", "warm-up"]], { small: true }),
  number("descent", "batch", "Samples a step", "", { min: 1, max: 1000, step: 1 }),
  number("descent", "steps", "Stop after", "steps", { min: 1, max: 100000, step: 100 }, { small: true }),
];

const MADE = new Set(["blobs", "circles", "moons", "spirals", "xor", "sine", "bumps", "step", "gaussians"]);
