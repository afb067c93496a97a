// The playground begins here.

import { CHINESE } from "../../report/page/browser/chinese.js";
import { html, render } from "../../report/page/browser/libraries.js";
import { choose, view } from "../../report/page/browser/state.js";
import { App } from "./app.js";
import { PLAY_CHINESE } from "./chinese.js";
import { STANDARD } from "./engine.js";
import { DOCUMENT } from "./lesson_list.js";
import { begin } from "./player.js";

Object.assign(CHINESE, PLAY_CHINESE);
const { start } = DOCUMENT;
choose({
  setting: STANDARD, difference: null, made: [], errors: [], problem: null,
  lesson: null, guess: null, outcome: null, free: null,
  tab: "layers", unit: { layer: 0, unit: 0, side: 0 }, pair: null, dialog: null,
  speed: 60, isRunning: false, isTeaching: false, logarithmic: false, stamp: 0, version: 0,
  language: start.language ?? view().language,
});
const root = document.getElementById("page");
root.textContent = "";
render(html`<${App} />`, root);
begin(start);
