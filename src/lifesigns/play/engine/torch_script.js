// A training as a PyTorch script that repeats it: the same samples, initial weights and batches.

import { ACTIVATIONS } from "./table.js";
import { PURPOSES } from "./generator.js";
import { Training } from "./training.js";
import { exactly, python, wrapped } from "./python_text.js";

/**
 * A readable script with the data and the initial weights in it, in double precision, which trains
 * with the page's batches and prints its losses.
 * @param {Training} training its setting and data count, not how far it has come
 * @param {number} [steps] how many the script makes; by default those made, or else the setting's
 * @returns {string} Python
 */
export function torchScript(training, steps = training.stepsMade || training.setting.steps) {
  const start = new Training(training.setting, training.data);
  const shuffles = start.batch < start.data.train.rows;
  return (
    [
      heading(start, steps),
      samples(start),
      ...model(start),
      criterion(start),
      ...(shuffles ? [order(start)] : []),
      loop(start, steps, shuffles),
      ending(start),
    ].join("\n\n") + "\n"
  );
}

function heading({ setting }, steps) {
  const told = JSON.stringify(setting, (key, value) => (key === "csv" ? undefined : value));
  const math = setting.optimizer.schedule === "cosine" ? "import math\n\n" : "";
  return [
    `"""A network of the lifesigns playground, repeated by PyTorch: ${steps} steps."""`,
    "",
    `${math}import torch`,
    "from torch import nn",
    "",
    `# The setting: ${told}`,
    "torch.set_default_dtype(torch.float64)",
  ].join("\n");
}

function samples({ data, setting }) {
  const { train, test, scale, features } = data;
  const scaled = (name) => `${name} = (${name} - means) / spreads`;
  const parts = [
    ...rowsOf("inputs", train.raw, train.rows, features),
    ...targetsOf("targets", train, data),
  ];
  if (test.rows) {
    parts.push(
      ...rowsOf("test_inputs", test.raw, test.rows, features),
      ...targetsOf("test_targets", test, data),
    );
  }
  if (setting.data.standardise) {
    parts.push(
      `means = torch.tensor([\n${wrapped([...scale.means].map(exactly))}\n])`,
      `spreads = torch.tensor([\n${wrapped([...scale.spreads].map(exactly))}\n])`,
      scaled("inputs"),
      ...(test.rows ? [scaled("test_inputs")] : []),
    );
    if (!data.classes.length) {
      const { targetMean, targetSpread } = scale;
      for (const name of test.rows ? ["targets", "test_targets"] : ["targets"]) {
        parts.push(`${name} = (${name} - ${exactly(targetMean)}) / ${exactly(targetSpread)}`);
      }
    }
  }
  return parts.join("\n");
}

function rowsOf(name, values, rows, columns) {
  return [
    `${name} = torch.tensor([\n${wrapped(Array.from(values, exactly))}\n]).reshape(${rows}, ${columns})`,
  ];
}

function targetsOf(name, samples, data) {
  if (!data.classes.length) return rowsOf(name, samples.rawTargets, samples.rows, 1);
  return [`${name} = torch.tensor([\n${wrapped([...samples.targets].map(String))}\n])`];
}

function model(start) {
  const classes = new Map();
  const modules = [];
  const filled = [];
  for (const layer of start.layers) {
    filled.push(...weights(modules.length, layer));
    modules.push(`nn.Linear(${layer.inputs}, ${layer.rows})`);
    const own = joint(layer, classes);
    if (own) modules.push(own);
  }
  const body = modules.map((each) => `    ${each},`).join("\n");
  const build = `model = nn.Sequential(\n${body}\n)\nwith torch.no_grad():\n${filled.join("\n")}`;
  return [...[...classes.values()].map((text) => `\n${text}`), classes.size ? `\n${build}` : build];
}

function weights(place, layer) {
  const fill = (name, values, shape) =>
    values.every((value) => value === values[0])
      ? `    model[${place}].${name}.fill_(${exactly(values[0])})`
      : `    model[${place}].${name}.copy_(torch.tensor([\n${wrapped(Array.from(values, exactly), 2)}\n    ])${shape})`;
  return [
    fill("weight", layer.weights, `.reshape(${layer.rows}, ${layer.inputs})`),
    fill("bias", layer.biases, ""),
  ];
}

/** The module behind a layer's sums; null for none. Classes of its own are added to `classes`. */
function joint({ name, negative, pieces }, classes) {
  if (name === "identity") return null;
  if (name === "softmax") return "nn.Softmax(dim=-1)";
  if (name === "maxout") {
    classes.set(name, MAXOUT);
    return `Maxout(${pieces})`;
  }
  const { torch, formula } = ACTIVATIONS[name];
  if (torch.module === "nn.PReLU") return `nn.PReLU(init=${exactly(negative[0])})`;
  if (torch.module === "nn.LeakyReLU") return `nn.LeakyReLU(${exactly(negative[0])})`;
  if (torch.module) return torch.module;
  const title = name.replace(/(?:^|_)(\w)/g, (_, first) => first.toUpperCase());
  const lines = torch.lines.map((line) => `        ${line}`).join("\n");
  classes.set(
    name,
    `class ${title}(nn.Module):\n    """${formula}"""\n\n    def forward(self, x):\n${lines}`,
  );
  return `${title}()`;
}

const MAXOUT = [
  "class Maxout(nn.Module):",
  '    """The greatest of adjacent linear maps."""',
  "",
  "    def __init__(self, pieces):",
  "        super().__init__()",
  "        self.pieces = pieces",
  "",
  "    def forward(self, x):",
  "        return x.unflatten(-1, (-1, self.pieces)).max(-1).values",
].join("\n");

