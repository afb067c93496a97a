// The views beneath, one at a time.

import { html } from "../../report/page/browser/libraries.js";
import { choose, useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { refresh } from "./player.js";
import { VIEWS } from "./views.js";

export function Tabs() {
  const tab = useView((view) => view.tab);
  const version = useView((view) => view.version);
  const keys = Object.keys(VIEWS);
  const shown = keys.includes(tab) ? tab : keys[0];
  const pick = (key) => {
    choose({ tab: key });
    refresh();
  };
  const move = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = keys[(keys.indexOf(shown) + by + keys.length) % keys.length];
    pick(next);
    document.getElementById(`tab-${next}`).focus();
  };
  const { View } = VIEWS[shown];
  return html`<section class="views">
    <div class="tabs" role="tablist" aria-label=${say("Views")} onKeyDown=${move}>
      ${keys.map((key) => html`<button type="button" role="tab" id=${`tab-${key}`} aria-selected=${key === shown ? "true" : "false"} aria-controls="panel" tabindex=${key === shown ? 0 : -1} onClick=${() => pick(key)}>${say(VIEWS[key].name)}</button>`)}
    </div>
    <div class="panel" id="panel" role="tabpanel" aria-labelledby=${`tab-${shown}`}>${version > 0 && html`<${View} />`}</div>
  </section>`;
}
