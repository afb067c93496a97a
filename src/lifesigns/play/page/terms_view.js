// The next step, term by term: batch, forward, loss, backward, update, with their numbers.

import { html, useState } from "../../report/page/browser/libraries.js";
import { whole } from "../../report/page/browser/numbers.js";
import { useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { title } from "./controls_list.js";
import { precise } from "./course.js";
import { useFrame } from "./frames.js";
import { advance } from "./player.js";

const MOST = 10; // units of a table

export function TermsView() {
  const terms = useFrame((frame) => frame.views.terms);
  const unit = useView((view) => view.unit);
  const made = useView((view) => view.made)[unit.side] ?? null;
  const [sample, setSample] = useState(0);
  if (!terms || !made) return null;
  const chosen = Math.min(sample, terms.size - 1);
  return html`<div class="line"><p>${say("The step that comes next, step {}: nothing has moved yet.", whole(terms.step + 1))}</p>
      <button type="button" onClick=${() => advance(1)}>${say("Make this step")}</button></div>
    <div class="pickers"><label>${say("Sample of the batch")} <select value=${chosen} onChange=${(event) => setSample(Number(event.target.value))}>${Array.from({ length: terms.size }, (_, i) => html`<option value=${i}>${i + 1} (${say("sample {}", terms.rows[i] + 1)})</option>`)}</select></label>
      <span class="soft">${say("{} samples in this batch", terms.size)}</span></div>
    <div class="terms">
      <${Batch} terms=${terms} made=${made} sample=${chosen} />
      ${terms.forward.map((layer) => html`<${Forward} key=${layer.layer} layer=${layer} made=${made} sample=${chosen} />`)}
      <${LossTerms} terms=${terms} sample=${chosen} />
      ${terms.backward.map((layer) => html`<${Backward} key=${layer.layer} layer=${layer} made=${made} sample=${chosen} />`)}
      <${Update} terms=${terms} made=${made} unit=${unit} />
    </div>`;
}

/** A table with a column for each unit. */
function Table({ head, rows }) {
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${say("Numbers")}><table><thead><tr><td></td>${head.slice(1, MOST + 1).map((text, i) => html`<th scope="col">${text}${i === MOST - 1 && head.length > MOST + 1 ? " …" : ""}</th>`)}</tr></thead>
    <tbody>${rows.map(([name, values]) => html`<tr><th scope="row" class="formula">${name}</th>${Array.from(values).slice(0, MOST).map((value) => html`<td>${typeof value === "number" ? precise(value) : value}</td>`)}</tr>`)}</tbody></table></div>`;
}

const rowOf = (values, sample, width) => values.subarray(sample * width, (sample + 1) * width);
const unitNames = (count) => Array.from({ length: count }, (_, i) => say("unit {}", i + 1));
const layerName = (layer, made) => (layer === made.structure.layers.length - 1 ? say("output") : say("layer {}", layer + 1));

function Batch({ terms, made, sample }) {
  const { inputs } = made.structure;
  return html`<section><h3>1 · ${say("The sample")}</h3>
    <${Table} head=${["", ...inputs, say("target")]} rows=${[["x, y", [...rowOf(terms.input, sample, inputs.length), ...rowOf(terms.target, sample, terms.target.length / terms.size)]]]} /></section>`;
}

function Forward({ layer: { layer, z, a }, made, sample }) {
  const { units, activation } = made.structure.layers[layer];
  const rows = z.length / (a.length / units);
  const f = layer === made.structure.layers.length - 1 && activation === "identity" ? "z" : title(activation);
  return html`<section><h3>2 · ${say("Forward")} <small>${say("{}, {}", layerName(layer, made), `f = ${f}`)}</small></h3>
    <${Table} head=${["", ...unitNames(rows)]} rows=${[["z = W·a + b", rowOf(z, sample, rows)], ["a = f(z)", rowOf(a, sample, units)]]} /></section>`;
}

function LossTerms({ terms, sample }) {
  const width = terms.output.length / terms.size;
  return html`<section><h3>3 · ${say("Loss")} <small>${say("of the batch: {}", precise(terms.loss))}</small></h3>
    <${Table} head=${["", ...unitNames(width)]} rows=${[[say("output"), rowOf(terms.output, sample, width)], [say("target"), rowOf(terms.target, sample, width)], ["∂L/∂a", rowOf(terms.outputGradient, sample, width)]]} /></section>`;
}

function Backward({ layer: { layer, da, slope, dz }, made, sample }) {
  const { units } = made.structure.layers[layer];
  const rows = dz.length / (da.length / units);
  const through = slope ? [["f′(z)", rowOf(slope, sample, units)]] : [];
  return html`<section><h3>4 · ${say("Backward")} <small>${layerName(layer, made)}</small></h3>
    <${Table} head=${["", ...unitNames(rows)]} rows=${[["∂L/∂a", rowOf(da, sample, units)], ...through, ["∂L/∂z = ∂L/∂a · f′", rowOf(dz, sample, rows)]]} /></section>`;
}

function Update({ terms, made, unit }) {
  const layer = Math.min(unit.layer, terms.update.length - 1);
  const { weights, biases } = terms.update[layer];
  const before = layer === 0 ? made.structure.inputs : unitNames(made.structure.layers[layer - 1].units);
  const width = before.length;
  const row = Math.min(unit.unit, biases.before.length - 1);
  const of = (name) => [...rowOf(weights[name], row, width).slice(0, MOST - 1), biases[name][row]];
  const rate = say("rate {}", precise(terms.rate));
  const head = ["", ...before.slice(0, MOST - 1), say("bias")];
  return html`<section><h3>5 · ${say("Update")} <small>${say("{}, {}", layerName(layer, made), say("unit {}", row + 1))}${say("; {}", terms.clipped < 1 ? say("{}, {}", rate, say("gradient × {} by clipping", precise(terms.clipped))) : rate)}</small></h3>
    <${Table} head=${head} rows=${[[say("weight before"), of("before")], ["∂L/∂w", of("gradient")], [say("change"), of("change")], [say("weight after"), of("after")]]} /></section>`;
}
