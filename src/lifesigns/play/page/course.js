// The loss over the steps, with the findings as marks; a click goes back to that step.

import { html, useRef, useState } from "../../report/page/browser/libraries.js";
import { short, whole } from "../../report/page/browser/numbers.js";
import { Sign } from "../../report/page/browser/severity.js";
import { choose, useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { Canvas, chart } from "./chart.js";
import { useFrame, useFrames } from "./frames.js";
import { written } from "./judged.js";
import { course, rewind } from "./player.js";

const HEIGHT = 180;
const OFTEN = 50; // milliseconds between drawings
const MARK = 20;
const SIDES = [{ colour: "series-0", dash: [] }, { colour: "series-1", dash: [8, 4] }];

export function CourseOfLoss() {
  const logarithmic = useView((view) => view.logarithmic);
  const sides = useFrame((frame) => frame.sides.length) ?? 1;
  const [turn, setTurn] = useState(0);
  const [scales, setScales] = useState(null);
  const last = useRef(0);
  useFrames((frame) => {
    const now = performance.now();
    if (now - last.current < OFTEN && frame.isRunning) return;
    last.current = now;
    setTurn((times) => times + 1);
  }, []);
  const draw = (canvas, width) => setScales(chart(canvas, { width, height: HEIGHT, ...content(course(), logarithmic) }));
  const click = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    if (scales) rewind(Math.max(0, Math.round(scales.at(event.clientX - box.left))));
  };
  return html`<section class="course" aria-labelledby="course-title">
    <div class="line">
      <h2 id="course-title">${say("Loss")}</h2>
      <${Numbers} />
      <label class="tick-box"><input type="checkbox" checked=${logarithmic} onChange=${(event) => choose({ logarithmic: event.target.checked })} /> ${say("logarithmic")}</label>
    </div>
    <${Canvas} draw=${draw} needs=${[turn, logarithmic]} height=${HEIGHT} label=${say("Loss over the steps")} onClick=${click}>
      <${Marks} scales=${scales} />
    <//>
    <p class="legend">
      <span><i class="key line"></i>${say(sides > 1 ? "A, training" : "training")}</span>
      ${sides > 1 && html`<span><i class="key line series-1"></i>${say("B, training")}</span>`}
      <span><i class="key thin"></i>${say("held out")}</span>
      <span>${say("a click goes back to that step")}</span>
    </p>
  </section>`;
}

/** The numbers of this moment. */
function Numbers() {
  const text = useFrame((frame) => frame.sides.map((side, i) => {
    const letter = frame.sides.length > 1 ? `${"AB"[i]} ` : "";
    const right = side.accuracy === null ? "" : ` · ${say("{} % right", Math.round(100 * side.accuracy))}`;
    return `${letter}${Number.isFinite(side.loss) ? precise(side.loss) : say("not a number")}${right}`;
  }).join("   "));
  return html`<output class="now-loss">${text}</output>`;
}

/** Four digits, so that a slow descent is seen. */
export function precise(value) {
  if (!Number.isFinite(value)) return short(value);
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e5 ? String(Number(value.toPrecision(4))).replace("-", "−") : short(value);
}

function Marks({ scales }) {
  const findings = useFrame((frame) => frame.findings);
  if (!scales || !findings) return null;
  const piles = new Map();
  return findings.map((finding) => {
    const x = scales.x(finding.step);
    if (!(x >= scales.left - 1 && x <= scales.left + scales.width + 1)) return null;
    const pile = Math.round(x / MARK);
    const height = piles.get(pile) ?? 0;
    piles.set(pile, height + 1);
    const name = `${say(finding.severity)}: ${written(finding.title)}, ${say("step {}", whole(finding.step))}`;
    return html`<a class="mark" href=${`#finding-${finding.id}`} onClick=${(event) => reach(event, finding.id)} aria-label=${name} title=${name} style=${{ left: `${x}px`, top: `${scales.top + MARK * height}px` }}><${Sign} severity=${finding.severity} /></a>`;
  });
}

/** Goes to a card without touching the address, which holds the setting. */
function reach(event, id) {
  event.preventDefault();
  event.stopPropagation();
  const card = document.getElementById(`finding-${id}`);
  card?.scrollIntoView({ block: "nearest" });
  card?.focus();
}

function content({ steps, losses, tests }, logarithmic) {
  const lines = losses.flatMap((values, side) => [
    { xs: steps, ys: tests[side], colour: SIDES[side].colour, width: 1, dash: [2, 3] },
    { xs: steps, ys: values, colour: SIDES[side].colour, width: 2, dash: SIDES[side].dash },
  ]);
  const all = [...losses, ...tests].flat().filter((value) => Number.isFinite(value) && (!logarithmic || value > 0));
  const most = all.reduce((a, b) => Math.max(a, b), 0) || 1;
  const least = all.reduce((a, b) => Math.min(a, b), Infinity);
  const y = logarithmic ? { low: Math.min(10 ** Math.floor(Math.log10(least)), most / 10), high: most * 1.1, logarithmic } : { low: 0, high: most * 1.06 };
  return { x: { low: 0, high: Math.max(steps.at(-1) ?? 0, 10) }, y: Number.isFinite(y.low) && y.low < y.high ? y : { low: 0, high: 1 }, lines };
}
