// The loss, with the findings as marks on it.

import { colour } from "./colours.js";
import { Curves, html, useLayoutEffect, useMemo, useRef, useState } from "./libraries.js";
import { short, whole } from "./numbers.js";
import { nearestColumn, rootOf } from "./page.js";
import { axis, Plot, vertical } from "./plot.js";
import { Sign } from "./severity.js";
import { choose, useView } from "./state.js";
import { say, titleOf } from "./words.js";

const HEIGHT = 280;
const MARK = 20; // pixels that a mark takes
const STACK = 7; // marks above one another before a second pile begins
const DASHES = [[], [8, 4], [2, 3], [8, 3, 2, 3]]; // of the losses that are trained in turn

export function Loss({ page }) {
  const column = useView((view) => view.column);
  const [plot, setPlot] = useState(null);
  const [, redraw] = useState(0);
  const [read, setRead] = useState(null);
  const latest = useRef(null);
  latest.current = page;
  useLayoutEffect(() => plot?.redraw(false, false), [page]);
  const data = useMemo(() => curves(page.losses), [page.losses]);
  const logarithmic = page.losses.every((loss) => loss.logarithmic);
  const options = () => ({
    ...settings(page.losses.length, logarithmic),
    hooks: {
      draw: [(u) => decorate(u, latest.current)],
      setScale: [() => redraw((times) => times + 1)],
      setSize: [() => redraw((times) => times + 1)],
      setCursor: [(u) => setRead(u.cursor.idx)],
      ready: [(u) => u.over.addEventListener("click", () => pick(u, latest.current))],
    },
  });
  return html`
    <section aria-labelledby="loss-title" class="loss">
      <h2 id="loss-title">${say("Loss")}</h2>
      <p class="readout" aria-live="off">${readout(page, data, read)}</p>
      <div class="marked">
        <${Plot} options=${options} data=${data} needs=${[page.losses.length, logarithmic]} height=${HEIGHT} label=${summary(page)} onPlot=${setPlot} />
        <${Now} plot=${plot} step=${page.recorded.steps[column]} />
        <${Marks} page=${page} plot=${plot} />
      </div>
      <p class="legend">
        ${page.losses.map((_, i) => html`<span><i class=${`key line series-${i % 4}`}></i>${page.losses.length > 1 ? say("loss {}", i + 1) : say("loss")}</span>`)}
        ${page.losses.some(isMerged) && html`<span><i class="key band"></i>${say("lowest to highest of merged steps")}</span>`}
        ${page.losses.some((loss) => loss.baseline !== null) && html`<span><i class="key dashed"></i>${say("best constant prediction")}</span>`}
        ${page.losses.some(isBroken) && html`<span><i class="key broken"></i>${say("not finite")}</span>`}
        ${page.evaluated.length > 0 && html`<span title=${say("The network was put in evaluation mode after these steps.")}><i class="key evaluated"></i>${say("evaluation ({})", whole(page.evaluated.length))}</span>`}
        <span><i class="key ticks"></i>${say("recorded steps")}</span>
        <span><i class="key now"></i>${say("step shown below")}</span>
      </p>
    </section>
  `;
}

/** A line at the step that the charts below show. */
function Now({ plot, step }) {
  if (!plot || step === undefined || step < plot.scales.x.min || step > plot.scales.x.max) return null;
  const { offsetLeft, offsetTop, clientHeight } = plot.over;
  const left = `${offsetLeft + plot.valToPos(step, "x")}px`;
  return html`<i class="now" style=${{ left, top: `${offsetTop}px`, height: `${clientHeight}px` }}></i>`;
}

