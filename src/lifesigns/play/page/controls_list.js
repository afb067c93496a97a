// Every control of the playground as data: where its value stands in a setting, and what it is called.

import { say } from "../../report/page/browser/words.js";
import { known } from "./engine.js";
import { ALL_LAYERS, HIDDEN, WIDTH } from "./setting_keys.js";

/** The groups, in the order in which a network comes about. */
export const GROUPS = [
  ["data", "Data"],
  ["network", "Network"],
  ["start", "First weights"],
  ["loss", "Loss"],
  ["descent", "Descent"],
];

const FAMILIAR = ["relu", "leaky_relu", "prelu", "maxout", "sigmoid", "tanh", "elu", "selu", "gelu", "silu", "softplus", "identity"];
const KINDS = [
  ["two classes", ["circles", "moons", "spirals", "xor", "blobs"]],
  ["more classes", ["three-blobs", "iris", "wine", "digits"]],
  ["a curve", ["line", "sine", "parabola", "step", "corner", "waves"]],
  ["your own", ["own"]],
];
const DATA_NAMES = { circles: "circles", moons: "moons", spirals: "spirals", xor: "XOR", blobs: "blobs", "three-blobs": "three blobs", iris: "iris", wine: "wine", digits: "digits, 8 × 8", line: "line", sine: "sine", parabola: "parabola", step: "step", corner: "corner", waves: "waves", own: "your own table" };

/** A data set's name to read. */
export function dataName(key) {
  return DATA_NAMES[key] ?? key;
}

function datasets() {
  const grouped = KINDS.flatMap(([group, names]) => names.filter((name) => known().sources[name]).map((name) => [name, dataName(name), group]));
  const listed = new Set(grouped.map(([name]) => name));
  return [...grouped, ...Object.keys(known().sources).filter((name) => !listed.has(name)).map((name) => [name, name, "others"])];
}

/** Activations as pairs of value and name, the subject's own first. */
export function actives() {
  const { activations } = known();
  const familiar = FAMILIAR.filter((name) => activations.includes(name));
  const rest = activations.filter((name) => !familiar.includes(name));
  return [...familiar.map((name) => [name, title(name), "the textbook's"]), ...rest.map((name) => [name, title(name), "the whole catalogue"])];
}

/** An activation as it is written. */
export function title(name) {
  const known = { relu: "ReLU", leaky_relu: "leaky ReLU", prelu: "PReLU", elu: "ELU", selu: "SELU", celu: "CELU", gelu: "GELU", silu: "SiLU", relu6: "ReLU6", squared_relu: "squared ReLU", rrelu: "RReLU", identity: "identity (linear)" };
  const text = known[name] ?? name.replaceAll("_", " ");
  return say(text);
}

/** What an activation computes. */
export function formula(name) {
  return known().formulas[name] ?? "max(w₁·x + b₁, w₂·x + b₂, …)";
}

function initialisers() {
  return known().initialisers.map((name) => [name, name.replace("glorot", "Glorot").replace("he_", "He_").replace("lecun", "LeCun").replace("torch_default", "PyTorch’s default").replaceAll("_", " ")]);
}

const isMade = ({ data }) => !known().sources[data.name].kept && !known().sources[data.name].own;
const choice = (group, key, label, options, more = {}) => ({ group, key, label, kind: "choice", options, ...more });
const number = (group, key, label, min, max, step, more = {}) => ({ group, key, label, kind: "number", min, max, step, ...more });
const fixed = (...pairs) => () => pairs;

/** A control: `key` is the place in the setting, `ladder` steps by 1, 2, 5, `rare` stands folded away. */
export const CONTROLS = [
  choice("data", "data.name", "Data set", datasets),
  number("data", "data.samples", "Samples", 10, 2000, 20, { only: isMade }),
  number("data", "data.noise", "Noise", 0, 10, 0.05, { only: isMade }),
  { group: "data", key: "data.standardise", label: "Standardise", kind: "switch", help: "Gives each input mean 0 and standard deviation 1. Without it large inputs drown the small ones." },
  number("data", "data.seed", "Seed of the data", 0, 2 ** 32 - 1, 1, { rare: true }),
  { group: "network", key: HIDDEN, label: "Hidden layers", kind: "text", compared: true, help: "Layers from the input to the output, such as 8 relu, 4 tanh; nothing for none." },
  choice("network", ALL_LAYERS, "Activation, all layers", actives, { compared: true, only: ({ network }) => network.hidden.length > 0 }),
  number("network", WIDTH, "Units, all layers", 1, 64, 1, { compared: true, only: ({ network }) => network.hidden.length > 0 }),
  choice("network", "network.output", "Output", fixed(["linear", "linear"], ["sigmoid", "sigmoid"], ["softmax", "softmax"]), { help: "What squashes the last sums. Cross-entropy squashes by itself: leave its output linear." }),
  choice("start", "initialiser.name", "Initialisation", initialisers, { help: "The law by which the first weights are drawn." }),
  number("start", "initialiser.gain", "Gain", -1000, 1000, 0.1, { help: "Multiplies the first weights." }),
  number("start", "initialiser.value", "Value", -1000, 1000, 0.1, { only: ({ initialiser }) => initialiser.name === "constant" }),
  number("start", "initialiser.bias", "First biases", -1000, 1000, 0.1, { rare: true }),
  number("start", "seed", "Seed", 0, 2 ** 32 - 1, 1, { help: "The same seed draws the same weights: here, after going back, and in Python." }),
  choice("loss", "loss", "Loss function", fixed(["cross-entropy", "cross-entropy"], ["squared-error", "squared error"], ["hinge", "hinge"], ["huber", "Huber"])),
  choice("descent", "optimizer.name", "Optimizer", fixed(["sgd", "SGD"], ["momentum", "SGD with momentum"], ["adam", "Adam"])),
  number("descent", "optimizer.rate", "Learning rate", 0, 1e9, "any", { ladder: 0.001 }),
  number("descent", "optimizer.momentum", "Momentum", 0, 0.9999, 0.1, { only: ({ optimizer }) => optimizer.name === "momentum" }),
  number("descent", "batch", "Batch", 1, 2000, "any", { ladder: 1, unit: "samples", whole: true }),
  choice("descent", "optimizer.schedule", "Rate over time", fixed(["constant", "constant"], ["cosine", "cosine, down to 0"], ["step", "a tenth after each third"], ["warm-up", "warm-up over a tenth"]), { rare: true }),
  number("descent", "optimizer.decay", "Weight decay", 0, 1000, "any", { ladder: 0.0001, rare: true }),
  number("descent", "optimizer.clip", "Clip gradient norm", 0, 1e9, "any", { ladder: 0.1, rare: true, unit: "0 = off" }),
  number("descent", "steps", "Stop after", 1, 1_000_000, "any", { ladder: 1, rare: true, unit: "steps", whole: true }),
];

/** The control of a key. */
export function controlOf(key) {
  return CONTROLS.find((each) => each.key === key) ?? null;
}
