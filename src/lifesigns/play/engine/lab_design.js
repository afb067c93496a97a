// A setting as a design of `lifesigns lab`.

import { SOURCES } from "./sources.js";
import { ACTIVATIONS } from "./table.js";
import { tableOf } from "./data.js";
import { described } from "./setting.js";

export const CSV_NAME = "samples.csv";

/** What the lab has no word for, each with its test. */
const LEFT = {
  "lab-activations": ({ network }) =>
    new Set(network.hidden.map((each) => each.activation)).size > 1,
  "lab-activation": ({ network }) => network.hidden.some((each) => !nameOf(each.activation)),
  "lab-slope": ({ network }) =>
    network.hidden.some((each) => each.slope !== undefined || (each.pieces ?? 2) !== 2),
  "lab-output": ({ network }) => network.output !== "linear",
  "lab-two-outputs": (setting) => described(setting).classes === 2,
  "lab-initialiser": ({ initialiser }) =>
    initialiser.gain !== 1 || initialiser.bias !== 0 || initialiser.value !== undefined,
  "lab-clip": ({ optimizer }) => optimizer.clip > 0,
  "lab-schedule": ({ optimizer }) => optimizer.schedule !== "constant",
  "lab-raw": ({ data }) => !data.standardise,
  "lab-seed": () => true,
};

const nameOf = (activation) => {
  if (activation === "maxout" || ACTIVATIONS[activation].lab)
    return activation === "identity" ? "none" : activation;
  return ACTIVATIONS[activation].linear ? "none" : null;
};

/**
 * The nearest design of the lab, the samples it names, and what of the setting it cannot say.
 * @param {object} setting a whole one
 * @returns {{toml: string, csv: string|null, left: string[]}} `csv` is to be saved beside it as
 *   `CSV_NAME`; `left` are keys of LEFT in words.js
 */
export function labDesign(setting) {
  const { data, network, optimizer } = setting;
  const bundled = SOURCES[data.name].kept;
  const [first] = network.hidden;
  const lines = [
    `data = ${JSON.stringify(bundled ? data.name : CSV_NAME)}`,
    `hidden = [${network.hidden.map((each) => each.units).join(", ")}]`,
    `activations = [${JSON.stringify(first ? (nameOf(first.activation) ?? "leaky_relu") : "none")}]`,
    `initialisers = [${JSON.stringify(setting.initialiser.name)}]`,
    `losses = [${JSON.stringify(setting.loss.replace("-", "_"))}]`,
    `optimizers = [${JSON.stringify(optimizer.name === "momentum" ? "sgd" : optimizer.name)}]`,
    `rates = [${optimizer.rate}]`,
    `steps = ${setting.steps}`,
    `batch_size = ${setting.batch}`,
    `momentum = ${optimizer.name === "momentum" ? optimizer.momentum : 0.0}`,
    `weight_decay = ${optimizer.decay}`,
  ];
  const left = Object.keys(LEFT).filter((word) => LEFT[word](setting));
  return { toml: lines.join("\n") + "\n", csv: bundled ? null : csvOf(tableOf(data)), left };
}

function csvOf({ names, classes, rows, features, inputs, targets }) {
  const lines = [names.map(quoted).join(",")];
  for (let i = 0; i < rows; i++) {
    const target = classes.length ? quoted(classes[targets[i]]) : targets[i];
    lines.push([...inputs.subarray(i * features, (i + 1) * features), target].join(","));
  }
  return lines.join("\n") + "\n";
}

const quoted = (name) => (/[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);
