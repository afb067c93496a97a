// The engine's words in English and Chinese. Templates have places, {name}, that `said` fills.

/**
 * Fills a template.
 * @param {{en: string, zh: string}} template
 * @param {Object<string, *>} data numbers are written with up to three digits, shares as they are
 * @param {string} [language] "en" or "zh"
 * @returns {string}
 */
export function said(template, data, language = "en") {
  const text = template[language] ?? template.en;
  return text.replace(/\{(\w+)(%?)\}/g, (_, name, percent) => written(data[name], percent));
}

function written(value, percent) {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value !== "number") return String(value ?? "");
  if (percent) return `${shown(100 * value)} %`;
  return shown(value);
}

/** A number in three digits. */
function shown(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e10) return String(value);
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-3
    ? value.toExponential(1).replace("e+", "e")
    : String(Number(value.toPrecision(3)));
}

/** Mistakes in a setting or a table: `at` is the place, `line` a line of the text. */
export const ERRORS = {
  number: {
    en: "{at} is {given}; a number from {least} to {most} is expected.",
    zh: "{at} 是 {given}；应为 {least} 到 {most} 之间的数。",
  },
  whole: {
    en: "{at} is {given}; a whole number from {least} to {most} is expected.",
    zh: "{at} 是 {given}；应为 {least} 到 {most} 之间的整数。",
  },
  one: {
    en: "{at} is {given}; one of these is expected: {expected}.",
    zh: "{at} 是 {given}；应为其中之一：{expected}。",
  },
  text: { en: "{at} is {given}; a text is expected.", zh: "{at} 是 {given}；应为文本。" },
  "text-long": {
    en: "{at} has {given} characters; at most {expected} are read. Leave some out.",
    zh: "{at} 有 {given} 个字符；最多读取 {expected} 个，请删去一些。",
  },
  yes: {
    en: "{at} is {given}; true or false is expected.",
    zh: "{at} 是 {given}；应为 true 或 false。",
  },
  parts: {
    en: "{at} should hold these fields: {expected}.",
    zh: "{at} 应包含这些字段：{expected}。",
  },
  several: {
    en: "{at} should be a list of at most {most} entries.",
    zh: "{at} 应为最多 {most} 项的列表。",
  },
  unknown: {
    en: "There is no field {at}. Known here: {expected}.",
    zh: "没有字段 {at}。这里有：{expected}。",
  },
  "loss-of-classes": {
    en: "{given} needs classes, but the targets are values. Take {expected}.",
    zh: "{given} 需要类别，而目标是数值。请改用 {expected}。",
  },
  "softmax-of-values": {
    en: "A softmax shares 1 among classes, but the targets are values. Take one of: {expected}.",
    zh: "softmax 把 1 分给各个类别，而目标是数值。请改用：{expected}。",
  },
  "csv-empty": {
    en: "There are no samples in the text. Paste a table: one sample a line, the target in the last column.",
    zh: "文本里没有样本。请粘贴一张表：每行一个样本，最后一列是目标。",
  },
  "csv-long": {
    en: "The table has {given} lines; at most {expected} samples are read. Leave some out.",
    zh: "表格有 {given} 行；最多读取 {expected} 个样本，请删去一些。",
  },
  "csv-ragged": {
    en: "Line {line} has {given} columns, the first line has {expected}. Every line needs the same number.",
    zh: "第 {line} 行有 {given} 列，第一行有 {expected} 列。每行的列数必须相同。",
  },
  "csv-width": {
    en: "The table has {given} features; {least} to {most} and a target are expected. Columns are divided by commas, semicolons or tabs.",
    zh: "表格有 {given} 个特征；应有 {least} 到 {most} 个，另加一列目标。列之间用逗号、分号或制表符分隔。",
  },
  "csv-target": {
    en: "There is no column {given}. Columns: {expected}.",
    zh: "没有名为 {given} 的列。列有：{expected}。",
  },
  "csv-number": {
    en: "Line {line}: “{given}” in column {expected} is no number. Only the target may be a word.",
    zh: "第 {line} 行：{expected} 列中的“{given}”不是数。只有目标可以是词语。",
  },
  "csv-missing": {
    en: "Line {line}: a value is missing (“{given}”). Fill it in, or leave the line out.",
    zh: "第 {line} 行：缺少一个值（“{given}”）。请补上，或删去这一行。",
  },
  "csv-classes": {
    en: "The target has {given} different classes; at most {expected} are possible. Join rare ones, or take numbers.",
    zh: "目标有 {given} 个不同的类别；最多 {expected} 个。请合并少见的类别，或改用数值。",
  },
  "csv-one-class": {
    en: "All samples have the same class, {given}; there is nothing to tell apart.",
    zh: "所有样本都属于同一类 {given}，没有什么可区分的。",
  },
};

