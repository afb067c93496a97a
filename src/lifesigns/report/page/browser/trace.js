// One cell of the ladder over all recorded steps.

import { html } from "./libraries.js";
import { inColumn, rangeOf } from "./numbers.js";
import { cell, worstKey } from "./page.js";
import { useView } from "./state.js";
import { curve, share, Steps } from "./steps.js";
import { columnName, say } from "./words.js";

export function Trace({ page }) {
  const column = useView((view) => view.column);
  const fallback = useView((view) => view.layer);
  const { layer, key } = useView((view) => view.cell) ?? { layer: fallback, key: worstKey(page, fallback, column) };
  const { value, about } = cell(page, layer, key, column);
  const values = page.ladder[key].row(layer);
  const judged = key !== "gradient"; // that is judged relative to the last layer
  const range = axisRange(values, judged ? about.expected : [], about.logarithmic);
  return html`<figure class="trace" data-layer=${layer} style=${{ "--now": share(page.recorded.steps, column) }}>
    <figcaption>
      <b><span class="number">${layer + 1}</span> ${page.layers[layer].name}</b>
      <span>${columnName(key)} <strong>${inColumn(key, value)}</strong></span>
      <span class="soft">${say(judged ? "expected {}" : "over the last layer's, expected {}", rangeOf(about, say))}</span>
    </figcaption>
    <${Steps} page=${page} low=${inColumn(key, values.includes(0) ? 0 : range.low)} high=${inColumn(key, range.high)}>
      ${judged && html`<${Expected} about=${about} range=${range} />`}
      <path class="curve" d=${curve(page.recorded, values, range)} />
    <//>
  </figure>`;
}

function Expected({ about: { expected: [low, high] }, range }) {
  const top = high === null ? 0 : range.height(high);
  const bottom = low === null ? 100 : range.height(low);
  return html`<rect class="expected" x="0" width="1000" y=${Math.max(top, 0)} height=${Math.max(Math.min(bottom, 100) - Math.max(top, 0), 0)} />`;
}

/** The vertical axis of a small chart, 100 high, around values and what is expected of them. */
export function axisRange(values, expected, logarithmic) {
  const usable = [...values, ...expected].filter((value) => value !== null && Number.isFinite(value) && !(logarithmic && value <= 0));
  const scale = logarithmic ? Math.log : (x) => x;
  let low = Math.min(...usable);
  let high = Math.max(...usable);
  if (!usable.length) [low, high] = logarithmic ? [0.1, 1] : [0, 1];
  if (!logarithmic) [low, high] = [Math.min(low, 0), high > 0 ? high : 1];
  if (low === high) high = 2 * low;
  const height = (value) => 4 + (92 * (scale(high) - scale(logarithmic ? Math.max(value, low) : value))) / (scale(high) - scale(low));
  return { low, high, height };
}
