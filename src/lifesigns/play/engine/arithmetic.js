// Elementary functions of nothing but + - * / and √, which every machine rounds alike: so Python
// (lifesigns.play.arithmetic) and this page draw the same numbers, to the last bit.

const LN2 = 0.6931471805599453;
const ROOT_HALF = 0.7071067811865476;
const TURN = 6.283185307179586;
const LOG_TERMS = 12;
const TRIG_TERMS = 17;

const real = new Float64Array(1);
const bits = new Uint32Array(real.buffer);
const HIGH = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

/**
 * Natural logarithm, within 2 units in the last place.
 * @param {number} x normal and positive
 * @returns {number}
 */
export function log(x) {
  real[0] = x;
  let exponent = ((bits[HIGH] >>> 20) & 0x7ff) - 1022;
  bits[HIGH] = (bits[HIGH] & 0x800fffff) | (1022 << 20);
  let mantissa = real[0];
  if (mantissa < ROOT_HALF) {
    mantissa *= 2;
    exponent -= 1;
  }
  const f = (mantissa - 1) / (mantissa + 1);
  const square = f * f;
  let sum = 0;
  for (let k = LOG_TERMS - 1; k >= 0; k--) sum = sum * square + 1 / (2 * k + 1);
  return exponent * LN2 + 2 * f * sum;
}

/**
 * Sine, by Taylor's series within half a turn.
 * @param {number} x
 * @returns {number}
 */
export function sin(x) {
  const within = x - TURN * Math.floor(x / TURN + 0.5);
  const square = within * within;
  let sum = 1;
  for (let k = TRIG_TERMS; k >= 1; k--) sum = 1 - (sum * square) / (2 * k * (2 * k + 1));
  return within * sum;
}

/**
 * Cosine, likewise.
 * @param {number} x
 * @returns {number}
 */
export function cos(x) {
  const within = x - TURN * Math.floor(x / TURN + 0.5);
  const square = within * within;
  let sum = 1;
  for (let k = TRIG_TERMS; k >= 1; k--) sum = 1 - (sum * square) / (2 * k * (2 * k - 1));
  return sum;
}
