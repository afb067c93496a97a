// What is wrong now, as cards: what, where, why, and a button that mends it.

import { html } from "../../report/page/browser/libraries.js";
import { short } from "../../report/page/browser/numbers.js";
import { Sign } from "../../report/page/browser/severity.js";
import { useView, view } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { known, said } from "./engine.js";
import { part, placeText, remedyText, titleOf } from "./finding_words.js";
import { useFrame } from "./frames.js";
import { apply, compare, request } from "./player.js";

export function Findings() {
  const findings = useFrame((frame) => frame.findings) ?? [];
  const made = useView((view) => view.made);
  const broken = useFrame((frame) => frame.sides.map(({ broken }) => broken));
  const step = useFrame((frame) => frame.step) ?? 0;
  return html`<section class="findings" id="findings" aria-labelledby="findings-title">
    <h2 id="findings-title">${say("Findings")}</h2>
    <div aria-live="polite">
      ${(broken ?? []).map((each, side) => each && html`<${Broken} broken=${each} letter=${made.length > 1 ? "AB"[side] : ""} />`)}
      ${findings.map((finding) => html`<${Card} key=${finding.id} finding=${finding} made=${made} />`)}
      ${!findings.length && !(broken ?? []).some(Boolean) && html`<p class="soft">${say(step === 0 ? "Nothing has been seen yet: run it, or go one step." : "Nothing was found so far.")}</p>`}
    </div>
  </section>`;
}

function Card({ finding, made }) {
  const letter = made.length > 1 ? "AB"[finding.side] : "";
  const layers = made[finding.side]?.structure.layers.length ?? 0;
  return html`<article class=${`card ${finding.severity}`} id=${`finding-${finding.id}`} tabindex="-1">
    <h3><${Sign} severity=${finding.severity} /> ${letter && html`<span class=${`letter ${letter.toLowerCase()}`}>${letter}</span> `}${titleOf(finding)}</h3>
    <p class="place soft">${placeText(finding, layers)} · <code>${finding.rule}</code></p>
    <p>${part(finding, "symptom")}</p>
    <p class="why">${part(finding, "why")}</p>
    ${finding.remedies.length > 0 && html`<div class="remedies">${finding.remedies.map((remedy) => html`<button type="button" onClick=${() => mend(finding, remedy)}>${remedyText(remedy)}</button>`)}</div>`}
  </article>`;
}

/** Applies a remedy to the network that has the finding. */
async function mend(finding, remedy) {
  const mended = await request("mended", { side: finding.side, remedy });
  if (finding.side === 1) compare(null);
  apply(mended);
}

/** Numbers that are no longer finite: which step, which operation, and how it came. */
function Broken({ broken, letter }) {
  const template = known().words.BROKEN[broken.operation];
  const numbers = Object.fromEntries(Object.entries(broken).map(([name, value]) => [name, typeof value === "number" && !Number.isInteger(value) ? short(value) : value]));
  return html`<article class="card error broken">
    <h3><${Sign} severity="error" /> ${letter && html`<span class="letter">${letter}</span> `}${say("Not a number from step {} on", broken.step)}</h3>
    <p>${template ? said(template, { ...numbers, layer: broken.layer + 1 }, view().language) : broken.operation}</p>
  </article>`;
}
