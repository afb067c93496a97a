import { html } from "../../report/page/browser/libraries.js";

export function SlopeView() {
  return html`<p>…</p>`;
}
