// The ladder: one row a layer, its numbers at one step, coloured by their distance to what is expected.

import { BROKEN } from "./expected.js";
import { html } from "./libraries.js";
import { inColumn, rangeOf, whole } from "./numbers.js";
import { cell, markOf } from "./page.js";
import { Sign } from "./severity.js";
import { choose, useView } from "./state.js";
import { Trace } from "./trace.js";
import { columnMeaning, columnName, languageOf, say, translated } from "./words.js";

export function Ladder({ page }) {
  const column = useView((view) => view.column);
  return html`
    <section aria-labelledby="ladder-title" class="ladder">
      <h2 id="ladder-title">${say("Layers")}</h2>
      <${StepSlider} page=${page} column=${column} />
      <div class="scroll" role="group" tabindex="0" aria-labelledby="ladder-title">
        <table onKeyDown=${move} onPointerOver=${show} onFocusIn=${show}>
          <caption class="hidden">${say("Each layer at {}, from the input to the loss", stepName(page, column))}</caption>
          <thead><tr>
            <th scope="col">${say("Layer")}</th>
            ${page.columns.map((about) => html`<th scope="col" title=${columnMeaning(about.key)}>${columnName(about.key)}</th>`)}
          </tr></thead>
          <tbody>${page.layers.map((layer, i) => html`<${Row} key=${i} page=${page} layer=${layer} index=${i} column=${column} />`)}</tbody>
        </table>
      </div>
      <${Key} />
      <${Trace} page=${page} />
      <${Meanings} page=${page} />
    </section>
  `;
}

/** Where in the run the page looks, on a slider over the recorded steps. */
export function StepSlider({ page, column }) {
  const last = page.recorded.steps.length - 1;
  const name = stepName(page, column);
  return html`<div class="slider">
    <label for="step">${say("Step")}</label>
    <input id="step" type="range" min="0" max=${last} value=${column} aria-valuetext=${name}
      onInput=${(event) => choose({ column: Number(event.target.value) })} />
    <output for="step">${name}</output>
  </div>`;
}

function Row({ page, layer, index, column }) {
  const mark = markOf(page, layer.findings);
  return html`<tr data-layer=${index} class=${mark.kinds}>
    <th scope="row">
      <button type="button" onClick=${() => choose({ layer: index, cell: null })}>
        <span class="number">${index + 1}</span>
        <span class="name">${breakable(layer.name)}</span>
        ${mark.severity && html`<${Sign} ...${mark} />`}
      </button>
      <small>${[layer.operation, layer.units && say("{} units", whole(layer.units))].filter(Boolean).join(" · ")}</small>
    </th>
    ${page.columns.map(({ key }, i) => numberOf(key, cell(page, index, key, column), index === 0 && i === 0))}
  </tr>`;
}

/** A name that may be broken between its parts. */
function breakable(name) {
  return name.split(/(?<=[.:_])|(?=#)/).flatMap((part) => [part, html`<wbr />`]);
}

/** A cell; not a component, for there are thousands. */
function numberOf(key, { value, level }, first) {
  return html`<td tabindex=${first ? 0 : -1} data-key=${key} data-level=${Number.isNaN(level) ? null : level}>
    ${inColumn(key, value)}${Mark({ level })}
  </td>`;
}

/** The cell that is pointed at or has the focus is drawn over all steps below the table. */
function show(event) {
  const at = event.target.closest("td");
  if (at) choose({ cell: { layer: Number(at.parentElement.dataset.layer), key: at.dataset.key } });
}

/** ▲ too large, ▼ too small; twice where a rule alarms. */
export function Mark({ level }) {
  if (!level) return html`<span class="sense" aria-hidden="true"></span>`;
  const sign = level > 0 ? "▲" : "▼";
  const words = say(level > 0 ? "too large" : "too small");
  return html`<span class="sense" aria-hidden="true">${Math.abs(level) >= BROKEN ? sign + sign : sign}</span><span class="hidden">${words}</span>`;
}

function Key() {
  const levels = [-4, -2, 0, 2, 4];
  const words = { "-4": "far too small", 0: "as expected", 4: "far too large" };
  return html`<p class="legend scale">
    ${levels.map((level) => html`<span><i class="key" data-level=${level}><${Mark} level=${level} /></i>${words[level] && say(words[level])}</span>`)}
    <span>– ${say("not measured")}</span>
  </p>`;
}

function Meanings({ page }) {
  return html`<details class="meanings">
    <summary>${say("What the columns mean, and what is expected")}</summary>
    <dl>${page.columns.map((about) => html`<div>
      <dt>${columnName(about.key)}</dt>
      <dd>${columnMeaning(about.key)} ${say("Expected: {}.", rangeOf(about, say))} ${about.source && html`<cite lang=${languageOf(page, about.source)}>${translated(page, about.source)}</cite>`}</dd>
    </div>`)}</dl>
  </details>`;
}

/** Arrow keys go from cell to cell; only one of them is in the order of the Tab key. */
function move(event) {
  const from = event.target.closest("td");
  const by = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  if (!from || !by) return;
  const rows = from.closest("tbody").rows;
  const to = rows[from.parentElement.sectionRowIndex + by[0]]?.cells[from.cellIndex + by[1]];
  event.preventDefault();
  if (to?.tagName !== "TD") return;
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}

/** "step 256", and of which loss where several are trained in turn. */
export function stepName(page, column) {
  const { steps, streams, merged } = page.recorded;
  const step = say("step {}", whole(steps[column] ?? 0));
  const loss = page.run.streams > 1 ? ` · ${say("loss {}", streams[column] + 1)}` : "";
  const more = merged[column] > 1 ? ` · ${say("worst of {}", merged[column])}` : "";
  return step + loss + more;
}
