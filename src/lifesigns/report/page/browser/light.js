// Hovering or focusing a finding, a layer or a site lights its place everywhere.

import { layersOf, sitesOf } from "./page.js";

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
  for (const lit of root.querySelectorAll("[data-lit]")) delete lit.dataset.lit;
  for (const each of wanted) {
    for (const place of root.querySelectorAll(each)) place.dataset.lit = "";
  }
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
  const layer = site.layer === null || site.layer < 0 ? [] : [`[data-layer="${site.layer}"]`];
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
