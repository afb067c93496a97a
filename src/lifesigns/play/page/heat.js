// Values as colours: orange below 0, paper at 0, teal above.

import { parts } from "../../report/page/browser/colours.js";
import { isDark, view } from "../../report/page/browser/state.js";

const HALF = 127;
const palettes = new Map();

/** Colours of −1 … 1 as the 32 bits of a pixel, 255 of them. */
function diverging() {
  const key = `diverging ${isDark(view())}`;
  if (!palettes.has(key)) {
    const [low, middle, high] = ["below", "paper", "above"].map(parts);
    palettes.set(key, Uint32Array.from({ length: 2 * HALF + 1 }, (_, i) => pixel(mixed(middle, i < HALF ? low : high, Math.abs(i - HALF) / HALF))));
  }
  return palettes.get(key);
}

/** The colours of classes, from weak to sure. */
function ofClasses(count) {
  const key = `classes ${count} ${isDark(view())}`;
  if (!palettes.has(key)) {
    const paper = parts("paper");
    palettes.set(key, Array.from({ length: count }, (_, i) => {
      const full = parts(`class-${i % 10}`);
      return Uint32Array.from({ length: HALF + 1 }, (_, share) => pixel(mixed(paper, full, share / HALF)));
    }));
  }
  return palettes.get(key);
}

function mixed(from, to, share) {
  return from.map((part, i) => Math.round(part + (to[i] - part) * share));
}

function pixel([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** Paints `side` × `side` values, the first row at the bottom, into a square canvas.
 *
 * @param {HTMLCanvasElement} canvas  becomes `side` pixels wide
 * @param {ArrayLike<number>} values  row-major; what is not a number stays empty
 * @param {number} peak  the size that has the full colour
 */
export function paintValues(canvas, values, side, peak) {
  const colours = diverging();
  const scale = peak > 0 && Number.isFinite(peak) ? HALF / peak : 0;
  paint(canvas, side, (i) => {
    const value = values[i] * scale;
    if (Number.isNaN(value)) return 0;
    return colours[HALF + Math.round(Math.max(-HALF, Math.min(HALF, value)))];
  });
}

/** Paints the likeliest class of each place, as strongly as it is sure.
 *
 * @param {Uint8Array} classes  the likeliest, 255 where there is none
 * @param {Float32Array} sureness  its margin, 0 to 1
 */
export function paintClasses(canvas, classes, sureness, side, count) {
  const colours = ofClasses(count);
  paint(canvas, side, (i) => (classes[i] < count ? colours[classes[i]][Math.round(HALF * (0.15 + 0.6 * sureness[i]))] : 0));
}

function paint(canvas, side, colourAt) {
  if (canvas.width !== side) canvas.width = side;
  if (canvas.height !== side) canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = 0; row < side; row++) {
    const from = (side - 1 - row) * side;
    for (let column = 0; column < side; column++) pixels[row * side + column] = colourAt(from + column);
  }
  context.putImageData(image, 0, 0);
}
