// A small chart over the recorded steps: 1000 × 100, stretched to its place.

import { html } from "./libraries.js";
import { whole } from "./numbers.js";

/** The frame of a small chart; its children are drawn into it. */
export function Steps({ page, column, low, high, children }) {
  const { steps } = page.recorded;
  return html`<div class="steps">
    <span class="tick high">${high}</span><span class="tick low">${low}</span>
    <svg viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">
      ${children}
      ${column !== undefined && html`<path class="now" d=${`M${across(steps, column)} 0V100`} />`}
    </svg>
    <span class="tick first">${whole(steps[0] ?? 0)}</span><span class="tick last">${whole(steps[steps.length - 1] ?? 0)}</span>
  </div>`;
}

/** The path of a layer's values over the steps; it is broken where there are none.
 *
 * Losses that never reach the layer, where several are trained in turn, break nothing.
 */
export function curve({ steps, streams }, values, range) {
  const reached = new Set(streams.filter((_, i) => !Number.isNaN(values[i])));
  let path = "";
  let open = false;
  values.forEach((value, i) => {
    if (!reached.has(streams[i])) return;
    const shown = Number.isFinite(value);
    if (shown) path += `${open ? "L" : "M"}${across(steps, i)} ${range.height(value).toFixed(1)}${open ? "" : "h.1"}`;
    open = shown;
  });
  return path;
}

function across(steps, column) {
  const [first, last] = [steps[0], steps[steps.length - 1]];
  return last === first ? 500 : ((1000 * (steps[column] - first)) / (last - first)).toFixed(1);
}
