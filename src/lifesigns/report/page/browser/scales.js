// Gradient and update of every layer over the steps, as small charts on one common axis.

import { html, useMemo } from "./libraries.js";
import { short } from "./numbers.js";
import { decades } from "./plot.js";
import { choose, useView } from "./state.js";
import { curve, share, Steps } from "./steps.js";
import { say } from "./words.js";

const MANY = 60; // layers: what is out of sight is then left out of account

export function Scales({ page }) {
  const column = useView((view) => view.column);
  const panels = useMemo(() => {
    if (!isMeasured(page)) return null;
    const [range, floor] = [common(page), hasZero(page) ? "0" : null];
    return page.layers.map((layer, i) => html`<${Panel} key=${i} page=${page} layer=${layer} index=${i} range=${range} floor=${floor} />`);
  }, [page]);
  return html`
    <section aria-labelledby="scales-title" class="scales">
      <h2 id="scales-title">${say("Gradients and updates")}</h2>
      ${panels
        ? html`<${Key} page=${page} />
          <div class=${`multiples ${page.layers.length > MANY ? "many" : ""}`} role="group" tabindex="0" aria-labelledby="scales-title" style=${{ "--now": share(page.recorded.steps, column) }}>
            ${panels}
          </div>`
        : html`<p class="soft">${say("All gradients are 0, or were not measured.")}</p>`}
    </section>
  `;
}

function Key({ page }) {
  return html`<p class="legend">
    <span><i class="key line"></i>${say("size of the weight's gradient")}</span>
    <span><i class="key second"></i>${say("update over weight")}</span>
    <span class="soft">${say("one logarithmic axis for all layers")}${hasZero(page) && say("; 0, which has no place on it, lies on its floor")}</span>
  </p>`;
}

function Panel({ page, layer, index, range, floor }) {
  const path = (key) => curve(page.recorded, page.ladder[key].row(index).map((value) => Math.max(value, range.low)), range);
  const paths = ["gradient", "update"].map(path);
  if (!paths.some(Boolean)) return null;
  return html`<figure data-layer=${index}>
    <figcaption><button type="button" onClick=${() => choose({ layer: index, cell: null })}><span class="number">${index + 1}</span> <span class="name">${layer.name}</span></button></figcaption>
    <${Steps} page=${page} low=${floor ?? short(range.low)} high=${short(range.high)}>
      <path class="curve" d=${paths[0]} />
      <path class="curve second" d=${paths[1]} />
    <//>
  </figure>`;
}

function isMeasured(page) {
  return ["gradient", "update"].some((key) => page.ladder[key].values.some((value) => value > 0));
}

/** Zero has no place on a logarithmic axis: it is drawn on its floor. */
function hasZero(page) {
  return ["gradient", "update"].some((key) => page.ladder[key].values.includes(0));
}

/** The common axis: whole decades around all that is drawn. */
function common(page) {
  let low = Infinity;
  let high = 0;
  for (const key of ["gradient", "update"]) {
    for (const value of page.ladder[key].values) {
      if (value > 0 && Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  }
  [low, high] = decades(low, high);
  const size = Math.log(high / low);
  return { low, high, height: (value) => 100 - (100 * Math.log(value / low)) / size };
}
