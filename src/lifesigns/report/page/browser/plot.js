// uPlot as a component: as wide as its place, drawn anew when what it shows changes.

import { Curves, html, useLayoutEffect, useRef } from "./libraries.js";
import { colour } from "./colours.js";
import { short } from "./numbers.js";
import { isDark, useView } from "./state.js";

/** A chart of curves.
 *
 * @param {function(): object} options  makes uPlot's options; called when anything in `needs` changed
 * @param {Array} data  as uPlot takes it; the same array as long as nothing in it changed
 * @param {Array} needs  what the options depend on
 * @param {function} onPlot  is handed the uPlot that was made
 */
export function Plot({ options, data, needs, label, height, onPlot }) {
  const place = useRef(null);
  const dark = useView(isDark);
  const language = useView((view) => view.language);
  const plot = useRef(null);
  useLayoutEffect(() => {
    const size = () => ({ width: place.current.clientWidth, height });
    const made = new Curves({ legend: { show: false }, ...size(), ...options() }, data, place.current);
    plot.current = made;
    onPlot?.(made);
    const observer = new ResizeObserver(() => made.width !== place.current.clientWidth && made.setSize(size()));
    observer.observe(place.current);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [...needs, dark, language]);
  useLayoutEffect(() => {
    if (plot.current.data !== data) plot.current.setData(data);
  }, [data]);
  return html`<div class="plot" role="img" aria-label=${label} ref=${place}></div>`;
}

/** An axis in the colours of the page. */
export function axis(more = {}) {
  const line = { stroke: () => colour("line"), width: 1 };
  return {
    stroke: () => colour("soft"),
    font: "12px system-ui, sans-serif",
    grid: line,
    ticks: { show: false },
    size: 48,
    gap: 6,
    values: (_, values) => toldApart(values),
    ...more,
  };
}

/** Numbers of an axis, with as many digits as tell neighbours apart. */
function toldApart(values) {
  const texts = values.map((value) => (value === null ? "" : short(value)));
  const shown = texts.filter(Boolean);
  if (new Set(shown).size === shown.length) return texts;
  return values.map((value) => (value === null ? "" : String(Number(value.toPrecision(5))).replace("-", "−")));
}

/** A vertical scale and its axis: logarithmic ones have only numbers above 0. */
export function vertical(logarithmic) {
  if (!logarithmic) return { scale: {}, axis: axis() };
  return {
    scale: { distr: 3, range: (_, low, high) => around(low, high) },
    axis: axis({ splits: (_, __, low, high) => ticks(low, high), filter: (_, splits) => splits }),
  };
}

/** Whole decades around two numbers, at least one. */
export function decades(low, high) {
  if (!(low > 0) || !Number.isFinite(high)) return [0.1, 1];
  const from = Math.floor(Math.log10(low));
  const to = Math.max(Math.ceil(Math.log10(high)), from + 1);
  return [10 ** from, 10 ** to];
}

/** The numbers 1, 2 and 5 of each decade that lie next below and above two numbers. */
function around(low, high) {
  const [first, last] = decades(low, high);
  const round = roundNumbers(first, last);
  return [round.filter((number) => number <= low).at(-1) ?? first, round.find((number) => number >= high) ?? last];
}

/** About half a dozen round numbers from `low` to `high`. */
function ticks(low, high) {
  const all = roundNumbers(...decades(low, high)).filter((number) => number >= low * 0.999 && number <= high * 1.001);
  const powers = all.filter((number) => Number.isInteger(Number(Math.log10(number).toFixed(6))));
  const every = Math.ceil(powers.length / 7);
  return all.length <= 7 ? all : powers.filter((_, i) => i % every === 0);
}

function roundNumbers(first, last) {
  const numbers = [];
  for (let power = Math.round(Math.log10(first)); power <= Math.round(Math.log10(last)); power++) {
    numbers.push(...[1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
  }
  return numbers.filter((number) => number <= last * 1.001);
}
