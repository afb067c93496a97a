// The engine's end: in a worker it answers messages; tests in Node take the session itself.

import { Session } from "./session.js";

export const session = new Session();

/** The answer to a request, or what went wrong. */
export function answer({ id, kind, ...request }) {
  try {
    return { id, reply: session[kind](request) };
  } catch (error) {
    return { id, failure: String(error?.stack ?? error) };
  }
}

globalThis.onmessage = ({ data }) => globalThis.postMessage(answer(data));
