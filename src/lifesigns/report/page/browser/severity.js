// A finding's severity by shape and colour, never by colour alone.

import { html } from "./libraries.js";
import { say } from "./words.js";

const SHAPES = {
  error: "M8 1 15 8 8 15 1 8Z",
  warning: "M8 2 15 14H1Z",
  note: "M8 2a6 6 0 1 0 0 12A6 6 0 1 0 8 2Z",
};

/** The path of a severity's sign, 16 × 16. */
export function shape(severity) {
  return SHAPES[severity];
}

/** The classes of a sign. */
export function signOf({ severity, isConsequence }) {
  return `sign ${severity} ${isConsequence ? "consequence" : ""}`;
}

/** What a sign says to those who do not see it. */
export function nameOf({ severity, isConsequence }) {
  return isConsequence ? `${say(severity)}, ${say("explained by another")}` : say(severity);
}

/** The sign of a severity, with its name for those who do not see it. */
export function Sign({ severity, isConsequence = false }) {
  return html`<svg class=${signOf({ severity, isConsequence })} viewBox="0 0 16 16" role="img" aria-label=${nameOf({ severity, isConsequence })}>
    <path d=${shape(severity)} />
  </svg>`;
}
