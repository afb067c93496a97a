// A finding and its remedies in the reader's language.

import { view } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { known, said } from "./engine.js";

/** What is wrong, in a few words. */
export function titleOf(finding) {
  const text = known().words.FINDINGS[finding.rule]?.title;
  return text ? said(text, finding.data, view().language) : finding.rule;
}

/** The parts of a finding that are there: symptom, why, and so on. */
export function part(finding, name) {
  const text = known().words.FINDINGS[finding.rule]?.[name];
  return text ? said(text, finding.data, view().language) : "";
}

/** What a remedy's button says. */
export function remedyText({ word, data }) {
  const text = known().words.REMEDIES[word];
  return text ? said(text, data, view().language) : word;
}

/** Where a finding is. */
export function placeText({ layer, step }, layers) {
  const where = layer === null || layer === undefined ? say("the whole run") : layer === layers - 1 ? say("the output") : say("layer {}", layer + 1);
  return `${where} · ${say("step {}", step)}`;
}
