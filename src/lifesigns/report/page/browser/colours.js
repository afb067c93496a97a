// Colours for canvases, which know no custom properties.

import { isDark, view } from "./state.js";

const known = new Map(); // to ask the browser makes it lay out the page
let probe = null;

/** The custom property `--name` as `rgb(…)`, light or dark as the page is now. */
export function colour(name) {
  const key = `${name} ${isDark(view())}`;
  if (!known.has(key)) known.set(key, resolved(name));
  return known.get(key);
}

/** The same as its three parts, 0 to 255. */
export function parts(name) {
  return colour(name).match(/[\d.]+/g).slice(0, 3).map(Number);
}

function resolved(name) {
  if (!probe) {
    probe = document.createElement("i");
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}
