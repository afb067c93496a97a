// The map of one layer: units × recorded steps, the share of samples for which each was active.

import { parts } from "./colours.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./libraries.js";
import { percent, short, whole } from "./numbers.js";
import { unpackMap } from "./page.js";
import { choose, isDark, useView } from "./state.js";
import { say } from "./words.js";

const MARKS = 3; // largest updates that are marked

export function UnitMap({ page }) {
  const layer = useView((view) => view.preview ?? view.layer);
  const wantsSaturated = useView((view) => view.saturated);
  const map = page.maps.find((each) => each.layer === layer);
  const content = useUnpacked(map);
  const saturated = wantsSaturated && Boolean(content?.saturated);
  return html`
    <section aria-labelledby="map-title" class="map" data-layer=${layer}>
      <h2 id="map-title">${say("Units of a layer")}</h2>
      <div class="controls">
        <label>${say("Layer")} <${LayerChoice} page=${page} layer=${layer} /></label>
        ${map?.saturated && html`<label><input type="checkbox" checked=${saturated} onChange=${(event) => choose({ saturated: event.target.checked })} /> ${say("saturated instead of active")}</label>`}
      </div>
      ${map && content?.layer === layer && html`<${Picture} page=${page} layer=${layer} content=${content} saturated=${saturated} />`}
      ${!map && html`<p class="soft">${say("There is no map of this layer.")}</p>`}
    </section>
  `;
}

function LayerChoice({ page, layer }) {
  return html`<select value=${layer} onChange=${(event) => choose({ layer: Number(event.target.value) })}>
    ${page.layers.map((each, i) => html`<option value=${i}>${i + 1} ${each.name}</option>`)}
  </select>`;
}

/** The map's arrays, unpacked when the layer is chosen. */
function useUnpacked(map) {
  const [content, setContent] = useState(null);
  useEffect(() => {
    let wanted = true;
    if (map) unpackMap(map).then((unpacked) => wanted && setContent(unpacked));
    return () => (wanted = false);
  }, [map]);
  return content;
}

function Picture({ page, layer, content, saturated }) {
  const canvas = useRef(null);
  const [spot, setSpot] = useState(null);
  const dark = useView(isDark);
  const now = useView((view) => view.column);
  const values = saturated ? content.saturated : content.active;
  useLayoutEffect(() => paint(canvas.current, values, saturated), [values, saturated, dark]);
  const text = summary(content, values, saturated);
  const find = (event) => {
    const box = canvas.current.getBoundingClientRect();
    const within = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
    setSpot({
      row: within((event.clientY - box.top) / box.height, values.rows),
      column: within((event.clientX - box.left) / box.width, values.columns),
    });
  };
  const move = (event) => {
    const by = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!by) return;
    event.preventDefault();
    const { row, column } = spot ?? { row: 0, column: 0 };
    setSpot({
      row: Math.min(Math.max(row + by[0], 0), values.rows - 1),
      column: Math.min(Math.max(column + by[1], 0), values.columns - 1),
    });
  };
  const pick = () => spot && choose({ column: content.steps[spot.column] });
  return html`<figure class="picture">
    <div class="canvas" tabindex="0" role="img" aria-label=${text} onPointerMove=${find} onPointerLeave=${() => setSpot(null)} onKeyDown=${move} onClick=${pick}>
      <canvas ref=${canvas} />
      <${Overlay} content=${content} values=${values} now=${now} spot=${spot} updates=${largestUpdates(page, layer, content)} />
    </div>
    <div class="axis"><span>${say("step {}", whole(page.recorded.steps[content.steps[0]] ?? 0))}</span><span>${whole(page.recorded.steps[content.steps[content.steps.length - 1]] ?? 0)}</span></div>
    <p class="legend">
      <span><i class="key zero"></i>${say(saturated ? "saturated for every sample" : "0 for every sample")}</span>
      <span><i class="key ramp"></i>${say(saturated ? "never saturated to nearly always" : "seldom to always active")}</span>
      <span><i class="key triangle"></i>${say("largest updates of its weight")}</span>
    </p>
    <p class="readout" aria-live="polite">${spot ? reading(page, content, values, spot) : text}</p>
  </figure>`;
}

/** What stands over the picture: the step shown above, the spot pointed at, the largest updates. */
function Overlay({ content, values, now, spot, updates }) {
  const shown = content.steps.findLastIndex((step) => step <= now);
  const middle = (column) => (1000 * (column + 0.5)) / values.columns;
  return html`<svg viewBox="0 0 1000 100" preserveAspectRatio="none" aria-hidden="true">
    ${shown >= 0 && html`<path class="now" d=${`M${middle(shown)} 0V100`} />`}
    ${spot && html`<path class="spot" d=${`M${middle(spot.column)} 0V100M0 ${(100 * (spot.row + 0.5)) / values.rows}H1000`} />`}
    ${updates.map((column) => html`<path class="update" d=${`M${middle(column)} 94l-7 6h14Z`} />`)}
  </svg>`;
}

/** One `putImageData` for the whole map; a pixel is a unit at a step. */
function paint(canvas, values, saturated) {
  const palette = colours(saturated);
  const image = new ImageData(values.columns, values.rows);
  values.values.forEach((value, i) => image.data.set(palette[value], 4 * i));
  canvas.width = values.columns;
  canvas.height = values.rows;
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** A colour for each of 256 shares; what is worst has one of its own. */
function colours(saturated) {
  const [low, high, worst] = [parts("ramp-low"), parts("ramp-high"), parts("ramp-worst")];
  const mixed = (share) => low.map((part, i) => Math.round(part + (high[i] - part) * share));
  return Array.from({ length: 256 }, (_, value) => {
    const extreme = saturated ? value === 255 : value === 0;
    return [...(extreme ? worst : mixed(value / 255)), 255];
  });
}

/** The map's columns at which the layer's weight changed most. */
function largestUpdates(page, layer, content) {
  const updates = page.ladder.update.row(layer);
  const ranked = Array.from(content.steps, (step, i) => [updates[step], i]).filter(([size]) => size > 0);
  return ranked.sort(([a], [b]) => b - a).slice(0, MARKS).map(([, i]) => i);
}

function reading(page, content, values, { row, column }) {
  const { group, order } = content;
  const first = row * group;
  const units = Array.from(order.slice(first, first + group));
  const name = units.length > 1 ? say("units {} and {} more", units[0], units.length - 1) : say("unit {}", units[0] ?? row);
  const step = whole(page.recorded.steps[content.steps[column]]);
  const kind = say(values === content.active ? "active" : "saturated");
  return `${name}, ${say("step {}", step)}: ${kind} ${percent(values.at(row, column) / 255)}`;
}

function summary({ units, group, steps }, values, saturated) {
  const last = values.columns - 1;
  let extreme = 0;
  for (let row = 0; row < values.rows; row++) extreme += values.at(row, last) === (saturated ? 255 : 0);
  const rows = say("{} units at {} steps.", whole(units), whole(steps.length));
  const grouped = group > 1 && say("A row is {} units; the worst counts.", group);
  const end = say(saturated ? "At the last step {} of {} rows are saturated for every sample." : "At the last step {} of {} rows are 0 for every sample.", short(extreme), values.rows);
  return [rows, grouped, end].filter(Boolean).join(say(" "));
}
