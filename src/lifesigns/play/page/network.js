// The network: each unit with its own function as a small map, each weight as a line.

import { colour } from "../../report/page/browser/colours.js";
import { html, useLayoutEffect, useMemo, useRef, useState } from "../../report/page/browser/libraries.js";
import { choose, isDark, useView, view } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { title } from "./controls_list.js";
import { useFrames } from "./frames.js";
import { paintValues } from "./heat.js";
import { arrange } from "./layout.js";
import { refresh } from "./player.js";

const THICKEST = 4; // pixels of the largest weight of a layer

/** One of the networks; `structure` says what it is built of. */
export function Network({ side, structure, room, letter }) {
  const place = useRef(null);
  const canvas = useRef(null);
  const [width, setWidth] = useState(0);
  const dark = useView(isDark);
  const chosen = useView((view) => view.unit);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setWidth(place.current.clientWidth));
    observer.observe(place.current);
    setWidth(place.current.clientWidth);
    return () => observer.disconnect();
  }, []);
  const plan = useMemo(() => width > 0 && arrange(structure, width, room), [structure, width, room]);
  useFrames((frame) => plan && frame.sides[side] && draw(canvas.current, plan, frame.sides[side]), [plan, dark, side]);
  return html`<div class="network" ref=${place} style=${{ height: plan ? `${plan.height}px` : "120px" }}>
    <canvas ref=${canvas} aria-hidden="true" />
    ${plan && html`<${Heads} plan=${plan} structure=${structure} />`}
    ${plan && html`<${Units} plan=${plan} side=${side} chosen=${chosen} letter=${letter} />`}
  </div>`;
}

/** What stands over the columns: the layer's activation, and how many units are not drawn. */
function Heads({ plan, structure }) {
  const names = [say("inputs"), ...structure.layers.map(({ activation }, i) => (i === structure.layers.length - 1 ? say("output") : title(activation)))];
  return plan.counts.map((count, column) => {
    const more = count - plan.shown[column];
    const edge = column === 0 ? "first" : column === plan.counts.length - 1 ? "last" : "";
    return html`<span class=${`column ${edge}`} style=${edge === "first" ? { left: 0 } : edge === "last" ? { right: 0 } : { left: `${plan.across(column)}px` }}>${names[column]}${more > 0 && html` <small>${say("+ {}", more)}</small>`}</span>`;
  });
}

/** Buttons over the units; the arrow keys go from one to the next. */
function Units({ plan, side, chosen, letter }) {
  const hidden = plan.units.filter(({ column }) => column > 0);
  const isChosen = ({ column, row }) => chosen.layer === column - 1 && chosen.unit === row;
  const pick = ({ column, row }) => {
    choose({ unit: { layer: column - 1, unit: row, side }, layer: column - 1 });
    refresh();
  };
  const reachable = hidden.find(isChosen) ?? hidden[0];
  const move = (event) => {
    const [right, down] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key] ?? [0, 0];
    if (!right && !down) return;
    event.preventDefault();
    const from = reachable;
    const near = hidden.filter(({ column }) => column === from.column + right);
    const to = right ? near.reduce((best, each) => (Math.abs(each.y - from.y) < Math.abs(best.y - from.y) ? each : best), near[0]) : near.find(({ row }) => row === from.row + down);
    if (!to) return;
    pick(to);
    event.currentTarget.querySelector(`[data-at="${to.column}-${to.row}"]`)?.focus();
  };
  const half = plan.size / 2;
  return html`<div role="group" aria-label=${letter ? say("Units of network {}", letter) : say("Units of the network")} onKeyDown=${move}>
    ${hidden.map((unit) => html`<button type="button" key=${`${unit.column}-${unit.row}`} class="unit" data-at=${`${unit.column}-${unit.row}`}
      aria-pressed=${isChosen(unit) ? "true" : "false"} tabindex=${unit === reachable ? 0 : -1}
      aria-label=${say("Layer {}, unit {}", unit.column, unit.row + 1)}
      style=${{ left: `${unit.x - half}px`, top: `${unit.y - half}px`, width: `${plan.size}px`, height: `${plan.size}px` }}
      onClick=${() => pick(unit)}></button>`)}
  </div>`;
}

