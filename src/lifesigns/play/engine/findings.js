// What is wrong with a run, by the names of the watcher's rules, with their thresholds.

import { RULES } from "./table.js";
import { changed } from "./setting.js";
import { Run } from "./run.js";
import { OF_UNITS } from "./units_judged.js";
import { OF_SIGNAL } from "./signal_judged.js";
import { OF_LOSS } from "./loss_judged.js";
import { OF_SCALE } from "./scale_judged.js";

const JUDGES = [...OF_UNITS, ...OF_SIGNAL, ...OF_LOSS, ...OF_SCALE];
const URGENCY = { error: 0, warning: 1, note: 2 };

/**
 * Judges a training by what was recorded of it.
 * @param {Training} training
 * @returns {{rule: string, code: string, severity: "error"|"warning"|"note", layer: number|null,
 *   step: number, data: Object<string, number|string>, remedies: {word: string, data: object, change: object}[],
 *   proved: boolean, explainedBy: string}[]} causes first; `layer` is null for the run as a whole; `rule` is a key of
 *   FINDINGS, `word` one of REMEDIES in words.js, both filled from `data`
 */
export function findings(training) {
  if (!training.evidence().shots.length) return [];
  const run = new Run(training);
  const found = JUDGES.flatMap(([rule, judge]) => {
    const finding = judge(run);
    return finding
      ? [{ rule, code: RULES[rule].code, proved: false, ...finding, explainedBy: "" }]
      : [];
  });
  return ordered(found);
}

/** The order in which to act on them: root causes, then what they explain, then notes. */
function ordered(found) {
  const sorted = causesFirst(found.sort((a, b) => compare(urgency(a), urgency(b))));
  const roots = [];
  for (const [number, finding] of sorted.entries()) {
    const cause = sorted.slice(0, number).findIndex((other) => explains(other, finding));
    roots.push(cause < 0 ? number : roots[cause]);
    if (cause >= 0) follow(finding, sorted[roots[number]]);
  }
  const gravest = (root) =>
    Math.min(...sorted.filter((_, i) => roots[i] === root).map((each) => URGENCY[each.severity]));
  const place = (i) => [
    sorted[i].severity === "note" ? 1 : 0,
    roots[i] === i ? 0 : 1,
    roots[i] === i ? gravest(i) : 0,
  ];
  const order = sorted.map((_, i) => i).sort((a, b) => compare(place(a), place(b)) || a - b);
  return order.map((i) => sorted[i]);
}

/** A symptom is cured with its cause; a cure of its own would be tried in vain. */
function follow(symptom, cause) {
  symptom.explainedBy = cause.rule;
  if (cause.remedies.length) symptom.remedies = cause.remedies;
}

/** Errors before warnings, what is proved before what is statistical, earlier and nearer first. */
const urgency = ({ severity, proved, step, layer }) => [
  URGENCY[severity],
  proved ? 0 : 1,
  step,
  layer ?? Infinity,
];

/** A stable order in which nothing precedes what explains it. */
function causesFirst(found) {
  const waiting = [...found];
  const sorted = [];
  while (waiting.length) {
    const free = waiting.findIndex(
      (finding) => !waiting.some((other) => other !== finding && explains(other, finding)),
    );
    sorted.push(...waiting.splice(Math.max(free, 0), 1));
  }
  return sorted;
}

function compare(a, b) {
  const i = a.findIndex((value, k) => value !== b[k]);
  return i < 0 ? 0 : a[i] - b[i];
}

const consequences = (rule, seen = new Set()) => {
  for (const next of RULES[rule]?.explains ?? []) {
    if (!seen.has(next)) {
      seen.add(next);
      consequences(next, seen);
    }
  }
  return seen;
};

const explains = (cause, symptom) =>
  cause.severity !== "note" &&
  (cause.step <= symptom.step || symptom.layer === null) &&
  consequences(cause.rule).has(symptom.rule);

/**
 * The setting with a finding's remedy.
 * @param {object} setting
 * @param {{change: Object<string, *>}} remedy
 * @returns {object} a new setting
 */
export function applied(setting, remedy) {
  return changed(setting, remedy.change);
}
