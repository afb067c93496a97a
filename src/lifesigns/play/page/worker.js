// The engine as a script of its own: in a worker it answers messages, beside the page it lends the
// page its tables, and its own text, of which the page makes the worker.

import { ACTIVATIONS, INITIALISERS } from "../engine/table.js";
import { SOURCES } from "../engine/sources.js";
import { FIELDS, HIDDEN, changed, validated } from "../engine/setting.js";
import { LOSSES, logistic } from "../engine/losses.js";
import { applied } from "../engine/findings.js";
import { neuron } from "../engine/terms.js";
import { BROKEN, ERRORS, FINDINGS, LEFT, REMEDIES, said } from "../engine/words.js";
import { Session } from "./session.js";

if (typeof document === "undefined") {
  const session = new Session();
  globalThis.onmessage = ({ data: { id, kind, ...request } }) => {
    try {
      globalThis.postMessage({ id, reply: session[kind](request) });
    } catch (error) {
      globalThis.postMessage({ id, failure: String(error?.stack ?? error) });
    }
  };
} else {
  globalThis.play = {
    ACTIVATIONS, INITIALISERS, SOURCES, FIELDS, HIDDEN, LOSSES, Session, applied, changed, validated, logistic, neuron,
    BROKEN, ERRORS, FINDINGS, LEFT, REMEDIES, said,
    text: document.currentScript.textContent,
  };
}
