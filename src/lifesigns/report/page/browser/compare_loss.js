// The losses of all runs on one axis.

import { colour } from "./colours.js";
import { Curves, html, useMemo, useState } from "./libraries.js";
import { short, whole } from "./numbers.js";
import { axis, Plot, vertical } from "./plot.js";
import { choose } from "./state.js";
import { say } from "./words.js";

const HEIGHT = 300;
const WIDE = 100; // times its smallest, from which a positive loss is drawn on a logarithmic axis
const DASHES = [[], [8, 4], [2, 3], [8, 3, 2, 3]]; // of the losses that are trained in turn

export function ComparedLoss({ comparison, pages, pair }) {
  const [read, setRead] = useState(null);
  const lines = useMemo(() => linesOf(comparison, pages), [comparison, pages]);
  const data = useMemo(() => (lines.length ? Curves.join(lines.map(({ points }) => points)) : [[], []]), [lines]);
  const options = () => ({
    ...settings(lines),
    hooks: {
      draw: [(u) => decorate(u, comparison, pages, pair)],
      setCursor: [(u) => setRead(u.cursor.idx)],
      ready: [(u) => u.over.addEventListener("click", () => pick(u, comparison))],
    },
  });
  const bySamples = comparison.axis === "samples";
  const names = comparison.runs.map(({ letter, name }) => `${letter}: ${name}`).join(", ");
  return html`<section aria-labelledby="loss-title" class="loss">
    <h2 id="loss-title">${say("Loss")}</h2>
    <p class="readout" aria-live="off">${readout(comparison, lines, data, read)}</p>
    <${Plot} options=${options} data=${data} needs=${[comparison, pages, pair]} height=${HEIGHT} label=${`${say("Loss")}: ${names}`} />
    <p class="legend">
      ${comparison.runs.map(({ letter }, i) => html`<span><i class=${`key line run-${i % 4}`}></i>${letter}</span>`)}
      ${pages.some((page) => page.losses.some(({ baseline }) => baseline !== null)) && html`<span><i class="key dashed"></i>${say("best constant prediction")}</span>`}
      ${pair.divergence.difference && html`<span><i class="key now"></i>${say("first difference")}</span>`}
      <span class="soft">${say(bySamples ? "by samples seen" : "by steps")}</span>
    </p>
  </section>`;
}

/** One line for each loss of each run: the middle of what its buckets hold. */
function linesOf(comparison, pages) {
  const logarithmic = areWide(pages.flatMap(({ losses }) => losses));
  return pages.flatMap((page, run) => page.losses.map((loss) => {
    const middle = Array.from(loss.low, (low, i) => between(low, loss.high[i], logarithmic));
    const place = placing(comparison, run, loss.stream);
    return { run, stream: loss.stream, logarithmic, points: [Array.from(loss.steps, place), middle] };
  }));
}

/** Whether all are positive, and together too far apart for an axis from 0. */
function areWide(losses) {
  const values = losses.flatMap(({ low, high }) => [...low, ...high]).filter(Number.isFinite);
  const [smallest, largest] = values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, 0]);
  return smallest > 0 && largest > WIDE * smallest;
}

function between(low, high, logarithmic) {
  const middle = logarithmic ? Math.sqrt(low * high) : (low + high) / 2;
  return Number.isFinite(middle) ? middle : null;
}

/** Where a step of a run stands on the axis: at itself, or at the samples that had been seen. */
function placing(comparison, run, stream) {
  const pair = comparison.comparisons[Math.max(run - 1, 0)];
  const knots = pair.losses.find((loss) => loss.stream === stream)?.samples?.[run === 0 ? 0 : 1];
  if (!knots) return (step) => step;
  return (step) => {
    const next = knots.findIndex(([known]) => known >= step);
    if (next <= 0) return knots[next < 0 ? knots.length - 1 : 0][1];
    const [[from, low], [to, high]] = [knots[next - 1], knots[next]];
    return low + ((high - low) * (step - from)) / (to - from);
  };
}

function settings(lines) {
  const series = lines.map(({ run, stream }) => ({
    stroke: () => colour(`series-${run % 4}`),
    width: 1.75,
    dash: DASHES[stream % 4],
    points: { show: false },
    spanGaps: true,
  }));
  const y = vertical(lines.length > 0 && lines.every(({ logarithmic }) => logarithmic));
  return {
    series: [{}, ...series],
    scales: { x: { time: false }, y: y.scale },
    axes: [axis({ size: 30 }), y.axis],
    cursor: { y: false, points: { show: false } },
  };
}

/** The baselines, and where the runs begin to differ. */
function decorate(u, { comparisons }, pages, pair) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const line = (x, y, toX, toY) => {
    ctx.beginPath();
    ctx.moveTo(x, y);
    ctx.lineTo(toX, toY);
    ctx.stroke();
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineWidth = ratio;
  ctx.strokeStyle = colour("soft");
  ctx.setLineDash([5 * ratio, 4 * ratio]);
  for (const baseline of new Set(pages.flatMap((page) => page.losses.map((loss) => loss.baseline)))) {
    if (baseline === null) continue;
    const y = u.valToPos(baseline, "y", true);
    line(bbox.left, y, bbox.left + bbox.width, y);
  }
  const { difference } = pair.divergence;
  if (difference) {
    ctx.setLineDash([]);
    ctx.strokeStyle = colour("accent");
    const place = placing({ comparisons }, 0, difference.stream);
    const x = Math.round(u.valToPos(place(difference.step), "x", true)) + ratio;
    line(x, bbox.top, x, bbox.top + bbox.height);
  }
  ctx.restore();
}

/** A click shows the layers at that step. */
function pick(u, comparison) {
  if (u.cursor.left >= 0 && comparison.axis === "step") choose({ step: Math.round(u.posToVal(u.cursor.left, "x")) });
}

function readout(comparison, lines, data, index) {
  if (index === null || index === undefined || data[0][index] === undefined) return "\u00a0";
  const values = lines
    .map(({ run }, i) => [comparison.runs[run].letter, data[i + 1][index]])
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([letter, value]) => `${letter} ${short(value)}`);
  const where = whole(Math.round(data[0][index]));
  return `${comparison.axis === "samples" ? say("{} samples", where) : say("step {}", where)}: ${values.join(", ")}`;
}
