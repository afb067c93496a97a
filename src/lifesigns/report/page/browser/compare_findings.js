// Findings gone, new and same.

import { html } from "./libraries.js";
import { Sign } from "./severity.js";
import { languageOf, placeOf, say, titleOf, translated } from "./words.js";

const HEADINGS = { new: "New in {}", gone: "Gone in {}", same: "In both" };

export function Changes({ pair, sides }) {
  const other = sides[1].run.letter;
  return html`<aside class="findings" id="findings" aria-labelledby="findings-title">
    <h2 id="findings-title">${say("Findings")}</h2>
    ${!pair.findings.length && html`<p>${say("Nothing was found in either run.")}</p>`}
    ${["new", "gone", "same"].map((change) => html`<${Kind} changes=${pair.findings.filter((each) => each.change === change)}
      heading=${say(HEADINGS[change], other)} sides=${sides} />`)}
  </aside>`;
}

function Kind({ changes, heading, sides }) {
  if (!changes.length) return null;
  return html`<h3 class="change">${heading} <span class="soft">${changes.length}</span></h3>
    ${changes.map((change) => html`<${Card} change=${change} sides=${sides} />`)}`;
}

function Card({ change, sides }) {
  const side = change.indices[1] === null ? 0 : 1;
  const { page } = sides[side];
  const finding = page.findings[change.indices[side]];
  return html`<article class=${`card ${finding.severity} ${change.change}`}>
    <h4><${Sign} severity=${finding.severity} /> ${titleOf(page, finding)}</h4>
    <p class="symptom" lang=${languageOf(page, finding.symptom)}>${translated(page, finding.symptom)}</p>
    <p class="place">${placeOf(finding)} · ${say("step {}", finding.step)}</p>
    <${Was} change=${change} sides=${sides} />
    ${change.change === "new" && html`<${Advice} page=${page} finding=${finding} />`}
  </article>`;
}

/** What a finding of both runs was in the first, where that is something else. */
function Was({ change: { indices }, sides }) {
  if (indices.includes(null)) return null;
  const [before, now] = indices.map((index, i) => sides[i].page.findings[index]);
  if (before.symptom === now.symptom && before.severity === now.severity) return null;
  const { page, run } = sides[0];
  return html`<p class="soft"><${Sign} severity=${before.severity} /> ${say("In {}:", run.letter)}
    <span lang=${languageOf(page, before.symptom)}>${translated(page, before.symptom)}</span></p>`;
}

function Advice({ page, finding }) {
  return html`<p class="why">${translated(page, finding.why)}</p>
    ${finding.remedies.slice(0, 1).map((remedy) => html`<p>${say("What to do")}: ${translated(page, remedy.text)}</p>`)}`;
}
