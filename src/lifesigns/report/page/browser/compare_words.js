// The sentences of a comparison. English ones come with it; Chinese ones are made here of its parts.

import { CHINESE } from "./chinese.js";
import { short, whole } from "./numbers.js";
import { view } from "./state.js";
import { say } from "./words.js";

Object.assign(CHINESE, {
  "{} samples": "{} 个样本",
  arguments: "参数",
  "by samples seen": "按已见样本数对齐",
  "by steps": "按步对齐",
  "Compare {} with": "将 {} 与之比较",
  difference: "差异",
  "first difference": "最早的差异",
  "Gone in {}": "{} 中消失",
  "In {}:": "{} 中：",
  "In both": "两次都有",
  "learning rate": "学习率",
  "loss": "损失",
  "New in {}": "{} 中新出现",
  none: "无",
  "Not compared": "未比较的内容",
  "not in this run": "此次训练中没有",
  "Nothing was found in either run.": "两次训练均未发现问题。",
  "Only rounding, earlier:": "更早处仅有舍入差异：",
  optimizer: "优化器",
  program: "程序",
  Run: "训练",
  Setting: "设置",
  "Settings and versions": "设置与版本",
  "shape of the batch": "批的形状",
  sites: "位置数",
  steps: "步数",
  "The first {} of {} losses are equal to the bit.": "前 {} 个损失（共 {} 个）逐位相等。",
  "Of {} losses the first alone is equal to the bit.": "{} 个损失中只有第一个逐位相等。",
  "The same in both, as far as a run file tells.": "就运行文件所载，两者相同。",
  "The same in both: {}": "两者相同的：{} 项",
  "trainable numbers": "可训练的参数个数",
});

const PHASES = {
  network: "网络结构不同",
  weights: "权重",
  input: "输入",
  forward: "前向的输出",
  loss: "损失",
  backward: "反向的梯度",
  update: "更新",
};

const QUANTITIES = {
  count: "有限值的个数",
  total: "总和",
  total_squared: "平方和",
  active: "非零值的个数",
  saturated: "饱和值的个数",
  minimum: "最小值",
  maximum: "最大值",
  weight_rms: "权重的均方根",
  gradient_rms: "梯度的均方根",
  update_rms: "更新的均方根",
};

/** Whether two runs are the same training, in one line. */
export function headline({ verdict, identical, divergence }, sides) {
  if (view().language !== "zh") return capitalised(verdict);
  const { losses, snapshots, difference: found, longer, rounding } = divergence;
  if (!losses && !snapshots) return "无可比较：没有任何一步为两次训练所共有";
  if (found) return `从第 ${whole(found.step)} 步起不同`;
  const equal = rounding
    ? `${whole(losses)} 个损失逐位相等，${whole(snapshots)} 个快照仅有舍入差异`
    : `${whole(losses)} 个损失与 ${whole(snapshots)} 个快照逐位相等`;
  if (identical) return `完全相同：${equal}`;
  const more = sides.flatMap(({ run }, i) => (longer[i] ? [`${run.letter} 多训练了 ${whole(longer[i])} 个损失`] : []));
  return `在共有的部分相同：${equal}；${more.join("，")}`;
}

/** How many losses are equal before the first that differs. */
export function equalLosses(equal, losses) {
  if (equal === 1) return say("Of {} losses the first alone is equal to the bit.", whole(losses));
  return say("The first {} of {} losses are equal to the bit.", whole(equal), whole(losses));
}

/** Where two runs differ, and by what. */
export function difference(found, sides) {
  if (view().language !== "zh") return capitalised(found.text);
  const [first, other] = found.values.map((value) => (typeof value === "number" ? short(value) : value));
  const place = found.phase === "network" ? "" : found.place;
  const unit = found.unit >= 0 ? say("unit {}", found.unit) : "";
  const where = [say("step {}", whole(found.step)), PHASES[found.phase], place, unit].filter(Boolean).join(" · ");
  const quantity = QUANTITIES[found.quantity.split(".").pop()] ?? found.quantity;
  return `${where}（${quantity}）：${sides[0].run.letter} 为 ${first}，${sides[1].run.letter} 为 ${other}`;
}

/** What the comparison says nothing of, a sentence each. */
export function notCompared({ not_compared: english, divergence }, sides) {
  if (view().language !== "zh") return english.map(capitalised);
  const passes = Math.max(divergence.losses - divergence.snapshots, 0);
  return [
    ...(passes ? [`${whole(passes)} 次反向传播只比较了损失：并非两次训练都记录了它们`] : []),
    ...sides.flatMap(({ run }, i) => (divergence.alone[i] ? [`仅 ${run.letter} 拥有的 ${whole(divergence.alone[i])} 个快照`] : [])),
    "程序的源代码：运行文件中没有",
  ];
}

function capitalised(text) {
  return text[0].toUpperCase() + text.slice(1);
}