const scratch = typeof document === "undefined" ? null : document.createElement("canvas");

function draw(canvas, plan, shown) {
  const fits = plan.counts.length === shown.layers.length + 1 && shown.layers.every(({ units }, k) => units === plan.counts[k + 1]);
  if (!fits) return;
  const ratio = devicePixelRatio || 1;
  const [width, height] = [Math.round(plan.width * ratio), Math.round(plan.height * ratio)];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, plan.width, plan.height);
  lines(context, plan, shown);
  plan.units.forEach((unit) => square(context, plan, shown, unit));
}

function lines(context, plan, shown) {
  const byColumn = plan.counts.map((_, column) => plan.units.filter((unit) => unit.column === column));
  const [above, below] = [colour("above"), colour("below")];
  shown.layers.forEach(({ weights, inputs }, layer) => {
    const peak = largest(weights);
    if (!(peak > 0)) return;
    for (const to of byColumn[layer + 1]) {
      for (const from of byColumn[layer]) {
        const weight = weights[to.row * inputs + from.row];
        const share = Math.abs(weight) / peak;
        if (!(share > 0.01)) continue;
        context.strokeStyle = weight > 0 ? above : below;
        context.globalAlpha = 0.15 + 0.75 * Math.min(share, 1);
        context.lineWidth = 0.4 + THICKEST * Math.min(share, 1);
        context.beginPath();
        const bend = (to.x - from.x) * 0.45;
        context.moveTo(from.x + plan.size / 2, from.y);
        context.bezierCurveTo(from.x + bend, from.y, to.x - bend, to.y, to.x - plan.size / 2, to.y);
        context.stroke();
      }
    }
  });
  context.globalAlpha = 1;
}

function square(context, plan, shown, { column, row, x, y }) {
  const { size } = plan;
  const [left, top] = [x - size / 2, y - size / 2];
  context.fillStyle = colour("card");
  context.fillRect(left, top, size, size);
  const { side, curves } = shown.grid;
  const source = column === 0 ? shown.grid.inputs : shown.layers[column - 1];
  if (source.maps) {
    const each = curves ? side : side * side;
    const values = source.maps.subarray(row * each, (row + 1) * each);
    if (curves) curve(context, values, source.peak, left, top, size);
    else {
      paintValues(scratch, values, side, source.peak);
      context.imageSmoothingEnabled = true;
      context.drawImage(scratch, left, top, size, size);
    }
  }
  const ill = column > 0 ? shown.layers[column - 1].ill?.[row] : 0;
  context.strokeStyle = ill ? colour("error") : colour("soft");
  context.lineWidth = ill ? 2 : 1;
  context.setLineDash(ill ? [4, 3] : []);
  context.strokeRect(left + 0.5, top + 0.5, size - 1, size - 1);
  context.setLineDash([]);
}

function curve(context, values, peak, left, top, size) {
  const scale = peak > 0 ? (size / 2 - 3) / peak : 0;
  context.strokeStyle = colour("line");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(left, top + size / 2);
  context.lineTo(left + size, top + size / 2);
  context.stroke();
  context.strokeStyle = colour("accent");
  context.lineWidth = 1.5;
  context.beginPath();
  values.forEach((value, i) => {
    const at = [left + (size * i) / (values.length - 1), top + size / 2 - value * scale];
    if (Number.isFinite(value)) context.lineTo(...at);
  });
  context.stroke();
}

function largest(values) {
  let peak = 0;
  for (const value of values) if (Math.abs(value) > peak && Number.isFinite(value)) peak = Math.abs(value);
  return peak;
}
