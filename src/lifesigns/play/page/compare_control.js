// Two networks side by side: one control has another value in the second.

import { html } from "../../report/page/browser/libraries.js";
import { useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { Control } from "./control.js";
import { CONTROLS, controlOf } from "./controls_list.js";
import { compare } from "./player.js";
import { read } from "./setting_keys.js";

const FIRST = "initialiser.name";

export function Compare({ setting }) {
  const difference = useView((view) => view.difference);
  const free = useView((view) => view.free);
  const isFixed = free !== null && free !== "other";
  const about = difference && controlOf(difference.key);
  const other = (key) => ({ key, value: another(controlOf(key), read(setting, key)) });
  const possible = CONTROLS.filter((each) => !each.only || each.only(setting));
  return html`<fieldset class="compare">
    <legend>${say("Side by side")}</legend>
    ${!difference && html`<button type="button" class="wide" disabled=${isFixed} onClick=${() => compare(other(FIRST))}>${say("Compare two networks")}</button>`}
    ${difference && html`
      <div class="control"><label for="differs">${say("Network B differs in")}</label>
        <select id="differs" disabled=${isFixed} value=${difference.key} onChange=${(event) => compare(other(event.target.value))}>
          ${possible.map((each) => html`<option value=${each.key} selected=${each.key === difference.key}>${say(each.label)}</option>`)}
        </select></div>
      ${about ? html`<${Control} about=${{ ...about, label: "In network B" }} id="control-other" place="other" value=${difference.value} onChange=${(value) => compare({ ...difference, value })} />`
        : html`<p class="fixed">${difference.key}: ${String(difference.value)}</p>`}
      <button type="button" class="wide" disabled=${isFixed} onClick=${() => compare(null)}>${say("Back to one network")}</button>`}
  </fieldset>`;
}

/** A value that differs from the present one, to begin with. */
function another(about, value) {
  if (about.kind === "switch") return !value;
  if (about.kind === "text") return value ? "" : "8 tanh";
  if (about.kind === "choice") {
    const names = about.options().map(([name]) => name);
    return about.key === FIRST && value !== "zeros" ? "zeros" : names.find((name) => name !== value);
  }
  if (about.ladder) return Number((value > 0 ? 10 * value : about.ladder).toPrecision(6));
  return Math.min(Number((value + about.step).toPrecision(12)), about.max);
}