/** Findings at their steps, piled up where they coincide. */
function Marks({ page, plot }) {
  if (!plot) return null;
  const piles = new Map();
  const scale = plot.scales.x;
  return page.findings.map((finding, i) => {
    const step = finding.step ?? 0;
    if (scale.min === undefined || step < scale.min - 0.5 || step > scale.max + 0.5) return null;
    const x = plot.valToPos(Math.min(Math.max(step, scale.min), scale.max), "x");
    const pile = Math.round(x / MARK);
    const height = piles.get(pile) ?? 0;
    piles.set(pile, height + 1);
    const left = plot.over.offsetLeft + x + MARK * Math.floor(height / STACK);
    const top = plot.over.offsetTop + 4 + MARK * (height % STACK);
    const name = `${say(finding.severity)}: ${titleOf(page, finding)}, ${say("step {}", whole(step))}`;
    return html`<a class="mark" key=${i} href=${`#finding-${i}`} data-finding=${i} aria-label=${name} title=${name}
      style=${{ left: `${left}px`, top: `${top}px` }}><${Sign} severity=${finding.severity} isConsequence=${rootOf(page, finding) >= 0} /></a>`;
  });
}

/** uPlot's data: steps, then the lowest, the highest and the middle of each loss. */
function curves(losses) {
  const tables = losses.map((loss) => {
    const usable = (value) => (Number.isFinite(value) && !(loss.logarithmic && value <= 0) ? value : null);
    const low = Array.from(loss.low, usable);
    const high = Array.from(loss.high, usable);
    const middle = low.map((value, i) => between(value, high[i], loss.logarithmic));
    return [Array.from(loss.steps), low, high, middle];
  });
  return tables.length ? Curves.join(tables) : [[], []];
}

function between(low, high, logarithmic) {
  if (low === null || high === null) return null;
  return logarithmic ? Math.sqrt(low * high) : (low + high) / 2;
}

function settings(count, logarithmic) {
  const losses = Array.from({ length: count }, (_, i) => i);
  const series = losses.flatMap((i) => {
    const stroke = () => colour(`series-${i % 4}`);
    const bound = { stroke: "transparent", points: { show: false }, spanGaps: true };
    const line = { stroke, width: 1.75, dash: DASHES[i % 4], points: { show: false }, spanGaps: count > 1 };
    return [bound, bound, line];
  });
  const bands = losses.map((i) => ({ series: [3 * i + 2, 3 * i + 1], fill: () => colour("band") }));
  const y = vertical(logarithmic);
  return {
    series: [{}, ...series],
    bands,
    scales: { x: { time: false }, y: y.scale },
    axes: [axis({ size: 30 }), y.axis],
    cursor: { y: false, points: { show: false } },
  };
}

/** Recorded steps as ticks, the baseline, and where the loss was not finite. */
function decorate(u, page) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const x = (step) => Math.round(u.valToPos(step, "x", true));
  const upright = (step, from, to) => {
    ctx.beginPath();
    ctx.moveTo(x(step), from);
    ctx.lineTo(x(step), to);
    ctx.stroke();
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineWidth = ratio;
  ctx.setLineDash([]);
  evaluations(u, page, upright);
  ctx.strokeStyle = colour("soft");
  const bottom = bbox.top + bbox.height;
  const isDense = 3 * page.recorded.steps.length > u.width;
  ctx.beginPath();
  for (const step of page.recorded.steps) {
    ctx.moveTo(x(step), bottom - (isDense ? 2 : 6) * ratio);
    ctx.lineTo(x(step), bottom);
  }
  ctx.stroke();
  ctx.strokeStyle = colour("error");
  for (const { steps, nonfinite } of page.losses) {
    steps.forEach((step, i) => nonfinite[i] && upright(step, bbox.top, bbox.top + 10 * ratio));
  }
  ctx.strokeStyle = colour("soft");
  ctx.setLineDash([5 * ratio, 4 * ratio]);
  for (const { baseline } of page.losses) {
    if (baseline === null) continue;
    const y = u.valToPos(baseline, "y", true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
  }
  ctx.restore();
}

/** Lines where the network was put in evaluation mode; short ones where they would hide the loss. */
function evaluations(u, page, upright) {
  const { ctx, bbox } = u;
  const isDense = 12 * page.evaluated.length > u.width;
  const [from, to] = isDense ? [0.9, 1] : [0, 1];
  ctx.strokeStyle = colour("evaluated");
  for (const step of page.evaluated) {
    upright(step, bbox.top + (1 - to) * bbox.height, bbox.top + (1 - from) * bbox.height);
  }
}

function pick(u, page) {
  if (u.cursor.left >= 0 && page.recorded.steps.length) {
    choose({ column: nearestColumn(page, u.posToVal(u.cursor.left, "x")) });
  }
}

function readout(page, data, index) {
  if (index === null || index === undefined || data[0][index] === undefined) return overview(page);
  const values = page.losses.map((_, i) => data[3 * i + 3][index]).filter((value) => value != null);
  return say("{}: {}", say("step {}", whole(data[0][index])), values.map(short).join(", "));
}

function overview(page) {
  return page.report.losses
    .map((loss, i) => {
      const text = say("from {} to {}, lowest {}", number(loss.first), number(loss.last), number(loss.lowest));
      return page.losses.length > 1 ? say("{}: {}", say("loss {}", i + 1), text) : text;
    })
    .join("; ");
}

function summary(page) {
  return `${say("Loss")}: ${overview(page)}`;
}

function number(value) {
  return typeof value === "number" ? short(value) : String(value);
}

function isBroken(loss) {
  return loss.nonfinite.some(Boolean);
}

function isMerged(loss) {
  return loss.low.some((low, i) => low < loss.high[i]);
}
