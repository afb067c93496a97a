// The layers' health and each unit over the steps: the report's own ladder and map.

import { Ladder } from "../../report/page/browser/ladder.js";
import { html, useLayoutEffect, useMemo, useRef } from "../../report/page/browser/libraries.js";
import { UnitMap } from "../../report/page/browser/map.js";
import { choose, useView, view } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { useFrame } from "./frames.js";
import { healthPage } from "./health_page.js";

export function LayersView() {
  const health = useFrame((frame) => frame.views.health);
  const findings = useFrame((frame) => frame.findings) ?? [];
  const unit = useView((view) => view.unit);
  const made = useView((view) => view.made);
  const language = useView((view) => view.language);
  const side = Math.min(unit.side, made.length - 1);
  const page = useMemo(() => health && healthPage(health, findings.filter((each) => each.side === side)), [health, findings, side, language]);
  useFollowing(page);
  if (!page || !page.recorded.steps.length) return html`<p class="soft">${say("After the first step each layer has its row here, and each unit its line over the steps.")}</p>`;
  return html`<${Sides} made=${made} side=${side} />
    <div class="health"><${Ladder} page=${page} />${page.maps.length > 0 && html`<${UnitMap} page=${page} />`}</div>`;
}

/** Which network's layers are shown. */
function Sides({ made, side }) {
  if (made.length < 2) return null;
  return html`<div class="pickers" role="group" aria-label=${say("Network")}>${made.map((_, i) => html`<button type="button" aria-pressed=${i === side ? "true" : "false"} onClick=${() => choose({ unit: { ...view().unit, side: i } })}>${say("Network {}", "AB"[i])}</button>`)}</div>`;
}

/** The step shown goes on with the training unless an earlier one was chosen. */
function useFollowing(page) {
  const length = page?.recorded.steps.length ?? 0;
  const last = useRef(0);
  useLayoutEffect(() => {
    const { column, layer } = view();
    if (column >= last.current - 1 || column >= length) choose({ column: Math.max(length - 1, 0) });
    if (page && layer >= page.layers.length) choose({ layer: 0 });
    last.current = length;
  }, [page]);
}
