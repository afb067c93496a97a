// Draws a page, and draws it anew when there is more to show.

import { App } from "./app.js";
import { html, render } from "./libraries.js";
import { listenForLight } from "./light.js";
import { firstColumn, firstLayer } from "./page.js";
import { choose, view } from "./state.js";

/** Shows a page (see page.js) in an element; `update` takes the next one. */
export function mount(root, page) {
  let current = page;
  const draw = () => render(html`<${App} page=${current} />`, root);
  choose({ column: Math.max(firstColumn(page), 0), layer: firstLayer(page) });
  root.textContent = "";
  draw();
  listenForLight(root, () => current);
  return {
    update(next) {
      const last = current.recorded.steps.length - 1;
      const follows = view().column >= last; // who looks at the last step goes on to the new one
      current = next;
      if (follows) choose({ column: Math.max(next.recorded.steps.length - 1, 0) });
      draw();
    },
  };
}