/** The data of an error with what its template also asks for. */
export function ofError(error) {
  const [least, most] = Array.isArray(error.expected) ? error.expected : [undefined, undefined];
  const given = typeof error.given === "string" ? error.given : JSON.stringify(error.given);
  return { ...error, least, most, given };
}

/** Why a run broke; `layer` counts from 1. */
export const BROKEN = {
  sum: {
    en: "In step {step} the weighted sum of layer {layer} became too large for a number: its inputs reach {input}, its weights {weight}.",
    zh: "第 {step} 步，第 {layer} 层的加权和大到无法表示：输入达到 {input}，权重达到 {weight}。",
  },
  activation: {
    en: "In step {step} the activation of layer {layer} became too large for a number: it was given up to {largest}.",
    zh: "第 {step} 步，第 {layer} 层的激活值大到无法表示：它的输入达到 {largest}。",
  },
  loss: {
    en: "In step {step} the loss became too large for a number: the output reaches {largest}.",
    zh: "第 {step} 步，损失大到无法表示：输出达到 {largest}。",
  },
  gradient: {
    en: "In step {step} the gradient of layer {layer} became too large for a number; the largest finite one is {largest}.",
    zh: "第 {step} 步，第 {layer} 层的梯度大到无法表示；最大的有限值是 {largest}。",
  },
  update: {
    en: "The update of step {step} made the weights of layer {layer} too large for a number: the gradient had norm {largest}.",
    zh: "第 {step} 步的更新使第 {layer} 层的权重大到无法表示：梯度的范数为 {largest}。",
  },
};

/** What to do about a run that broke. */
export const MENDED = {
  en: "From here on every number would be NaN (not a number), so the run stops. Wind it back and lower the rate tenfold, clip the gradient, or start with smaller weights.",
  zh: "从这里起所有数都会变成 NaN（不是数），所以训练停止。请退回去，把学习率降到十分之一，裁剪梯度，或从更小的权重开始。",
};

