// Lines in a frame with two axes, on a canvas: fast enough for every frame.

import { colour } from "../../report/page/browser/colours.js";
import { html, useLayoutEffect, useRef, useState } from "../../report/page/browser/libraries.js";
import { short } from "../../report/page/browser/numbers.js";
import { isDark, useView } from "../../report/page/browser/state.js";

const ROOM = { left: 46, right: 10, top: 8, bottom: 24 };
const PER_TICK = { x: 90, y: 42 }; // pixels

/** A canvas that is as wide as its place; `draw(canvas, width)` is called when anything in `needs` changed. */
export function Canvas({ draw, needs, height, label, children, ...more }) {
  const place = useRef(null);
  const canvas = useRef(null);
  const [width, setWidth] = useState(0);
  const dark = useView(isDark);
  const language = useView((view) => view.language);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setWidth(place.current.clientWidth));
    observer.observe(place.current);
    setWidth(place.current.clientWidth);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (width > 0) draw(canvas.current, width);
  }, [width, height, dark, language, ...needs]);
  return html`<div class="chart" ref=${place} ...${more}><canvas ref=${canvas} role="img" aria-label=${label} style=${{ width: "100%", height: `${height}px` }} />${children}</div>`;
}

/** Draws a chart and gives its scales.
 *
 * @param {object} about  `x` and `y` are {low, high, name, logarithmic}; `lines` are {xs, ys, colour, width, dash};
 *   `bars` are {from, to, height, colour}; `upright` are {at, colour}; `dots` are {x, y, colour}
 * @returns {{x: function, y: function, at: function, left: number, top: number}}  `at` is the inverse of `x`
 */
export function chart(canvas, { width, height, x, y, lines = [], bars = [], upright = [], dots = [] }) {
  const context = prepared(canvas, width, height);
  const box = { left: ROOM.left, top: ROOM.top, width: Math.max(width - ROOM.left - ROOM.right, 1), height: height - ROOM.top - ROOM.bottom };
  const across = scale(x, box.left, box.left + box.width);
  const down = scale(y, box.top + box.height, box.top);
  grid(context, box, across, down, x, y);
  context.save();
  context.beginPath();
  context.rect(box.left, box.top - 2, box.width, box.height + 4);
  context.clip();
  for (const bar of bars) {
    context.fillStyle = colour(bar.colour);
    const floor = down(Math.max(y.low, 0));
    context.fillRect(across(bar.from) + 0.5, down(bar.height), Math.max(across(bar.to) - across(bar.from) - 1, 1), floor - down(bar.height));
  }
  for (const { at, colour: name, dash = [] } of upright) stroke(context, [at, at], [y.low, y.high], across, down, { colour: name, width: 1.5, dash });
  for (const line of lines) stroke(context, line.xs, line.ys, across, down, line);
  for (const dot of dots) {
    context.fillStyle = colour(dot.colour);
    context.beginPath();
    context.arc(across(dot.x), down(dot.y), dot.size ?? 4.5, 0, 7);
    context.fill();
  }
  context.restore();
  const at = (pixel) => x.low + ((pixel - box.left) / box.width) * (x.high - x.low);
  return { x: across, y: down, at, ...box };
}

/** The context of a canvas for sharp drawing in these many pixels of the page. */
export function prepared(canvas, width, height) {
  const ratio = devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function scale({ low, high, logarithmic }, from, to) {
  const of = logarithmic ? (value) => Math.log(Math.max(value, 1e-300)) : (value) => value;
  const [first, last] = [of(low), of(high)];
  return (value) => from + ((to - from) * (of(value) - first)) / (last - first || 1);
}

function stroke(context, xs, ys, across, down, { colour: name, width = 1.75, dash = [] }) {
  context.strokeStyle = colour(name);
  context.lineWidth = width;
  context.setLineDash(dash);
  context.lineJoin = "round";
  context.beginPath();
  let isOpen = false;
  for (let i = 0; i < xs.length; i++) {
    const there = Number.isFinite(ys[i]);
    if (there) context[isOpen ? "lineTo" : "moveTo"](across(xs[i]), Math.max(Math.min(down(ys[i]), 1e4), -1e4));
    isOpen = there;
  }
  context.stroke();
  context.setLineDash([]);
}

function grid(context, box, across, down, x, y) {
  context.font = "11.5px system-ui, sans-serif";
  context.fillStyle = colour("soft");
  context.strokeStyle = colour("line");
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks(y, box.height / PER_TICK.y)) {
    const at = Math.round(down(tick)) + 0.5;
    line(context, box.left, at, box.left + box.width, at);
    context.fillText(short(tick), box.left - 6, at);
  }
  context.textBaseline = "top";
  context.textAlign = "center";
  for (const tick of ticks(x, box.width / PER_TICK.x)) {
    const at = Math.round(across(tick)) + 0.5;
    line(context, at, box.top, at, box.top + box.height);
    const room = box.left + box.width - at;
    context.textAlign = room < 12 ? "right" : "center";
    if (!x.name || room > 24) context.fillText(plain(tick), room < 12 ? at + 8 : at, box.top + box.height + 6);
  }
  if (x.name) {
    context.textAlign = "right";
    context.fillText(x.name, box.left + box.width, box.top + box.height + 6);
  }
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** Whole numbers stay whole on an axis of steps. */
function plain(value) {
  return Number.isInteger(value) ? String(value).replace("-", "−") : short(value);
}

/** Round numbers between the ends, about `count` of them. */
export function ticks({ low, high, logarithmic }, count) {
  if (!(high > low)) return [];
  if (logarithmic) {
    const found = [];
    for (let power = Math.ceil(Math.log10(low) - 1e-9); power <= Math.log10(high) + 1e-9; power++) found.push(10 ** power);
    const every = Math.max(1, Math.ceil(found.length / Math.max(count, 1)));
    return found.filter((_, i) => i % every === 0);
  }
  const rough = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((digit) => digit * power >= rough) * power;
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) found.push(Number((i * step).toPrecision(10)));
  return found;
}
