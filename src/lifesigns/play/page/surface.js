// What the network says of every place: a boundary or a fit, with the samples on it.

import { colour } from "../../report/page/browser/colours.js";
import { html, useLayoutEffect, useRef, useState } from "../../report/page/browser/libraries.js";
import { short } from "../../report/page/browser/numbers.js";
import { isDark, useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { useFrames } from "./frames.js";
import { paintClasses, paintValues } from "./heat.js";

const MARGIN = { left: 34, bottom: 22, top: 6, right: 6 };
const MOST_POINTS = 600;
const SHAPES = 4; // of points, so that classes differ by more than their colour

/** The picture of one network's output over the plane (or line) of the inputs. */
export function Surface({ side, about, room, label }) {
  const canvas = useRef(null);
  const place = useRef(null);
  const [size, setSize] = useState(room);
  const dark = useView(isDark);
  useLayoutEffect(() => {
    const fit = () => setSize(Math.max(Math.min(room, place.current.clientWidth), 120));
    const observer = new ResizeObserver(fit);
    observer.observe(place.current);
    fit();
    return () => observer.disconnect();
  }, [room]);
  useFrames((frame) => frame.sides[side] && draw(canvas.current, frame.sides[side], about, size), [about, size, dark, side]);
  return html`<figure class="surface" ref=${place}>
    <canvas ref=${canvas} role="img" aria-label=${label} style=${{ width: `${size}px`, height: `${size}px` }} />
    <figcaption><${Key} about=${about} /></figcaption>
  </figure>`;
}

/** What the colours are. */
function Key({ about }) {
  if (about.kind === "curve") return html`<span><i class="key line"></i>${say("network")}</span> <span><i class="key dot"></i>${say("samples")}</span>`;
  if (about.classes.length > 0) {
    return html`${about.classes.slice(0, 10).map((name, i) => html`<span><${Shape} of=${i} />${name}</span>`)}${about.isProjected && html`<span class="soft">${say("seen along the two widest directions of the data")}</span>`}`;
  }
  return html`<span><i class="key lowest"></i>${short(about.range[0])}</span> <span><i class="key highest"></i>${short(about.range[1])}</span>`;
}

function Shape({ of }) {
  const paths = ["M8 3a5 5 0 1 0 0 10A5 5 0 1 0 8 3Z", "M3.5 3.5h9v9h-9Z", "M8 2.5 14 13H2Z", "M8 2 14 8 8 14 2 8Z"];
  return html`<svg class="shape" viewBox="0 0 16 16" aria-hidden="true"><path class=${`class-${of % 10}`} d=${paths[of % SHAPES]} /></svg>`;
}

function draw(canvas, shown, about, size) {
  const ratio = devicePixelRatio || 1;
  const pixels = Math.round(size * ratio);
  if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, size, size);
  const box = { left: MARGIN.left, top: MARGIN.top, width: size - MARGIN.left - MARGIN.right, height: size - MARGIN.top - MARGIN.bottom };
  const { low, high } = about.bounds;
  const x = (value) => box.left + (box.width * (value - low[0])) / (high[0] - low[0]);
  const y = (value) => box.top + box.height - (box.height * (value - low[1])) / (high[1] - low[1]);
  if (about.kind === "curve") fit(context, shown, about, box, x, y);
  else field(context, shown, about, box);
  context.drawImage(overlay(about, size, ratio, box, x, y), 0, 0, size, size);
}

const kept = new WeakMap();

/** Samples and axes, which stay the same from frame to frame: one picture for each network and size. */
function overlay(about, size, ratio, box, x, y) {
  const key = `${size} ${ratio} ${colour("ink")}`;
  if (!kept.has(about)) kept.set(about, {});
  const own = kept.get(about);
  if (own.key === key) return own.canvas;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.round(size * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  points(context, about, x, y, box);
  frameOf(context, about, box, x, y);
  kept.set(about, { key, canvas });
  return canvas;
}

const scratch = typeof document === "undefined" ? null : document.createElement("canvas");

function field(context, shown, about, box) {
  const { surface, grid } = shown;
  if (!surface) return;
  if (surface.classes) paintClasses(scratch, surface.classes, surface.sureness, grid.fine, about.classes.length);
  else paintValues(scratch, surface.values, grid.fine, surface.peak);
  context.imageSmoothingEnabled = true;
  context.globalAlpha = 0.75;
  context.drawImage(scratch, box.left, box.top, box.width, box.height);
  context.globalAlpha = 1;
}

function fit(context, shown, about, box, x, y) {
  const { values } = shown.surface;
  const { low, high } = about.bounds;
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  context.strokeStyle = colour("accent");
  context.lineWidth = 2;
  context.beginPath();
  values.forEach((value, i) => {
    const at = low[0] + ((high[0] - low[0]) * i) / (values.length - 1);
    if (Number.isFinite(value)) context.lineTo(x(at), y(value));
  });
  context.stroke();
  context.restore();
}

function points(context, about, x, y, box) {
  const { points: places, labels } = about;
  const radius = box.width > 220 ? 3 : 2.3;
  const count = Math.min(places.length / 2, MOST_POINTS);
  context.lineWidth = 1;
  context.strokeStyle = colour("paper");
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  for (let i = 0; i < count; i++) {
    const kind = about.classes.length ? labels[i] : 0;
    context.fillStyle = about.classes.length ? colour(`class-${kind % 10}`) : about.kind === "curve" ? colour("series-1") : valueColour(labels[i], about.range);
    outline(context, kind % SHAPES, x(places[2 * i]), y(places[2 * i + 1]), radius);
    context.fill();
    context.stroke();
  }
  context.restore();
}

function valueColour(value, [low, high]) {
  return colour(value > (low + high) / 2 ? "above" : "below");
}

function outline(context, kind, x, y, r) {
  context.beginPath();
  if (kind === 0) context.arc(x, y, r, 0, 7);
  else if (kind === 1) context.rect(x - r, y - r, 2 * r, 2 * r);
  else {
    const corners = kind === 2 ? [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]] : [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]];
    corners.forEach(([dx, dy]) => context.lineTo(x + dx * r, y + dy * r));
    context.closePath();
  }
}

function frameOf(context, about, box, x, y) {
  const { low, high } = about.bounds;
  context.strokeStyle = colour("line");
  context.lineWidth = 1;
  context.strokeRect(box.left + 0.5, box.top + 0.5, box.width - 1, box.height - 1);
  context.fillStyle = colour("soft");
  context.font = "11px system-ui, sans-serif";
  const ends = [low, high];
  context.textBaseline = "top";
  ends.forEach((end, i) => {
    context.textAlign = i ? "right" : "left";
    context.fillText(short(end[0]), x(end[0]), box.top + box.height + 4);
  });
  context.textAlign = "center";
  context.fillText(about.axes[0], box.left + box.width / 2, box.top + box.height + 4);
  context.textAlign = "right";
  ends.forEach((end, i) => {
    context.textBaseline = i ? "top" : "bottom";
    context.fillText(short(end[1]), box.left - 4, y(end[1]));
  });
  context.textBaseline = "middle";
  context.fillText(about.axes[1], box.left - 4, box.top + box.height / 2);
}