/** Findings; `layer` counts from 1. Titles and reasons are those of the rules: RULES in table.js. */
export const FINDINGS = {
  "symmetric-units": {
    en: "All {units} units of layer {layer} are copies of one another: equal weights, equal gradients, in all {recorded} recorded steps.",
    zh: "第 {layer} 层的 {units} 个单元互为副本：权重相同，梯度相同，在记录的全部 {recorded} 步中都是如此。",
  },
  "dead-from-birth": {
    en: "{dead} of {units} units of layer {layer} gave 0 for every sample before the first update, and still do.",
    zh: "第 {layer} 层的 {units} 个单元中有 {dead} 个在第一次更新之前就对每个样本输出 0，至今如此。",
  },
  "dead-units": {
    en: "{dead} of {units} units of layer {layer} gave 0 in all {samples} samples of the last {steps} recorded steps, since about step {step}.",
    zh: "第 {layer} 层的 {units} 个单元中有 {dead} 个在最近记录的 {steps} 步的全部 {samples} 个样本上输出 0，约从第 {step} 步开始。",
  },
  "saturated-units": {
    en: "{share%} of the units of layer {layer} sit where the slope is below 1 % of its maximum, for most of {samples} samples, since step {step}.",
    zh: "第 {layer} 层 {share%} 的单元对 {samples} 个样本中的大多数都处在斜率不到最大值 1 % 的地方，从第 {step} 步开始。",
  },
  "vanishing-gradient": {
    en: "The gradient shrinks {ratio}-fold over {layers} layers on its way to the first: {each}-fold a layer; the activations pass on {factor} of it each.",
    zh: "梯度经过 {layers} 层传到第一层时缩小为 1/{ratio}：每层 1/{each}；每个激活函数只传回其中的 {factor}。",
  },
  "linear-collapse": {
    en: "No activation between layers {layer} and {next}: together they compute what one layer can.",
    zh: "第 {layer} 层与第 {next} 层之间没有激活函数：它们合起来只能算一层能算的。",
  },
  "doubled-softmax": {
    en: "A softmax feeds cross-entropy, which applies its own: with {classes} classes the loss cannot fall below {lowest}.",
    zh: "softmax 之后的交叉熵自己又做了一次 softmax：有 {classes} 个类别时，损失不可能低于 {lowest}。",
  },
  "squared-error-on-saturated-output": {
    en: "{share%} of the outputs are on a flat end of their sigmoid, which passes on {factor} of the loss's gradient; cross-entropy would pass on {times} times as much.",
    zh: "{share%} 的输出处在 sigmoid 的平坦端，那里只传回损失梯度的 {factor}；交叉熵传回的是它的 {times} 倍。",
  },
  "rate-too-high": {
    en: "Steps are too large: an update was {update} times its weights, and the loss rose to {highest}. The rate is {rate}.",
    zh: "步子太大：有一次更新是权重的 {update} 倍，损失升到 {highest}。学习率是 {rate}。",
  },
  "loss-diverges": {
    en: "The loss runs away from step {step} on: {start} at the start, {highest} at its highest.",
    zh: "从第 {step} 步起损失失控：开始时是 {start}，最高到 {highest}。",
  },
  "one-sided-inputs": {
    en: "All inputs of layer {layer} are positive, so its weights rise together or fall together: {coherence%} of a unit's gradient has one sign.",
    zh: "第 {layer} 层的所有输入都是正的，所以它的权重只能同升同降：一个单元的梯度有 {coherence%} 符号相同。",
  },
  "unscaled-input": {
    en: "The largest feature has RMS {rms}, where 1 is usual.",
    zh: "最大的特征均方根为 {rms}，通常应为 1 左右。",
  },
  "constant-features": {
    en: "{constant} of {features} features have one value in all {samples} recorded samples.",
    zh: "{features} 个特征中有 {constant} 个在记录的全部 {samples} 个样本中只有一个值。",
  },
  "gain-mismatch": {
    en: "The weights of layer {layer} start with gain {gain}, where {right} keeps the scale: the signal is multiplied by {over}{change} on its way through the network.",
    zh: "第 {layer} 层的权重以增益 {gain} 开始，保持尺度的增益是 {right}：信号穿过网络时被乘以 {over}{change}。",
  },
  "signal-fades": {
    en: "The signal fades {times}-fold through {layers} layers: inputs differ by {before} at the first and by {last} at layer {layer}.",
    zh: "信号经过 {layers} 层衰减为 1/{times}：不同输入在第一层相差 {before}，到第 {layer} 层只差 {last}。",
  },
  "signal-blows-up": {
    en: "The signal starts with RMS {rms} behind layer {layer}, where about 1 is usual; the input has {entering}.",
    zh: "信号在第 {layer} 层之后的均方根一开始就是 {rms}，通常应为 1 左右；输入为 {entering}。",
  },
  "stacked-squashing": {
    en: "{layers} squashing layers in a row pass on {product} of the gradient, {each} each.",
    zh: "连续 {layers} 层压缩型激活函数只传回梯度的 {product}，每层 {each}。",
  },
  "output-cannot-reach-target": {
    en: "The output lies between {low} and {high}, the targets reach from {least} to {most}.",
    zh: "输出只能在 {low} 与 {high} 之间，目标却从 {least} 到 {most}。",
  },
  "rate-too-low": {
    en: "The weights hardly move: {way} of their size in {steps} steps.",
    zh: "权重几乎不动：{steps} 步里只走了自身大小的 {way}。",
  },
  "loss-flat": {
    en: "After {steps} steps the loss is {end}; a constant prediction reaches {baseline}.",
    zh: "{steps} 步之后损失是 {end}；常数预测就能达到 {baseline}。",
  },
};

