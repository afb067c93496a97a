// Where a finding is, in the reader's language.

import { say } from "../../report/page/browser/words.js";

/** Layer and step. */
export function placeText({ layer, step }, layers) {
  const where = layer === null || layer === undefined ? say("the whole run") : layer === layers - 1 ? say("the output") : say("layer {}", layer + 1);
  return `${where} · ${say("step {}", step)}`;
}
