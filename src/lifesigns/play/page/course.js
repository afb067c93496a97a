// The loss over the steps, with the findings as marks; a click goes back to that step.

import { colour } from "../../report/page/browser/colours.js";
import { html, useMemo, useRef, useState } from "../../report/page/browser/libraries.js";
import { short, whole } from "../../report/page/browser/numbers.js";
import { axis, Plot, vertical } from "../../report/page/browser/plot.js";
import { Sign } from "../../report/page/browser/severity.js";
import { choose, useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { titleOf } from "./finding_words.js";
import { useFrame, useFrames } from "./frames.js";
import { course, rewind } from "./player.js";

const HEIGHT = 168;
const OFTEN = 80; // milliseconds between drawings
const MARK = 20;
const DASHES = [[], [8, 4]];

export function CourseOfLoss() {
  const [drawn, setDrawn] = useState({ at: 0, data: table(course(), false), plot: null });
  const [plot, setPlot] = useState(null);
  const logarithmic = useView((view) => view.logarithmic);
  const sides = useFrame((frame) => frame.sides.length) ?? 1;
  const last = useRef(0);
  useFrames((frame) => {
    const now = performance.now();
    if (now - last.current < OFTEN && frame.isRunning) return;
    last.current = now;
    setDrawn({ data: table(course(), logarithmic) });
  }, [logarithmic]);
  const options = () => ({
    ...settings(sides, logarithmic),
    hooks: { ready: [(u) => u.over.addEventListener("click", () => u.cursor.left >= 0 && u.data[0].length && rewind(Math.max(0, Math.round(u.posToVal(u.cursor.left, "x")))))] },
  });
  const data = useMemo(() => drawn.data, [drawn]);
  return html`<section class="course" aria-labelledby="course-title">
    <div class="line">
      <h2 id="course-title">${say("Loss")}</h2>
      <${Numbers} />
      <label class="tick-box"><input type="checkbox" checked=${logarithmic} onChange=${(event) => choose({ logarithmic: event.target.checked })} /> ${say("logarithmic")}</label>
    </div>
    <div class="marked">
      <${Plot} options=${options} data=${data} needs=${[sides, logarithmic]} height=${HEIGHT} label=${say("Loss over the steps")} onPlot=${setPlot} />
      <${Marks} plot=${plot} drawn=${drawn} />
    </div>
    <p class="legend">
      <span><i class="key line"></i>${sides > 1 ? say("A, training") : say("training")}</span>
      ${sides > 1 && html`<span><i class="key line series-1"></i>${say("B, training")}</span>`}
      <span><i class="key thin"></i>${say("held out")}</span>
      <span class="soft">${say("a click goes back to that step")}</span>
    </p>
  </section>`;
}

/** The numbers of this moment. */
function Numbers() {
  const text = useFrame((frame) => frame.sides.map((side, i) => {
    const letter = frame.sides.length > 1 ? `${"AB"[i]} ` : "";
    const right = side.accuracy === null ? "" : say(" · {} % right", Math.round(100 * side.accuracy));
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

function Marks({ plot }) {
  const findings = useFrame((frame) => frame.findings);
  if (!plot || !findings) return null;
  const { min, max } = plot.scales.x;
  const piles = new Map();
  return findings.map((finding) => {
    if (min === undefined || finding.step < min || finding.step > max) return null;
    const x = plot.valToPos(finding.step, "x");
    const pile = Math.round(x / MARK);
    const height = piles.get(pile) ?? 0;
    piles.set(pile, height + 1);
    const name = `${say(finding.severity)}: ${titleOf(finding)}, ${say("step {}", whole(finding.step))}`;
    const style = { left: `${plot.over.offsetLeft + x}px`, top: `${plot.over.offsetTop + 2 + MARK * height}px` };
    return html`<a class="mark" href=${`#finding-${finding.id}`} onClick=${(event) => reach(event, finding.id)} aria-label=${name} title=${name} style=${style}><${Sign} severity=${finding.severity} /></a>`;
  });
}

/** Goes to a card without touching the address, which holds the setting. */
function reach(event, id) {
  event.preventDefault();
  const card = document.getElementById(`finding-${id}`);
  card?.scrollIntoView({ block: "nearest" });
  card?.focus();
}

function table({ steps, losses, tests }, logarithmic) {
  const usable = (value) => (Number.isFinite(value) && (!logarithmic || value > 0) ? value : null);
  const columns = losses.flatMap((values, side) => [values.map(usable), tests[side].map(usable)]);
  return [[...steps], ...columns];
}

function settings(sides, logarithmic) {
  const y = vertical(logarithmic);
  const series = Array.from({ length: sides }, (_, side) => {
    const stroke = () => colour(`series-${side}`);
    const line = { stroke, points: { show: false }, spanGaps: true };
    return [{ ...line, width: 1.75, dash: DASHES[side] }, { ...line, width: 0.8, dash: [2, 3] }];
  }).flat();
  return {
    series: [{}, ...series],
    scales: { x: { time: false, range: (_, low, high) => [0, Math.max(high ?? 0, 10)] }, y: logarithmic ? y.scale : { range: (_, low, high) => [Math.min(0, low ?? 0), (high ?? 1) > 0 ? (high ?? 1) * 1.05 : 1] } },
    axes: [axis({ size: 26 }), y.axis],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
  };
}
