// The product of σ′ down the network: what the slopes alone leave of the gradient.

import { colour } from "./colours.js";
import { html, useMemo } from "./libraries.js";
import { short } from "./numbers.js";
import { axis, Plot, vertical } from "./plot.js";
import { useView } from "./state.js";
import { stepName } from "./ladder.js";
import { say } from "./words.js";

export function Slopes({ page }) {
  const column = useView((view) => view.column);
  const { layers, expected, measured, data } = useMemo(() => products(page, column), [page, column]);
  if (!layers.length) return null;
  const text = say("On the way back to layer {} the slopes leave {} of the gradient; {} were expected.", layers[0], short(measured[0]), short(expected[0]));
  return html`
    <section aria-labelledby="slopes-title" class="slopes">
      <h2 id="slopes-title">${say("Product of σ′ down the network")}</h2>
      <p class="readout">${say("{}. {}", stepName(page, column), text)}</p>
      ${data[0].length > 1 && html`<${Curve} data=${data} text=${text} />`}
    </section>
  `;
}

function Curve({ data, text }) {
  return html`
    <${Plot} options=${settings} data=${data} needs=${[]} height=${200} label=${text} />
    <p class="legend">
      <span><i class="key line"></i>${say("measured")}</span>
      <span><i class="key dashed"></i>${say("expected from activation and initialiser")}</span>
      <span class="soft">${say("by number of the layer; the gradient comes from the right")}</span>
    </p>
  `;
}

/** Layers, and the products from the last layer to each, as numbers and as they are drawn. */
function products(page, column) {
  const { slope } = page.ladder;
  const layers = page.layers.flatMap((layer, i) => (Number.isFinite(slope.at(i, column)) ? [i] : []));
  const along = (slopeOf) => {
    let product = 1;
    return [...layers].reverse().map((i) => (product *= slopeOf(i))).reverse();
  };
  const expected = along((i) => page.layers[i].slope ?? 1);
  const measured = along((i) => slope.at(i, column));
  const numbers = layers.map((i) => i + 1);
  const aboveZero = (values) => values.map((value) => (value > 0 ? value : null));
  return { layers: numbers, expected, measured, data: [numbers, aboveZero(expected), aboveZero(measured)] };
}

function settings() {
  const y = vertical(true);
  const points = { show: true, size: 6 };
  return {
    scales: { x: { time: false }, y: y.scale },
    axes: [axis({ size: 30, incrs: [1, 2, 5, 10, 20, 50, 100], values: (_, numbers) => numbers.map(String) }), y.axis],
    series: [
      {},
      { stroke: () => colour("soft"), width: 1.5, dash: [6, 4], points: { show: false } },
      { stroke: () => colour("accent"), width: 1.75, points: { ...points, fill: () => colour("accent") } },
    ],
    cursor: { show: false },
  };
}
