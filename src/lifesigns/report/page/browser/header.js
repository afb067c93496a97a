// The head of the page: the verdict, what the run was, and what was not seen of it.

import { html } from "./libraries.js";
import { short, whole } from "./numbers.js";
import { Sign } from "./severity.js";
import { choose, useView } from "./state.js";
import { languageOf, say, translated, unseen } from "./words.js";

const THEMES = ["system", "light", "dark"];

export function Header({ page }) {
  const { report, run } = page;
  return html`
    <header class="head">
      <div class="bar">
        <span class="brand">lifesigns</span>
        <${Switches} />
      </div>
      <p class="command"><code>${report.command || say("a training")}</code></p>
      <h1 lang=${languageOf(page, report.verdict)}>${translated(page, report.verdict)}</h1>
      <${Counts} findings=${page.findings} />
      <dl class="facts">
        <${Fact} name=${say("Status")}>${say(run.status)}${run.reason && ` (${run.reason})`}<//>
        <${Fact} name=${say("Steps")}>${whole(run.steps)}<//>
        <${Fact} name=${say("Recorded")}>${whole(run.recorded)}<//>
        <${Fact} name=${say("Cost of watching")}>${cost(report.overhead)}<//>
        <${Fact} name=${say("Started")}>${report.started.slice(0, 16).replace("T", " ")}<//>
        <${Fact} name="PyTorch">${report.versions.torch || "–"}<//>
      </dl>
      <${Coverage} page=${page} />
    </header>
  `;
}

/** The switches of language and colours. */
export function Switches() {
  const language = useView((view) => view.language);
  const theme = useView((view) => view.theme);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  return html`
    <div class="switches">
      <button type="button" class="language" lang=${language === "zh" ? "en" : "zh-CN"}
        onClick=${() => choose({ language: language === "zh" ? "en" : "zh" })}>
        ${language === "zh" ? "English" : "中文"}
      </button>
      <button type="button" class="theme" onClick=${() => choose({ theme: next })}>
        ${say("{}: {}", say("Colours"), say(theme))}
      </button>
    </div>
  `;
}

/** How many findings of each severity, as links to them. */
function Counts({ findings }) {
  const kinds = ["error", "warning", "note"].map((severity) => [
    severity,
    findings.filter((finding) => finding.severity === severity).length,
  ]);
  if (!findings.length) return null;
  return html`<p class="counts">
    ${kinds.map(([severity, count]) => count > 0 && html`
      <a href="#findings" class="count"><${Sign} severity=${severity} /> ${count} ${say(count > 1 ? `${severity}s` : severity)}</a>`)}
  </p>`;
}

function Fact({ name, children }) {
  return html`<div><dt>${name}</dt><dd>${children}</dd></div>`;
}

function Coverage({ page }) {
  const sentences = unseen(page);
  if (!sentences.length) return html`<p class="coverage">${say("Everything in the recorded steps was seen.")}</p>`;
  return html`<details class="coverage" open=${sentences.length < 4}>
    <summary>${say("Not seen: {}", sentences.length)}</summary>
    <ul>${sentences.map((text) => html`<li>${text}</li>`)}</ul>
  </details>`;
}

function cost(overhead) {
  return typeof overhead === "number" ? `${short(100 * overhead)} %` : "–";
}
