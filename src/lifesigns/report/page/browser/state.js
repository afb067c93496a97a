// What the reader has chosen: one value that all charts look at.

import { useLayoutEffect, useState } from "./libraries.js";

let chosen = {
  column: 0, // of the recorded steps
  layer: 0,
  preview: null, // the layer of the finding that is hovered, which the map shows meanwhile
  cell: null, // {layer, key} of the ladder, drawn over all steps below it
  saturated: true, // whether the map shows saturation, of layers that can saturate
  language: document.documentElement.dataset.language === "zh" || navigator.language.startsWith("zh") ? "zh" : "en",
  theme: "system", // or light, or dark
  isSystemDark: matchMedia("(prefers-color-scheme: dark)").matches,
};
const listeners = new Set();

/** Everything that is chosen now. */
export function view() {
  return chosen;
}

/** Chooses; what is not named stays. */
export function choose(changes) {
  chosen = { ...chosen, ...changes };
  listeners.forEach((listener) => listener());
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => choose({ isSystemDark: matches }));

/** Whether the page is dark now. */
export function isDark({ theme, isSystemDark }) {
  return theme === "system" ? isSystemDark : theme === "dark";
}

/** A part of the choice; the component is drawn anew when it changes. */
export function useView(part) {
  const [, redraw] = useState(0);
  const value = part(chosen);
  useLayoutEffect(() => {
    let seen = part(chosen);
    const listener = () => {
      if (Object.is(seen, part(chosen))) return;
      seen = part(chosen);
      redraw((times) => times + 1);
    };
    listeners.add(listener);
    listener();
    return () => listeners.delete(listener);
  }, []);
  return value;
}
