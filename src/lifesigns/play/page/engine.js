// The engine as the page sees it: a worker that answers, and what it has told of itself.

let worker = null;
let told = null;
let next = 0;
const waiting = new Map();

/** Starts the engine from its text; `known` has an answer from then on. */
export async function startEngine(text) {
  worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  worker.onmessage = ({ data: { id, reply, failure } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (failure) reject(new Error(failure));
    else resolve(reply);
  };
  const failed = new Promise((_, reject) => (worker.onerror = ({ message }) => reject(new Error(message || "the worker did not start"))));
  told = await Promise.race([ask("known"), failed]);
  globalThis.play = { ask };
}

/** A promise of the answer; requests are answered in their order. */
export function ask(kind, request = {}) {
  return new Promise((resolve, reject) => {
    waiting.set(++next, { resolve, reject });
    worker.postMessage({ id: next, kind, ...request });
  });
}

/** Names, formulas, words and the standard setting, see known.js. */
export function known() {
  return told;
}
