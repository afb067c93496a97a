// The hidden layers, each with its activation and its width; layers come and go.

import { html } from "../../report/page/browser/libraries.js";
import { useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { actives, formula, title } from "./controls_list.js";
import { known } from "./engine.js";
import { change } from "./player.js";
import { HIDDEN } from "./setting_keys.js";

const PIECES = [2, 3, 4, 5];

export function LayersControl({ setting }) {
  const free = useView((view) => view.free);
  const isFixed = free !== null && free !== HIDDEN;
  const { hidden } = setting.network;
  const put = (layers) => change("network", { ...setting.network, hidden: layers });
  const at = (i, more) => put(hidden.map((layer, k) => (k === i ? clean({ ...layer, ...more }) : layer)));
  return html`<div class="control">
    <label as="span" for=${hidden.length ? "layer-0" : "add-layer"}>${say("Hidden layers")} <small>${say("activation, units")}</small></label>
    <ol class="layers">
      ${hidden.map((layer, i) => html`<li key=${i}>
        <select id=${`layer-${i}`} disabled=${isFixed} aria-label=${say("Activation of layer {}", i + 1)} title=${`${title(layer.activation)}: ${formula(layer.activation)}`} value=${layer.activation} onChange=${(event) => at(i, { activation: event.target.value })}>
          <${Actives} chosen=${layer.activation} />
        </select>
        <input type="number" inputmode="numeric" min="1" max="64" disabled=${isFixed} aria-label=${say("Units of layer {}", i + 1)} value=${Number.isFinite(layer.units) ? layer.units : ""} onChange=${(event) => at(i, { units: within(event.target.value, layer.units) })} />
        <button type="button" disabled=${isFixed} aria-label=${say("Take layer {} out", i + 1)} title=${say("Take layer {} out", i + 1)} onClick=${() => put(hidden.filter((_, k) => k !== i))}>×</button>
        ${layer.activation === "maxout" && html`<label class="pieces">${say("pieces")} <select disabled=${isFixed} value=${layer.pieces ?? 2} onChange=${(event) => at(i, { pieces: Number(event.target.value) })}>${PIECES.map((count) => html`<option value=${count}>${count}</option>`)}</select></label>`}
      </li>`)}
    </ol>
    <button type="button" id="add-layer" class="wide" disabled=${isFixed || hidden.length >= known().mostLayers} onClick=${() => put([...hidden, clean({ ...(hidden.at(-1) ?? { units: 8, activation: "relu" }) })])}>+ ${say("Add a layer")}</button>
  </div>`;
}

function Actives({ chosen }) {
  const groups = Map.groupBy ? Map.groupBy(actives(), ([, , group]) => group) : grouped(actives());
  return [...groups].map(([group, items]) => html`<optgroup label=${say(group)}>${items.map(([name, text]) => html`<option value=${name} selected=${name === chosen}>${text}</option>`)}</optgroup>`);
}

function grouped(items) {
  const groups = new Map();
  for (const item of items) groups.set(item[2], [...(groups.get(item[2]) ?? []), item]);
  return groups;
}

/** A layer without what its activation does not have. */
function clean({ units, activation, slope, pieces }) {
  return { units, activation, ...(activation === "maxout" && pieces && { pieces }), ...(activation.includes("relu") && slope !== undefined && { slope }) };
}

function within(text, before) {
  const number = Math.round(Number(text));
  return Number.isFinite(number) ? Math.min(Math.max(number, 1), 64) : before;
}
