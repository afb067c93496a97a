// Asks the engine: in a worker where the browser makes one, else in the page itself.

import { Session, TEXT } from "./engine.js";

/** `ask(kind, request)` gives a promise of the answer; requests are answered in their order. */
export function driver() {
  try {
    return ofWorker(new Worker(URL.createObjectURL(new Blob([TEXT], { type: "text/javascript" }))));
  } catch {
    return ofPage();
  }
}

function ofWorker(worker) {
  const waiting = new Map();
  let next = 0;
  let isBroken = false;
  let spare = null;
  worker.onmessage = ({ data: { id, reply, failure } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (failure) reject(new Error(failure));
    else resolve(reply);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    isBroken = true;
    spare = ofPage();
    for (const { kind, request, resolve } of waiting.values()) resolve(spare.ask(kind, request));
    waiting.clear();
  };
  return {
    ask(kind, request = {}) {
      if (isBroken) return spare.ask(kind, request);
      return new Promise((resolve, reject) => {
        waiting.set(++next, { resolve, reject, kind, request });
        worker.postMessage({ id: next, kind, ...request });
      });
    },
  };
}

function ofPage() {
  const session = new Session();
  return { ask: async (kind, request = {}) => session[kind](request) };
}
