// What is wrong with a run, by the names of the watcher's rules, with their thresholds.

import { RULES } from "./table.js";
import { changed } from "./setting.js";
import { Run } from "./run.js";
import { OF_UNITS } from "./units_judged.js";
import { OF_SIGNAL } from "./signal_judged.js";
import { OF_LOSS } from "./loss_judged.js";

const JUDGES = [...OF_UNITS, ...OF_SIGNAL, ...OF_LOSS];
const URGENCY = { error: 0, warning: 1, note: 2 };

/**
 * Judges a training by what was recorded of it.
 * @param {Training} training
 * @returns {{rule: string, code: string, severity: "error"|"warning"|"note", layer: number|null,
 *   step: number, data: Object<string, number|string>, remedies: {word: string, data: object, change: object}[],
 *   explainedBy: string}[]} causes first; `layer` is null for the run as a whole; `rule` is a key of
 *   FINDINGS, `word` one of REMEDIES in words.js, both filled from `data`
 */
export function findings(training) {
  if (!training.evidence().shots.length) return [];
  const run = new Run(training);
  const found = JUDGES.flatMap(([rule, judge]) => {
    const finding = judge(run);
    return finding ? [{ rule, code: RULES[rule].code, ...finding, explainedBy: "" }] : [];
  });
  return ordered(found);
}

/** Alarms first, and of these the causes; what an alarm explains names it. */
function ordered(found) {
  for (const finding of found) {
    const cause = found.find((other) => other !== finding && explains(other, finding) && !explains(finding, other));
    if (cause) finding.explainedBy = cause.rule;
  }
  for (const finding of found) {
    const above = found.find((other) => other.rule === finding.explainedBy);
    if (above?.explainedBy && above.explainedBy !== finding.rule) finding.explainedBy = above.explainedBy;
  }
  const gravest = (finding) => Math.min(URGENCY[finding.severity], ...found.filter((other) => other.explainedBy === finding.rule).map((other) => URGENCY[other.severity]));
  const place = (finding) => [
    finding.severity === "note" ? 1 : 0,
    finding.explainedBy ? 1 : 0,
    finding.explainedBy ? URGENCY[finding.severity] : gravest(finding),
    finding.step,
    finding.layer ?? Infinity,
  ];
  return found.map((finding) => [place(finding), finding]).sort(([a], [b]) => compare(a, b)).map(([, finding]) => finding);
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
  cause.severity !== "note" && (cause.step <= symptom.step || symptom.layer === null) && consequences(cause.rule).has(symptom.rule);

/**
 * The setting with a finding's remedy.
 * @param {object} setting
 * @param {{change: Object<string, *>}} remedy
 * @returns {object} a new setting
 */
export function applied(setting, remedy) {
  return changed(setting, remedy.change);
}
