// The playground begins here.

import { CHINESE } from "../../report/page/browser/chinese.js";
import { html, render } from "../../report/page/browser/libraries.js";
import { choose, view } from "../../report/page/browser/state.js";
import { App } from "./app.js";
import { known, startEngine } from "./engine.js";
import { startOfPage, unpackContent } from "./lesson_list.js";
import { begin, listenToAddress } from "./player.js";

const root = document.getElementById("page");

async function main() {
  const { engine, chinese } = await unpackContent();
  await startEngine(engine);
  Object.assign(CHINESE, chinese);
  const start = startOfPage();
  choose({
    setting: known().standard, difference: null, made: [], errors: [], problem: null,
    lesson: null, guess: null, outcome: null, free: null,
    tab: "layers", unit: { layer: 0, unit: 0, side: 0 }, pair: null, dialog: null,
    speed: 60, isRunning: false, isTeaching: false, logarithmic: false, stamp: 0, version: 0,
    language: start.language ?? view().language,
  });
  root.textContent = "";
  render(html`<${App} />`, root);
  begin(start);
  listenToAddress();
}

main().catch((error) => {
  root.textContent = `The engine did not start: ${error.message}. A current Firefox, Chrome, Edge or Safari runs it.`;
});
