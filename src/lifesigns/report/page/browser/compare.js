// The page of a comparison begins here: the comparison and the documents of its runs stand in the file.

import { Comparison } from "./compare_app.js";
import { html, render } from "./libraries.js";
import { readPage } from "./page.js";
import { choose } from "./state.js";

const { comparison, documents } = JSON.parse(document.getElementById("comparison").textContent);
Promise.all(documents.map(readPage)).then((pages) => {
  const root = document.getElementById("page");
  choose({ pair: 0, step: lastCommonStep(pages) });
  root.textContent = "";
  render(html`<${Comparison} comparison=${comparison} pages=${pages} />`, root);
  root.dataset.ready = "";
});

/** The step to begin with: the last that all runs had reached. */
function lastCommonStep(pages) {
  const last = pages.map((page) => page.recorded.steps[page.recorded.steps.length - 1] ?? 0);
  return Math.min(...last);
}
