// The page of a comparison: what is shown, and in which order.

import { useAppearance } from "./appearance.js";
import { Changes } from "./compare_findings.js";
import { ComparedLayers } from "./compare_ladder.js";
import { ComparedLoss } from "./compare_loss.js";
import { difference, equalLosses, headline, notCompared } from "./compare_words.js";
import { Switches } from "./header.js";
import { html } from "./libraries.js";
import { short, whole } from "./numbers.js";
import { choose, useView } from "./state.js";
import { languageOf, say, translated } from "./words.js";

export function Comparison({ comparison, pages }) {
  useAppearance();
  const { runs, comparisons } = comparison;
  const pair = comparisons[useView((view) => view.pair)];
  const sides = pair.runs.map((i) => ({ run: runs[i], page: pages[i] }));
  return html`
    <header class="head">
      <div class="bar"><span class="brand">lifesigns</span><${Switches} /></div>
      <${Pairs} comparison=${comparison} />
      <h1>${headline(pair, sides)}</h1>
      <${First} pair=${pair} sides=${sides} />
      <div class="runs">${runs.map((run, i) => html`<${Run} run=${run} page=${pages[i]} place=${i} shown=${pair.runs.includes(i)} />`)}</div>
    </header>
    <div class="columns">
      <div class="charts">
        <${ComparedLoss} comparison=${comparison} pages=${pages} pair=${pair} />
        <${ComparedLayers} pair=${pair} sides=${sides} />
        <${Settings} pair=${pair} sides=${sides} />
        <${NotCompared} pair=${pair} sides=${sides} />
      </div>
      <${Changes} pair=${pair} sides=${sides} />
    </div>
  `;
}

/** Which run is compared with the first, where there are several. */
function Pairs({ comparison: { runs, comparisons } }) {
  const chosen = useView((view) => view.pair);
  if (comparisons.length < 2) return null;
  return html`<p class="controls"><label>${say("Compare {} with", runs[0].letter)}
    <select value=${chosen} onChange=${(event) => choose({ pair: Number(event.target.value) })}>
      ${comparisons.map((each, i) => html`<option value=${i}>${runs[each.runs[1]].letter}: ${runs[each.runs[1]].name}</option>`)}
    </select></label></p>`;
}

/** The first place at which the runs differ. */
function First({ pair, sides }) {
  const { difference: found, rounding, losses, equal_losses: equal } = pair.divergence;
  return html`
    ${found && html`<p class="first">${difference(found, sides)}</p>`}
    ${found && equal > 0 && html`<p class="soft">${equalLosses(equal, losses)}</p>`}
    ${rounding && html`<p class="soft">${say("Only rounding, earlier:")} ${difference(rounding, sides)}</p>`}
  `;
}

function Run({ run, page, place, shown }) {
  return html`<section class=${`run run-${place % 4}${shown ? "" : " other"}`}>
    <h2><span class="letter">${run.letter}</span> <span class="name">${run.name}</span></h2>
    <p class="command"><code>${run.command || say("a training")}</code></p>
    <p class="verdict" lang=${languageOf(page, run.verdict)}>${translated(page, run.verdict)}</p>
    <dl class="facts">
      <div><dt>${say("Status")}</dt><dd>${say(page.run.status)}</dd></div>
      <div><dt>${say("Steps")}</dt><dd>${whole(run.steps)}</dd></div>
      <div><dt>${say("Recorded")}</dt><dd>${whole(run.recorded_steps)}</dd></div>
      <div><dt>${say("Cost of watching")}</dt><dd>${typeof run.overhead === "number" ? `${short(100 * run.overhead)} %` : "–"}</dd></div>
    </dl>
  </section>`;
}

/** Those that differ; the others on demand. */
function Settings({ pair, sides }) {
  const [different, same] = [false, true].map((is) => pair.settings.filter((setting) => setting.same === is));
  return html`<section aria-labelledby="settings-title" class="settings">
    <h2 id="settings-title">${say("Settings and versions")}</h2>
    ${different.length > 0
      ? html`<${Table} settings=${different} sides=${sides} />`
      : html`<p>${say("The same in both, as far as a run file tells.")}</p>`}
    ${same.length > 0 && html`<details><summary>${say("The same in both: {}", same.length)}</summary><${Table} settings=${same} sides=${sides} /></details>`}
  </section>`;
}

function Table({ settings, sides }) {
  return html`<div class="wide" role="group" tabindex="0" aria-labelledby="settings-title"><table>
    <thead><tr><th scope="col">${say("Setting")}</th>${sides.map(({ run }) => html`<th scope="col">${run.letter}</th>`)}</tr></thead>
    <tbody>${settings.map(({ name, values }) => html`<tr>
      <th scope="row">${say(name)}</th>
      ${values.map((value) => html`<td>${value === null ? html`<span class="soft">${say("none")}</span>` : value}</td>`)}
    </tr>`)}</tbody>
  </table></div>`;
}

function NotCompared({ pair, sides }) {
  return html`<section aria-labelledby="unknown-title">
    <h2 id="unknown-title">${say("Not compared")}</h2>
    <ul>${notCompared(pair, sides).map((text) => html`<li>${text}</li>`)}</ul>
  </section>`;
}
