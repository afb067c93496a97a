// The way of two weights over the loss.

import { colour, parts } from "../../report/page/browser/colours.js";
import { html } from "../../report/page/browser/libraries.js";
import { percent, short } from "../../report/page/browser/numbers.js";
import { choose, useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { Canvas, prepared } from "./chart.js";
import { useFrame } from "./frames.js";
import { refresh } from "./player.js";

const BANDS = 14;
const MARGIN = { left: 40, right: 8, top: 8, bottom: 34 };

export function PathView() {
  const paths = useFrame((frame) => frame.views.paths);
  const made = useView((view) => view.made);
  if (!paths) return null;
  return html`<p>${say("Two weights of the chosen unit. The colours are the loss, with all other weights as they are now: dark is low. Where all inputs have one sign both weights can only move the same way, and the path zig-zags.")}</p>
    <${Pickers} made=${made} />
    <div class=${paths.length > 1 ? "columns-2" : ""}>${paths.map((path, side) => html`<${OnePath} key=${side} path=${path} letter=${paths.length > 1 ? "AB"[side] : ""} />`)}</div>`;
}

function Pickers({ made }) {
  const unit = useView((view) => view.unit);
  const pair = useView((view) => view.pair) ?? { first: 0, second: 1 };
  const { inputs, layers } = made[0].structure;
  const layer = Math.min(unit.layer, layers.length - 1);
  const names = layer === 0 ? inputs : Array.from({ length: layers[layer - 1].units }, (_, i) => say("unit {}", i + 1));
  const pick = (which, value) => {
    choose({ pair: { ...pair, [which]: Number(value) } });
    refresh();
  };
  if (names.length < 2) return html`<p class="soft">${say("This unit has a single input: choose one with two or more.")}</p>`;
  return html`<div class="pickers">${say("Layer {}, unit {}", layer + 1, unit.unit + 1)}:
    ${["first", "second"].map((which, i) => html`<label>${say(i ? "upwards, the weight of" : "to the right, the weight of")} <select value=${pair[which]} onChange=${(event) => pick(which, event.target.value)}>${names.slice(0, 64).map((name, k) => html`<option value=${k} selected=${k === pair[which]}>${name}</option>`)}</select></label>`)}
  </div>`;
}

function OnePath({ path, letter }) {
  if (path.isMissing) return html`<p class="soft">${say("This unit has a single input: choose one with two or more.")}</p>`;
  const { length, detour, together } = path.numbers;
  const text = say("Length {}, {} times the straight way; both weights moved the same way in {} of the steps.", short(length), short(detour), percent(together));
  const draw = (canvas, width) => picture(canvas, Math.min(width, 460), path);
  return html`<figure>${letter && html`<h3>${say("Network {}", letter)}</h3>`}
    <${Canvas} draw=${draw} needs=${[path]} height=${340} label=${say("Way of two weights: {}", text)} />
    <p class="readout">${text}</p></figure>`;
}

function picture(canvas, width, { field, trail }) {
  const height = 340;
  const context = prepared(canvas, canvas.parentElement.clientWidth, height);
  const box = { left: MARGIN.left, top: MARGIN.top, width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  const x = (u) => box.left + (box.width * (u - field.low[0])) / (field.high[0] - field.low[0]);
  const y = (v) => box.top + box.height - (box.height * (v - field.low[1])) / (field.high[1] - field.low[1]);
  context.imageSmoothingEnabled = true;
  context.drawImage(painted(field), box.left, box.top, box.width, box.height);
  context.strokeStyle = colour("ink");
  context.lineWidth = 1.3;
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  context.beginPath();
  for (const [u, v] of trail) context.lineTo(x(u), y(v));
  context.stroke();
  if (trail.length < 160) for (const [u, v] of trail) spot(context, x(u), y(v), 1.6, colour("ink"));
  spot(context, x(trail[0][0]), y(trail[0][1]), 5, colour("series-1"));
  spot(context, x(trail.at(-1)[0]), y(trail.at(-1)[1]), 5, colour("error"));
  context.restore();
  context.fillStyle = colour("soft");
  context.font = "11.5px system-ui, sans-serif";
  context.textBaseline = "top";
  context.fillText(short(field.low[0]), box.left, box.top + box.height + 5);
  context.textAlign = "center";
  context.fillText(`● ${say("start to now: orange to red")}`, box.left + box.width / 2, box.top + box.height + 5);
  context.textAlign = "right";
  context.fillText(short(field.high[0]), box.left + box.width, box.top + box.height + 5);
  context.fillText(short(field.high[1]), box.left - 5, box.top);
  context.textBaseline = "bottom";
  context.fillText(short(field.low[1]), box.left - 5, box.top + box.height);
}

function spot(context, x, y, size, fill) {
  context.fillStyle = fill;
  context.beginPath();
  context.arc(x, y, size, 0, 7);
  context.fill();
}

const scratch = typeof document === "undefined" ? null : document.createElement("canvas");

/** The loss in bands, whose edges are the contours. */
function painted({ side, values }) {
  const finite = Array.from(values).filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const [deep, paper] = [parts("ramp-high"), parts("ramp-low")];
  const fine = 6 * side;
  scratch.width = scratch.height = fine;
  const context = scratch.getContext("2d");
  const image = context.createImageData(fine, fine);
  for (let row = 0; row < fine; row++) {
    for (let column = 0; column < fine; column++) {
      const value = between(values, side, (column + 0.5) / 6 - 0.5, side - (row + 0.5) / 6 - 0.5);
      const share = Math.sqrt(Math.max(0, (value - low) / (high - low || 1)));
      const band = Number.isFinite(share) ? Math.floor(share * BANDS) / BANDS : 1;
      image.data.set([...deep.map((part, i) => Math.round(part + (paper[i] - part) * band)), 150], 4 * (row * fine + column));
    }
  }
  context.putImageData(image, 0, 0);
  return scratch;
}

function between(values, side, u, v) {
  const at = (i) => Math.min(Math.max(i, 0), side - 1);
  const [i, j] = [Math.floor(u), Math.floor(v)];
  const [a, b] = [u - i, v - j];
  const value = (column, row) => values[at(row) * side + at(column)];
  return (1 - a) * (1 - b) * value(i, j) + a * (1 - b) * value(i + 1, j) + (1 - a) * b * value(i, j + 1) + a * b * value(i + 1, j + 1);
}