/** Remedies, as the words of a button. */
export const REMEDIES = {
  "lower-rate": { en: "Lower the rate from {from} to {to}", zh: "把学习率从 {from} 降到 {to}" },
  "raise-rate": { en: "Raise the rate from {from} to {to}", zh: "把学习率从 {from} 升到 {to}" },
  "warm-up": {
    en: "Let the rate rise over the first tenth (warm-up)",
    zh: "让学习率在前十分之一的步数里逐渐升高（预热）",
  },
  clip: { en: "Clip the gradient to norm 1", zh: "把梯度的范数裁剪到 1" },
  standardise: { en: "Standardise the features", zh: "把特征标准化" },
  initialise: { en: "Start from {name}, biases 0", zh: "用 {name} 初始化，偏置取 0" },
  "smaller-start": {
    en: "Start with smaller weights: gain {to}, biases 0",
    zh: "从更小的权重开始：增益 {to}，偏置 0",
  },
  swap: { en: "Take {name} for these layers", zh: "这些层改用 {name}" },
  "swap-and-start": {
    en: "Take {name} for these layers, and start from {start}",
    zh: "这些层改用 {name}，并用 {start} 初始化",
  },
  "drop-softmax": {
    en: "Hand the loss the plain output, without softmax",
    zh: "把不经 softmax 的输出直接交给损失",
  },
  "cross-entropy": {
    en: "Take cross-entropy of the plain output",
    zh: "改用交叉熵，输出不加 sigmoid",
  },
  "linear-output": { en: "Take the plain output, without sigmoid", zh: "输出不加 sigmoid" },
};

/** What a design of the lab leaves out. */
export const LEFT = {
  "lab-activations": {
    en: "The lab has one activation for all hidden layers: that of the first is taken.",
    zh: "实验台的所有隐藏层用同一个激活函数：取第一层的。",
  },
  "lab-activation": {
    en: "The lab has another word for an activation, or none: the nearest is taken.",
    zh: "实验台没有某个激活函数：取最接近的。",
  },
  "lab-slope": {
    en: "The lab takes torch's slopes and two pieces for maxout.",
    zh: "实验台用 torch 的负半轴斜率，maxout 取两段。",
  },
  "lab-output": {
    en: "The lab hands the loss plain outputs, without sigmoid or softmax.",
    zh: "实验台把不经 sigmoid 或 softmax 的输出交给损失。",
  },
  "lab-two-outputs": {
    en: "The lab has an output for each of two classes, where this network has one.",
    zh: "两个类别在实验台里各有一个输出，这里的网络只有一个。",
  },
  "lab-initialiser": {
    en: "The lab starts with the initialiser's own gain and biases of 0.",
    zh: "实验台用初始化方法自己的增益，偏置为 0。",
  },
  "lab-clip": { en: "The lab does not clip gradients.", zh: "实验台不裁剪梯度。" },
  "lab-schedule": { en: "The lab keeps the rate constant.", zh: "实验台的学习率不变。" },
  "lab-raw": { en: "The lab standardises features.", zh: "实验台会把特征标准化。" },
  "lab-seed": {
    en: "The lab draws its own initial weights and batches, eight times.",
    zh: "实验台自己抽取初始权重和批次，共八次。",
  },
};
