// What is wrong with a setting or a table, in words.

import { view } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { controlOf } from "./controls_list.js";
import { known, said } from "./engine.js";

/** An error of the engine: where, what was given, what was expected. */
export function problemText(error) {
  const template = known().words.ERRORS[error.word];
  const at = controlOf(error.at) ? say(controlOf(error.at).label) : error.at;
  const expected = Array.isArray(error.expected) ? error.expected.join(", ") : error.expected;
  if (!template) return `${at}: ${error.word}, ${error.given} (${expected})`;
  return said(template, { ...error, at, expected }, view().language);
}