const CRITERIA = {
  squared_error: () => "criterion = nn.MSELoss()",
  huber: () => "criterion = nn.HuberLoss()",
  cross_entropy: () => "criterion = nn.CrossEntropyLoss()",
  binary_cross_entropy: (output) =>
    `criterion = nn.${output === "sigmoid" ? "BCELoss" : "BCEWithLogitsLoss"}()`,
  hinge: () =>
    [
      "",
      "def criterion(scores, targets):",
      '    """The mean hinge loss of scores: a target of 1 asks for +1, one of 0 for -1."""',
      "    return torch.relu(1 - (2 * targets - 1) * scores).mean()",
      "",
    ].join("\n"),
};

/** The loss, and class numbers as the loss wants them. */
function criterion({ kind, setting, classes, units, data }) {
  const lines = [CRITERIA[kind](setting.network.output)];
  if (classes && kind !== "cross_entropy") {
    for (const name of data.test.rows ? ["targets", "test_targets"] : ["targets"]) {
      lines.push(
        `${name} = ${units === 1 ? `${name}.double().unsqueeze(1)` : `nn.functional.one_hot(${name}, ${units}).double()`}`,
      );
    }
  }
  return lines.join("\n");
}

/** The page's random numbers, of which the order of the samples is made. */
function order({ setting, data }) {
  return [
    "",
    "def uniform(place, epoch):",
    '    """Threefry-2x32 with 20 rounds (Salmon et al. 2011), the random numbers of the page."""',
    `    seed, purpose = ${setting.seed}, ${PURPOSES.order}`,
    "    keys = (seed, purpose, seed ^ purpose ^ 0x1BD11BDA)",
    "    a, b = (place + seed) % 2**32, (epoch + purpose) % 2**32",
    "    for turn in range(20):",
    "        a, by = (a + b) % 2**32, (13, 15, 26, 6, 17, 29, 16, 24)[turn % 8]",
    "        b = (b << by | b >> 32 - by) % 2**32 ^ a",
    "        if turn % 4 == 3:",
    "            key = turn // 4 + 1",
    "            a, b = (a + keys[key % 3]) % 2**32, (b + keys[(key + 1) % 3] + key) % 2**32",
    "    return ((a >> 5) * 2**26 + (b >> 6)) / 2**53",
    "",
    "",
    "def shuffled(epoch):",
    '    """The order of the samples in an epoch."""',
    `    order = list(range(${data.train.rows}))`,
    "    for i in range(len(order) - 1, 0, -1):",
    "        j = int(uniform(i, epoch) * (i + 1))",
    "        order[i], order[j] = order[j], order[i]",
    "    return torch.tensor(order)",
    "",
  ].join("\n");
}

const OPTIMIZERS = {
  sgd: ({ rate, decay }) => `SGD(model.parameters(), lr=${python(rate)}${decaying(decay)})`,
  momentum: ({ rate, momentum, decay }) =>
    `SGD(model.parameters(), lr=${python(rate)}, momentum=${python(momentum)}${decaying(decay)})`,
  adam: ({ rate, decay }) => `Adam(model.parameters(), lr=${python(rate)}${decaying(decay)})`,
};
const decaying = (decay) => (decay ? `, weight_decay=${python(decay)}` : "");

const SHARES = {
  cosine: (steps) => `0.5 * (1 + math.cos(math.pi * min(step, ${steps}) / ${steps}))`,
  step: (steps) => `0.1 ** min(2, step * 3 // ${steps})`,
  "warm-up": (steps) => `min(1, (step + 1) / ${Math.max(1, Math.ceil(0.1 * steps))})`,
};

function loop({ setting, batch, epoch }, steps, shuffles) {
  const { optimizer } = setting;
  const share = SHARES[optimizer.schedule]?.(setting.steps);
  const lines = [`optimizer = torch.optim.${OPTIMIZERS[optimizer.name](optimizer)}`];
  if (share)
    lines.push(
      "scheduler = torch.optim.lr_scheduler.LambdaLR(",
      `    optimizer, lambda step: ${share}`,
      ")",
    );
  lines.push("losses = []", `for step in range(${steps}):`);
  if (shuffles) {
    lines.push(
      `    epoch, place = divmod(step, ${epoch})`,
      "    if place == 0:",
      "        order = shuffled(epoch)",
      `    batch = order[${batch} * place : ${batch} * (place + 1)]`,
      "    loss = criterion(model(inputs[batch]), targets[batch])",
    );
  } else lines.push("    loss = criterion(model(inputs), targets)");
  lines.push("    optimizer.zero_grad()", "    loss.backward()");
  if (optimizer.clip > 0)
    lines.push(`    nn.utils.clip_grad_norm_(model.parameters(), ${python(optimizer.clip)})`);
  lines.push(
    "    optimizer.step()",
    ...(share ? ["    scheduler.step()"] : []),
    "    losses.append(loss.item())",
  );
  return lines.join("\n");
}

function ending({ data }) {
  const told = (name, prefix) =>
    `    ${name} = criterion(model(${prefix}inputs), ${prefix}targets).item()\n    print(f"${name.replace("_", " ")}: {${name}:.9g}")`;
  const lines = [
    `print(f"loss of the last batch: {losses[-1]:.9g}")`,
    "with torch.no_grad():",
    told("training_loss", ""),
  ];
  if (data.test.rows) lines.push(told("test_loss", "test_"));
  return lines.join("\n");
}
