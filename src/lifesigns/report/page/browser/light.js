// Hovering or focusing a finding, a layer or a site lights its place everywhere.

import { layersOf, sitesOf } from "./page.js";
import { choose } from "./state.js";

const PLACES = "[data-finding], [data-site], [data-layer]";

/** Listens on the whole page; `current` gives the page as it is now. */
export function listenForLight(root, current) {
  for (const kind of ["pointerover", "focusin"]) {
    root.addEventListener(kind, (event) => light(root, current(), event.target.closest(PLACES)));
  }
  root.addEventListener("pointerleave", () => light(root, current(), null));
}

function light(root, page, element) {
  const wanted = element ? selectors(page, element.dataset) : [];
  const finding = element?.dataset.finding;
  choose({ preview: finding === undefined ? null : (layersOf(page, Number(finding))[0] ?? null) });
  for (const lit of root.querySelectorAll("[data-lit]")) delete lit.dataset.lit;
  for (const each of wanted) {
    for (const place of root.querySelectorAll(each)) place.dataset.lit = "";
  }
  if (finding !== undefined) root.querySelectorAll(".scroll").forEach(reveal);
}

/** Scrolls what is lit in a box into it; the page itself stays where it is. */
function reveal(box) {
  const place = box.querySelector("[data-lit]");
  if (!place) return;
  const [inner, outer] = [place.getBoundingClientRect(), box.getBoundingClientRect()];
  const head = 40; // the ladder's, which stays
  if (inner.top < outer.top + head) box.scrollTop -= outer.top + head - inner.top;
  if (inner.bottom > outer.bottom) box.scrollTop += inner.bottom - outer.bottom;
}

function selectors(page, { finding, site, layer }) {
  if (finding !== undefined) return ofFinding(page, Number(finding));
  if (site !== undefined) return ofSite(page, Number(site));
  return ofLayer(page, Number(layer));
}

function ofFinding(page, finding) {
  return [
    `[data-finding="${finding}"]`,
    ...layersOf(page, finding).map((layer) => `[data-layer="${layer}"]`),
    ...sitesOf(page, finding).map((site) => `[data-site="${site}"]`),
  ];
}

function ofSite(page, index) {
  const site = page.graph.sites[index];
  const layer = site.layer === null ? [] : [`[data-layer="${site.layer}"]`];
  return [`[data-site="${index}"]`, ...layer, ...site.findings.map((f) => `[data-finding="${f}"]`)];
}

function ofLayer(page, index) {
  const sites = page.graph.sites.flatMap((site, i) => (site.layer === index ? [i] : []));
  return [
    `[data-layer="${index}"]`,
    ...sites.map((site) => `[data-site="${site}"]`),
    ...page.layers[index].findings.map((finding) => `[data-finding="${finding}"]`),
  ];
}
