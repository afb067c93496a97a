// The ladders of two runs, layer beneath layer, with what lies between them.

import { html } from "./libraries.js";
import { Mark } from "./ladder.js";
import { inColumn, percent, short, whole } from "./numbers.js";
import { cell } from "./page.js";
import { choose, useView } from "./state.js";
import { columnMeaning, columnName, say } from "./words.js";

const ALIKE = 0.02; // what is nearer than this, relatively, is called equal

export function ComparedLayers({ pair, sides }) {
  const step = useView((view) => view.step);
  const { columns } = sides[0].page;
  const at = sides.map(({ page }) => columnAt(page, step));
  if (!pair.ladder.layers.length) return html`<p>${say("No step was recorded, so there are no layers to show.")}</p>`;
  return html`<section aria-labelledby="ladder-title" class="ladder compared">
    <h2 id="ladder-title">${say("Layers")}</h2>
    <${Slider} sides=${sides} step=${step} at=${at} />
    <div class="scroll" role="group" tabindex="0" aria-labelledby="ladder-title">
      <table>
        <thead><tr>
          <th scope="col">${say("Layer")}</th><th scope="col">${say("Run")}</th>
          ${columns.map(({ key }) => html`<th scope="col" title=${columnMeaning(key)}>${columnName(key)}</th>`)}
        </tr></thead>
        ${pair.ladder.layers.map((rung, i) => html`<${Rung} key=${i} rung=${rung} sides=${sides} at=${at} places=${pair.runs} />`)}
      </table>
    </div>
  </section>`;
}

function Slider({ sides, step, at }) {
  const last = Math.max(...sides.map(({ page }) => page.recorded.steps[page.recorded.steps.length - 1] ?? 0));
  const shown = sides.map(({ run, page }, i) => `${run.letter}: ${stepOf(page, at[i])}`).join(", ");
  return html`<div class="slider">
    <label for="step">${say("Step")}</label>
    <input id="step" type="range" min="0" max=${last} value=${step} aria-valuetext=${shown}
      onInput=${(event) => choose({ step: Number(event.target.value) })} />
    <output for="step">${shown}</output>
  </div>`;
}

/** A layer of both runs in three rows: the one, the other, and the difference. */
function Rung({ rung, sides, at, places }) {
  const { columns } = sides[0].page;
  const rows = rung.layers.map((layer, i) => (layer ? sides[i].page.layers.findIndex(({ name }) => name === layer.name) : -1));
  const cells = columns.map(({ key }) => sides.map(({ page }, i) => (rows[i] < 0 || at[i] < 0 ? null : cell(page, rows[i], key, at[i]))));
  return html`<tbody>
    ${sides.map(({ run }, i) => html`<tr>
      ${i === 0 && html`<th scope="rowgroup" rowspan="3">${nameOf(rung)}<small>${activations(rung)}</small></th>`}
      <th scope="row" class=${`letter run-${places[i] % 4}`}>${run.letter}</th>
      ${rung.layers[i] ? cells.map((both, k) => html`<${Cell} about=${columns[k]} found=${both[i]} />`)
        : html`<td colspan=${columns.length} class="soft">${say("not in this run")}</td>`}
    </tr>`)}
    <tr class="between"><th scope="row" class="letter"><span aria-hidden="true">Δ</span><span class="hidden">${say("difference")}</span></th>
      ${cells.map(([first, other], k) => html`<td>${between(columns[k], first, other)}</td>`)}
    </tr>
  </tbody>`;
}

function Cell({ about, found }) {
  if (!found) return html`<td>–</td>`;
  return html`<td data-level=${Number.isNaN(found.level) ? null : found.level}>${inColumn(about.key, found.value)}<${Mark} level=${found.level} /></td>`;
}

/** Sizes by their ratio, shares by their difference. */
function between({ logarithmic }, first, other) {
  if (!first || !other || Number.isNaN(first.value) || Number.isNaN(other.value)) return "";
  if (first.value === other.value) return "=";
  if (!logarithmic) return `${other.value > first.value ? "+" : "−"}${percent(Math.abs(other.value - first.value))}`;
  const ratio = other.value / first.value;
  return Math.abs(ratio - 1) < ALIKE ? "≈" : `×${short(ratio)}`;
}

function nameOf({ layers }) {
  return [...new Set(layers.filter(Boolean).map(({ name }) => name))].join(" / ");
}

function activations({ layers }) {
  return [...new Set(layers.filter(Boolean).map(({ activation }) => activation).filter(Boolean))].join(" / ");
}

/** The last recorded step that is not after `step`, as a column; −1 where none was recorded. */
function columnAt(page, step) {
  const { steps } = page.recorded;
  let found = steps.length ? 0 : -1;
  steps.forEach((each, i) => {
    if (each <= step) found = i;
  });
  return found;
}

function stepOf(page, column) {
  return column < 0 ? say("not measured") : say("step {}", whole(page.recorded.steps[column]));
}
