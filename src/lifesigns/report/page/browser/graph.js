// The network as a graph of sites, in layers by the longest path from the input.

import { html, useMemo } from "./libraries.js";
import { markOf } from "./page.js";
import { nameOf, shape, signOf } from "./severity.js";
import { choose } from "./state.js";
import { say } from "./words.js";

const NODE = { width: 190, height: 30, across: 216, down: 50 };
const MARGIN = 34;

export function Graph({ page }) {
  const drawing = useMemo(() => layout(page.graph), [page.graph]);
  const { places, edges, width, height } = drawing;
  return html`
    <section aria-labelledby="graph-title" class="graph">
      <h2 id="graph-title">${say("The network")}</h2>
      <div class="scroll" role="group" tabindex="0" aria-labelledby="graph-title">
        <svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} role="group" aria-label=${say("{} sites, from the input to the loss", places.length)}>
          ${edges.map((path) => html`<path class="edge" d=${path} />`)}
          ${page.graph.sites.map((site, i) => html`<${Site} key=${i} page=${page} site=${site} index=${i} place=${places[i]} />`)}
        </svg>
      </div>
    </section>
  `;
}

function Site({ page, site, index, place }) {
  const mark = markOf(page, site.findings);
  const open = () => site.layer !== null && choose({ layer: site.layer, cell: null });
  const name = mark.severity ? `${site.name}, ${nameOf(mark)}` : site.name;
  return html`<g class=${`site ${site.kind} ${mark.kinds}`} transform=${`translate(${place.x} ${place.y})`} data-site=${index}
    tabindex="0" role="button" onClick=${open} onKeyDown=${(event) => event.key === "Enter" && open()}>
    <title>${name}</title>
    <rect width=${NODE.width} height=${NODE.height} rx="6" />
    <text x="10" y="20" aria-hidden="true">${clipped(site.name)}</text>
    ${mark.severity && html`<path class=${signOf(mark)} transform=${`translate(${NODE.width - 23} 7)`} d=${shape(mark.severity)} />`}
  </g>`;
}

/** Where each site is drawn, and the paths of the edges. */
function layout({ sites, edges }) {
  const depths = longestPaths(sites.length, edges);
  const rows = [];
  depths.forEach((depth, i) => (rows[depth] ??= []).push(i));
  const places = [];
  rows.forEach((row, depth) => row.forEach((site, i) => (places[site] = { x: MARGIN + i * NODE.across, y: 6 + depth * NODE.down })));
  const widest = Math.max(...rows.map((row) => row.length));
  return {
    places,
    edges: edges.map(([from, to]) => path(places[from], places[to], depths[to] - depths[from])),
    width: MARGIN + widest * NODE.across,
    height: rows.length * NODE.down,
  };
}

/** The number of sites on the longest way to each; edges that lead back are left out of account. */
function longestPaths(count, edges) {
  const readers = Array.from({ length: count }, () => []);
  const waiting = new Array(count).fill(0);
  for (const [from, to] of edges) {
    readers[from].push(to);
    waiting[to] += 1;
  }
  const depths = new Array(count).fill(0);
  const ready = waiting.flatMap((number, i) => (number ? [] : [i]));
  for (const site of ready) {
    for (const reader of readers[site]) {
      depths[reader] = Math.max(depths[reader], depths[site] + 1);
      waiting[reader] -= 1;
      if (!waiting[reader]) ready.push(reader);
    }
  }
  return depths;
}

/** From the foot of one site to the head of another; past those in between it goes on their left. */
function path(from, to, rows) {
  const start = { x: from.x + NODE.width / 2, y: from.y + NODE.height };
  const end = { x: to.x + NODE.width / 2, y: to.y };
  if (rows > 1 && from.x === to.x) {
    const left = from.x - Math.min(8 + 5 * rows, MARGIN);
    const [high, low] = [from.y + NODE.height / 2, to.y + NODE.height / 2];
    return `M${from.x} ${high}C${left} ${high} ${left} ${low} ${to.x} ${low}`;
  }
  const middle = (start.y + end.y) / 2;
  return `M${start.x} ${start.y}C${start.x} ${middle} ${end.x} ${middle} ${end.x} ${end.y}`;
}

function clipped(name) {
  return name.length > 24 ? `…${name.slice(-23)}` : name;
}
