// The findings as cards: what, where, why and what to do; consequences beneath their root cause.

import { copy } from "./copying.js";
import { html, useState } from "./libraries.js";
import { isOdd, layersOf, nearestColumn, rootOf } from "./page.js";
import { Sign } from "./severity.js";
import { choose } from "./state.js";
import { languageOf, placeOf, say, titleOf, translated } from "./words.js";

export function Findings({ page }) {
  const roots = page.findings.flatMap((finding, i) => (rootOf(page, finding) < 0 ? [i] : []));
  return html`
    <aside class="findings" id="findings" aria-labelledby="findings-title">
      <h2 id="findings-title">${say("Findings")}</h2>
      ${!roots.length && html`<${Nothing} page=${page} />`}
      ${roots.map((i) => html`<${Card} key=${i} page=${page} index=${i} />`)}
      <${Ignored} ignored=${page.report.ignored} />
    </aside>
  `;
}

function Card({ page, index }) {
  const finding = page.findings[index];
  const consequences = page.findings.flatMap((other, i) => (rootOf(page, other) === index ? [i] : []));
  return html`<article class=${`card ${finding.severity}`} id=${`finding-${index}`} data-finding=${index} tabindex="-1">
    <h3><${Sign} severity=${finding.severity} /> ${titleOf(page, finding)}</h3>
    <p class="symptom" lang=${languageOf(page, finding.symptom)}>${translated(page, finding.symptom)}</p>
    <${Place} page=${page} finding=${finding} index=${index} />
    <dl>
      <${Row} page=${page} name=${say("Measured")} text=${finding.measured} />
      <${Row} page=${page} name=${say("Expected")} text=${finding.expected} />
      <${Row} page=${page} name=${say("Certainty")} text=${finding.certainty} />
    </dl>
    <p class="why">${translated(page, finding.why)}</p>
    ${finding.remedies.length > 0 && html`<h4>${say("What to do")}</h4>
      <ol>${finding.remedies.map((remedy) => html`<${Remedy} page=${page} remedy=${remedy} />`)}</ol>`}
    ${consequences.length > 0 && html`<h4>${say("Explains")}</h4>
      <div class="consequences">${consequences.map((i) => html`<${Card} key=${i} page=${page} index=${i} />`)}</div>`}
  </article>`;
}

/** Where it was found, as a button that shows the place in the charts. */
function Place({ page, finding, index }) {
  const [layer] = layersOf(page, index);
  const hasStep = typeof finding.step === "number";
  const show = () =>
    choose({
      ...(layer !== undefined && { layer, cell: null }),
      ...(hasStep && page.recorded.steps.length && { column: nearestColumn(page, finding.step) }),
    });
  const where = [placeOf(finding), hasStep && say("step {}", finding.step)].filter(Boolean).join(" · ");
  if (layer === undefined && !hasStep) return html`<p class="place">${where}</p>`;
  return html`<p class="place"><button type="button" onClick=${show} title=${say("Show it in the charts")}>${where}</button></p>`;
}

function Row({ page, name, text }) {
  return text ? html`<div><dt>${name}</dt><dd lang=${languageOf(page, text)}>${translated(page, text)}</dd></div>` : null;
}

function Remedy({ page, remedy }) {
  return html`<li>
    ${translated(page, remedy.text)}
    ${remedy.code && html`<div class="code"><pre tabindex="0"><code>${remedy.code}</code></pre><${Copy} text=${remedy.code} /></div>`}
  </li>`;
}

function Copy({ text }) {
  const [done, setDone] = useState(false);
  const click = async () => {
    await copy(text);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return html`<button type="button" class="copy" onClick=${click}>${say(done ? "Copied" : "Copy")}</button>`;
}

/** No finding: what is healthy is said, as much as what was seen allows. */
function Nothing({ page }) {
  const layers = page.layers.length;
  return html`<div class="card healthy">
    <p>${say("Nothing was found.")} ${isOdd(page) && say("Some numbers of the table lie outside what is expected; where a network learns all the same, that is no finding.")}
    ${layers > 0 && !isOdd(page) && say("{} layers were watched at {} recorded steps: no layer is dead, saturated or cut off as far as these steps show.", layers, page.run.recorded)}</p>
    <p class="soft">${say("What was not seen is listed at the top of the page; what happens between recorded steps is not seen either.")}</p>
  </div>`;
}

function Ignored({ ignored }) {
  const names = Object.entries(ignored ?? {});
  if (!names.length) return null;
  return html`<p class="soft">${say("Left out by the selection: {}.", names.map(([rule, count]) => `${rule} (${count})`).join(", "))}</p>`;
}
