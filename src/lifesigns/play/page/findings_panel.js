// What is wrong now, as cards: what, where, why, and a button that mends it.

import { html } from "../../report/page/browser/libraries.js";
import { Sign } from "../../report/page/browser/severity.js";
import { useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { placeText } from "./finding_words.js";
import { useFrame } from "./frames.js";
import { written } from "./judged.js";
import { mend, rewind } from "./player.js";

export function Findings() {
  const findings = useFrame((frame) => frame.findings) ?? [];
  const made = useView((view) => view.made);
  const broken = useFrame((frame) => JSON.stringify(frame.sides.map(({ broken }) => broken)));
  const isBegun = useFrame((frame) => frame.step > 0);
  const breaks = JSON.parse(broken ?? "[]");
  const isQuiet = !findings.length && !breaks.some(Boolean);
  return html`<section class="findings" id="findings" aria-labelledby="findings-title">
    <h2 id="findings-title">${say("Findings")}</h2>
    <div aria-live="polite">
      ${breaks.map((each, side) => each && html`<${Broken} broken=${each} letter=${made.length > 1 ? "AB"[side] : ""} />`)}
      ${findings.map((finding) => html`<${Card} key=${finding.id} finding=${finding} made=${made} all=${findings} />`)}
      ${isQuiet && html`<p class="soft">${say(isBegun ? "Nothing was found so far." : "Nothing has been seen yet: run it, or go one step.")}</p>`}
    </div>
  </section>`;
}

function Card({ finding, made, all }) {
  const isFixed = useView((view) => view.free !== null);
  const letter = made.length > 1 ? "AB"[finding.side] : "";
  const layers = made[finding.side]?.structure.layers.length ?? 0;
  const cause = all.find(({ rule, side }) => rule === finding.explainedBy && side === finding.side);
  return html`<article class=${`card ${finding.severity}`} id=${`finding-${finding.id}`} tabindex="-1">
    <h3><${Sign} severity=${finding.severity} /> <${Letter} letter=${letter} />${written(finding.title)}</h3>
    <p class="place">${placeText(finding, layers)} · <code>${finding.rule}</code></p>
    <p>${written(finding.symptom)}</p>
    ${cause ? html`<p class="soft">${say("It follows from: {}", written(cause.title))}</p>`
      : html`<details class="why"><summary>${say("Why it harms")}</summary><p>${written(finding.why)}</p></details>`}
    ${finding.remedies.length > 0 && html`<div class="remedies">${finding.remedies.map((remedy) => html`<button type="button" disabled=${isFixed} onClick=${() => mend(finding.side, remedy)}>${written(remedy.text)}</button>`)}</div>`}
  </article>`;
}

function Letter({ letter }) {
  return letter && html`<span class=${`letter ${letter.toLowerCase()}`}>${letter}</span> `;
}

/** Numbers that are no longer finite: which step, which operation, and what to do. */
function Broken({ broken, letter }) {
  return html`<article class="card error broken">
    <h3><${Sign} severity="error" /> <${Letter} letter=${letter} />${say("Not a number from step {} on", broken.step)}</h3>
    <p>${written(broken.text)}</p>
    <p>${written(broken.mended)}</p>
    <div class="remedies"><button type="button" onClick=${() => rewind(Math.max(0, broken.step - 1))}>${say("Go back to the step before")}</button></div>
  </article>`;
}
