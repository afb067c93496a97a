// The whole page: what is shown, and in which order.

import { useAppearance } from "./appearance.js";
import { Findings } from "./findings.js";
import { Graph } from "./graph.js";
import { Header } from "./header.js";
import { Ladder } from "./ladder.js";
import { html, useLayoutEffect, useState } from "./libraries.js";
import { Loss } from "./loss.js";
import { UnitMap } from "./map.js";
import { Scales } from "./scales.js";
import { Slopes } from "./slopes.js";
import { say } from "./words.js";

export function App({ page }) {
  useAppearance();
  const isPainted = usePainted();
  return html`
    <${Header} page=${page} />
    <div class="columns">
      <div class="charts">
        <${Loss} page=${page} />
        ${page.layers.length ? html`<${Layers} page=${page} isPainted=${isPainted} />` : html`<p>${say("No step was recorded, so there are no layers to show.")}</p>`}
        ${isPainted && page.graph.sites.length > 0 && html`<${Graph} page=${page} />`}
      </div>
      <${Findings} page=${page} />
    </div>
  `;
}

/** What stands further down waits until the head of the page has been painted. */
function Layers({ page, isPainted }) {
  return html`
    <${Ladder} page=${page} />
    ${isPainted && html`<${UnitMap} page=${page} /><${Slopes} page=${page} /><${Scales} page=${page} />`}
  `;
}

/** Whether the page has been painted once; `data-ready` tells those who wait for all of it. */
function usePainted() {
  const [isPainted, setPainted] = useState(false);
  useLayoutEffect(() => {
    if (isPainted) document.getElementById("page").dataset.ready = "";
    else requestAnimationFrame(() => setTimeout(() => setPainted(true)));
  }, [isPainted]);
  return isPainted;
}
