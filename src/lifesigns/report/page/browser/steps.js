// A small chart over the recorded steps: 1000 × 100, stretched to its place.

import { html } from "./libraries.js";
import { whole } from "./numbers.js";

/** The frame of a small chart; its children are drawn into it.
 *
 * A line stands at the step that is looked at, which an element around it gives as `--now`.
 */
export function Steps({ page, low, high, children }) {
  const { steps } = page.recorded;
  return html`<div class="steps">
    <span class="tick high">${high}</span><span class="tick low">${low}</span>
    <svg viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">
      ${children}
    </svg>
    <i class="now"></i>
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

/** Where a column lies, from 0 to 1. */
export function share(steps, column) {
  const [first, last] = [steps[0], steps[steps.length - 1]];
  return last === first ? 0.5 : (steps[column] - first) / (last - first);
}

function across(steps, column) {
  return (1000 * share(steps, column)).toFixed(1);
}
