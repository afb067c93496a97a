// The engine's words filled in, in both languages, so that the page only has to choose.

import { RULES } from "../engine/table.js";
import { BROKEN, ERRORS, FINDINGS, LEFT, MENDED, REMEDIES, ofError, said } from "../engine/words.js";

const LANGUAGES = ["en", "zh"];

const both = (template, data) => Object.fromEntries(LANGUAGES.map((language) => [language, said(template, data, language)]));

/** A finding with its texts. */
export function told(finding, side) {
  const { title, why } = RULES[finding.rule];
  const place = finding.layer === null ? "run" : finding.layer;
  return {
    ...finding,
    side,
    id: `${side}-${finding.rule}-${place}`,
    title,
    why,
    symptom: both(FINDINGS[finding.rule], { ...finding.data, layer: finding.layer + 1, next: finding.layer + 2, step: finding.step, ...finding.data }),
    remedies: finding.remedies.map((remedy) => ({ ...remedy, text: both(REMEDIES[remedy.word], remedy.data) })),
  };
}

/** Why a run broke, and what to do; null for one that did not. */
export function toldBroken(broken) {
  return broken && { step: broken.step, text: both(BROKEN[broken.operation], { ...broken, layer: broken.layer + 1 }), mended: MENDED };
}

/** What is wrong with a setting; {at} stays, for the page knows the controls' names. */
export function toldErrors(errors) {
  return errors.map((error) => ({ ...error, text: both(ERRORS[error.word], { ...ofError(error), at: "{at}" }) }));
}

/** What a design of the lab cannot say. */
export function toldLeft(left) {
  return left.map((word) => both(LEFT[word], {}));
}
