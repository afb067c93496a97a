// The words of the interface, in the language of the reader.

import { CHINESE } from "./chinese.js";
import { short } from "./numbers.js";
import { view } from "./state.js";

/** A text of the interface; each {} is replaced by a value. */
export function say(text, ...values) {
  const words = view().language === "zh" ? (CHINESE[text] ?? text) : text;
  let next = 0;
  return words.replace(/\{\}/g, () => values[next++]);
}

/** A sentence of the report, in Chinese where the document has it. */
export function translated(page, text) {
  return view().language === "zh" ? (page.words.zh?.[text] ?? text) : text;
}

/** The language that it is in then. */
export function languageOf(page, text) {
  return translated(page, text) === text ? "en" : "zh-CN";
}

/** The title of a finding's rule. */
export function titleOf(page, finding) {
  return translated(page, page.titles[finding.rule] ?? finding.symptom);
}

const COLUMNS = {
  size: ["Size", "Root mean square of the activation."],
  centring: ["Mean / σ", "How far the units are from being centred on zero: root mean square of mean over standard deviation."],
  dead: ["Dead", "Share of units that gave 0 for every sample of the step."],
  saturated: ["Saturated", "Share of values on a flat end of the activation."],
  slope: ["σ′", "Measured slope of the activation: what it leaves of the gradient."],
  gradient: ["Gradient", "Root mean square of the weight's gradient; judged relative to the last layer's."],
  update: ["Update", "Size of the weight's update over that of the weight."],
};

export function columnName(key) {
  return say(COLUMNS[key]?.[0] ?? key);
}

export function columnMeaning(key) {
  return say(COLUMNS[key]?.[1] ?? key);
}

/** Where a finding is. */
export function placeOf({ site }) {
  return site === "input" ? say("the input") : site || say("the whole run");
}

/** One sentence for each thing that was not seen. */
export function unseen(page) {
  const { coverage } = page.report;
  const lists = [
    ["Inside opaque operations: {}", coverage.opaque],
    ["Values that could not be read: {}", coverage.unreadable],
    ["Parameters that no recorded loss reaches: {}", coverage.unreached],
    ["Failures of the recorder: {}", coverage.failures],
  ];
  return [
    ...coverage.unwatched.map((text) => translated(page, text)),
    ...lists.filter(([, names]) => names.length).map(([text, names]) => say(text, some(names))),
    ...(coverage.hooked_saves ? [say("Values of {} operations whose saved tensors are packed away; their gradients were seen", short(coverage.hooked_saves))] : []),
    ...(coverage.repeated ? [say("{} compiled calls were read in a repetition", short(coverage.repeated))] : []),
  ];
}

function some(names) {
  const more = names.length > 3 ? say(" and {} more", names.length - 3) : "";
  return names.slice(0, 3).join(", ") + more;
}
