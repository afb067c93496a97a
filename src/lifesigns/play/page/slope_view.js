// One unit: its activation f, the slope f′, and where the unit's sums lie on them.

import { html } from "../../report/page/browser/libraries.js";
import { percent, short } from "../../report/page/browser/numbers.js";
import { useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { Canvas, chart } from "./chart.js";
import { formula, title } from "./controls_list.js";
import { useFrame } from "./frames.js";

const HEIGHT = 230;
const MOST = 3; // of a function that grows without end

export function SlopeView() {
  const slope = useFrame((frame) => frame.views.slope);
  const made = useView((view) => view.made);
  const unit = useView((view) => view.unit);
  if (!slope) return null;
  const letter = made.length > 1 ? ` · ${say("Network {}", "AB"[unit.side])}` : "";
  return html`<p>${say("Click a unit in the network. Behind the curves stands how often its sum z falls where; f′ there is what it lets through of the gradient.")}</p>
    <div class="columns-2">
      <div>
        <h3>${say("Layer {}, unit {}", slope.layer + 1, slope.unit + 1)}${letter}</h3>
        ${slope.xs ? html`<${Curves} slope=${slope} />` : html`<p class="soft">${say("{} joins several numbers; it has no curve of its own.", title(slope.name))}</p>`}
      </div>
      <${Products} means=${slope.means} />
    </div>`;
}

function Curves({ slope }) {
  const draw = (canvas, width) => chart(canvas, { width, height: HEIGHT, ...content(slope) });
  const text = say("Mean slope {}, {} of the samples where it is flat, {} above 0.", short(slope.mean), percent(slope.flat), percent(slope.positive));
  return html`<p class="formula">f(z) = ${formula(slope.name).replaceAll("x", "z").replaceAll("ezp", "exp").replaceAll("maz", "max")}</p>
    <${Canvas} draw=${draw} needs=${[slope]} height=${HEIGHT} label=${say("f and f′ with the unit's sums: {}", text)} />
    <p class="legend"><span><i class="key line"></i>f</span><span><i class="key line series-1"></i>f′</span><span><i class="key band"></i>${say("how often")}</span></p>
    <p class="readout">${text}</p>`;
}

function content({ low, high, xs, values, slopes, counts }) {
  const all = [...values, ...slopes].filter(Number.isFinite);
  const y = { low: Math.max(Math.min(...all, -0.25), -MOST), high: Math.min(Math.max(...all, 1.1), MOST) };
  const most = Math.max(...counts, 1e-9);
  const bars = Array.from(counts, (count, i) => ({
    from: low + ((high - low) * i) / counts.length,
    to: low + ((high - low) * (i + 1)) / counts.length,
    height: Math.max(y.low, 0) + (count / most) * 0.9 * (y.high - Math.max(y.low, 0)),
    colour: "band",
  })).filter((_, i) => counts[i] > 0);
  return {
    x: { low, high, name: "z" }, y, bars,
    lines: [{ xs, ys: values, colour: "series-0", width: 2 }, { xs, ys: slopes, colour: "series-1", width: 2, dash: [8, 4] }],
  };
}

/** What the slopes leave of the gradient on its way back, layer by layer. */
function Products({ means }) {
  let product = 1;
  const rows = means.map((mean, layer) => ({ mean, layer })).reverse().map((row) => ({ ...row, product: (product *= row.mean ?? 1) })).reverse();
  return html`<div><h3>${say("Product of the slopes, from the loss back")}</h3>
    <table><thead><tr><th scope="col">${say("Layer")}</th><th scope="col" class="number">${say("mean f′")}</th><th scope="col" class="number">${say("left of the gradient")}</th></tr></thead>
    <tbody>${rows.map(({ layer, mean, product }) => html`<tr><th scope="row">${layer === means.length - 1 ? say("output") : layer + 1}</th><td class="number">${mean === null ? "–" : short(mean)}</td><td class="number">${short(product)}</td></tr>`)}</tbody></table>
    <p class="soft">${say("Weights take part as well; this is the share of the activations alone.")}</p></div>`;
}
