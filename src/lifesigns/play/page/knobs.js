// All controls, in their groups.

import { html } from "../../report/page/browser/libraries.js";
import { useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { Compare } from "./compare_control.js";
import { Control } from "./control.js";
import { CONTROLS, GROUPS } from "./controls_list.js";
import { LayersControl } from "./layers_control.js";
import { OwnTable } from "./own_table.js";
import { change } from "./player.js";
import { problemText } from "./problems.js";
import { read } from "./setting_keys.js";

export function Knobs() {
  const setting = useView((view) => view.setting);
  const errors = useView((view) => view.errors);
  return html`<aside class="knobs" aria-label=${say("Controls")}>
    ${errors.length > 0 && html`<div role="alert">${errors.map((error) => html`<p class="problem">${problemText(error)}</p>`)}</div>`}
    ${GROUPS.map(([group, name]) => html`<${Group} key=${group} group=${group} name=${name} setting=${setting} />`)}
    <${Compare} setting=${setting} />
  </aside>`;
}

function Group({ group, name, setting }) {
  const free = useView((view) => view.free);
  const shown = CONTROLS.filter((about) => about.group === group && (!about.compared || (about.key === free && about.kind !== "text")) && (!about.only || about.only(setting)));
  const one = (about) => html`<${Control} key=${about.key} about=${about} value=${read(setting, about.key) ?? 0} onChange=${(value) => change(about.key, value)} />`;
  const rare = shown.filter((about) => about.rare);
  return html`<fieldset>
    <legend>${say(name)}</legend>
    ${group === "network" && html`<${LayersControl} setting=${setting} />`}
    ${shown.filter((about) => !about.rare).map(one)}
    ${group === "data" && html`<${OwnTable} setting=${setting} />`}
    ${rare.length > 0 && html`<details class="more"><summary>${say("More")}</summary>${rare.map(one)}</details>`}
  </fieldset>`;
}
