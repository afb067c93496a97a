// What is wrong with a run, by the names of the watcher's rules.

import { changed } from "./setting.js";

/**
 * Judges a training by what was recorded of it.
 * @param {Training} training
 * @returns {{rule: string, code: string, severity: "error"|"warning"|"note", layer: number|null,
 *   step: number, data: Object<string, number|string>, remedies: {word: string, data: object, change: object}[],
 *   explainedBy: string}[]} causes first; `layer` is null for the run as a whole; `rule` is a key of
 *   FINDINGS, `word` one of REMEDIES in words.js, both filled from `data`
 */
export function findings(training) {
  return [];
}

/**
 * The setting with a finding's remedy.
 * @param {object} setting
 * @param {{change: Object<string, *>}} remedy
 * @returns {object} a new setting
 */
export function applied(setting, remedy) {
  return changed(setting, remedy.change);
}
