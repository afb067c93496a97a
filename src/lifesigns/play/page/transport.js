// Run, stop, step, back: what moves the training along.

import { html } from "../../report/page/browser/libraries.js";
import { whole } from "../../report/page/browser/numbers.js";
import { choose, useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { useFrame } from "./frames.js";
import { advance, pause, restart, rewind, run } from "./player.js";

/** Steps a second; the last one as fast as the machine is. */
export const SPEEDS = [[1, "1 step a second"], [10, "10 steps a second"], [60, "60 steps a second"], [600, "600 steps a second"], [Infinity, "as fast as it goes"]];

const ICONS = {
  run: "M5 3v10l8-5Z",
  pause: "M4 3h3v10H4ZM9 3h3v10H9Z",
  step: "M3 3v10l6-5ZM10 3h3v10h-3Z",
  back: "M13 3v10L7 8ZM3 3h3v10H3Z",
  restart: "M8 3a5 5 0 1 0 5 5h-1.8A3.2 3.2 0 1 1 8 4.8V7l4-3.2L8 .6Z",
};

function Icon({ name }) {
  return html`<svg viewBox="0 0 16 16" aria-hidden="true"><path d=${ICONS[name]} /></svg>`;
}

/** The row of buttons, the speed, and the slider over all steps. */
export function Transport() {
  const isRunning = useView((view) => view.isRunning);
  const speed = useView((view) => view.speed);
  return html`<div class="transport" role="group" aria-label=${say("Training")}>
    <button type="button" class="main" onClick=${() => (isRunning ? pause() : run())}>
      <${Icon} name=${isRunning ? "pause" : "run"} /> <span>${say(isRunning ? "Pause" : "Run")}</span>
    </button>
    <button type="button" onClick=${() => advance(1)}><${Icon} name="step" /> <span>${say("One step")}</span></button>
    <button type="button" title=${say("Back to the same first weights")} onClick=${restart}><${Icon} name="restart" /> <span>${say("Start again")}</span></button>
    <label class="speed"><span class="hidden">${say("Speed")}</span>
      <select value=${String(speed)} onChange=${(event) => choose({ speed: Number(event.target.value) })}>
        ${SPEEDS.map(([value, name]) => html`<option value=${String(value)}>${say(name)}</option>`)}
      </select></label>
    <${Place} />
  </div>`;
}

/** The step, and the way back to each one before it. */
function Place() {
  const step = useFrame((frame) => frame.step) ?? 0;
  const reached = useFrame((frame) => frame.reached) ?? 0;
  const name = say("step {}", whole(step));
  return html`<div class="place">
    <label for="place" class="hidden">${say("Go back to a step")}</label>
    <button type="button" class="icon" aria-label=${say("One step back")} title=${say("One step back")} disabled=${step === 0} onClick=${() => rewind(step - 1)}><${Icon} name="back" /></button>
    <input id="place" type="range" min="0" max=${Math.max(reached, 1)} value=${step} aria-valuetext=${name} onInput=${(event) => rewind(Number(event.target.value))} />
    <output for="place">${name}</output>
  </div>`;
}
