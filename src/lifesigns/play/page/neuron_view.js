// One sigmoid neuron that should say 0, under squared error and under cross-entropy.

import { html, useEffect, useState } from "../../report/page/browser/libraries.js";
import { short } from "../../report/page/browser/numbers.js";
import { say } from "../../report/page/browser/words.js";
import { Canvas, chart } from "./chart.js";
import { precise } from "./course.js";
import { request } from "./player.js";

const HEIGHT = 190;
const START = { w: 2, b: 2, rate: 0.15, epochs: 300 };
const LOSSES = [{ name: "squared error", colour: "series-0", dash: [] }, { name: "cross-entropy", colour: "series-1", dash: [8, 4] }];

export function NeuronView() {
  const [at, setAt] = useState(START);
  const [pair, setPair] = useState(null);
  useEffect(() => {
    let isWanted = true;
    request("neuronPair", at).then((found) => isWanted && setPair(found));
    return () => (isWanted = false);
  }, [at]);
  const z = at.w + at.b;
  return html`<p>${say("One neuron, a = σ(w·x + b), with the input x = 1 and the target y = 0. Both losses fall to 0 as a does; what differs is the gradient that drives it there.")}</p>
    <div class="pickers">
      ${["w", "b"].map((name) => html`<label>${name === "w" ? say("weight w") : say("bias b")} <input type="range" min="-3" max="3" step="0.1" value=${at[name]} onInput=${(event) => setAt({ ...at, [name]: Number(event.target.value) })} /> <output>${short(at[name])}</output></label>`)}
      <span>z = ${short(z)}</span>
    </div>
    ${pair && html`<${Charts} pair=${pair} z=${z} epochs=${at.epochs} rate=${at.rate} />`}`;
}

function Charts({ pair, z, epochs, rate }) {
  const over = (what) => LOSSES.map(({ colour, dash }, i) => ({ xs: pair.zs, ys: pair.sides[i][what], colour, dash, width: 2 }));
  const dots = (what) => LOSSES.map(({ colour }, i) => ({ x: z, y: pair.sides[i].now[what], colour }));
  const steps = Array.from({ length: epochs + 1 }, (_, i) => i);
  const courses = LOSSES.map(({ colour, dash }, i) => ({ xs: steps, ys: pair.sides[i].outputs, colour, dash, width: 2 }));
  const x = { low: -6, high: 6, name: "z" };
  const panel = (title, about, needs) => html`<div><h3>${title}</h3><${Canvas} draw=${(canvas, width) => chart(canvas, { width, height: HEIGHT, ...about })} needs=${needs} height=${HEIGHT} label=${title} /></div>`;
  const [squared, entropy] = pair.sides;
  return html`<div class="columns-3">
      ${panel(say("Loss"), { x, y: { low: 0, high: 6 }, lines: over("losses"), dots: dots("loss") }, [pair, z])}
      ${panel(say("Gradient ∂L/∂z"), { x, y: { low: 0, high: 1.05 }, lines: over("gradients"), dots: dots("dz") }, [pair, z])}
      ${panel(say("Output a over {} steps, rate {}", epochs, rate), { x: { low: 0, high: epochs }, y: { low: 0, high: 1 }, lines: courses }, [pair])}
    </div>
    <p class="legend"><span><i class="key line"></i>${say("squared error (a − y)²")}</span><span><i class="key line series-1"></i>${say("cross-entropy")}</span></p>
    <table><thead><tr><th scope="col">${say("Loss")}</th><th scope="col" class="number">a − y</th><th scope="col" class="number">σ′(z)</th><th scope="col" class="number">∂L/∂z</th><th scope="col" class="number">${say("steps until a has halved")}</th></tr></thead>
      <tbody>${[[say("squared error"), squared, "2(a − y)·σ′"], [say("cross-entropy"), entropy, "a − y"]].map(([name, side, how]) => html`<tr><th scope="row">${name}</th><td class="number">${precise(side.now.a)}</td><td class="number">${precise(side.now.slope)}</td><td class="number">${precise(side.now.dz)} <span class="formula soft">= ${how}</span></td><td class="number">${side.half < 0 ? say("more than {}", epochs) : side.half}</td></tr>`)}</tbody></table>`;
}
