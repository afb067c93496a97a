// What the table of activations is made with: functions that JavaScript lacks among them.

/**
 * An elementwise activation.
 * @param {object} facts of it
 * @param {function} values fills `a` with the values at `n` numbers of `z`, given the slope below 0
 * @param {function} slopes the same with the derivative
 */
export function elementwise(facts, values, slopes) {
  const given = new Float64Array(1);
  const got = new Float64Array(1);
  const single = (loop) => (x, negative) => {
    given[0] = x;
    loop(given, got, 1, negative);
    return got[0];
  };
  return { ...facts, value: single(values), derivative: single(slopes), values, slopes };
}

const ROOT_PI = 1.772453850905516;
const FAR = 2.5;
const LEVELS = 120;

/** log(exp(a) + exp(b)), without overflow. */
export function logaddexp(a, b) {
  if (a === b) return a + Math.LN2;
  return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b));
}

/** The error function. */
export function erf(x) {
  if (x < 0) return -erf(-x);
  return x < FAR ? series(x) : 1 - erfc(x);
}

/** 1 - erf(x): by the series of erf near 0, and by its continued fraction farther out. */
export function erfc(x) {
  if (Number.isNaN(x)) return NaN;
  if (x < 0) return 2 - erfc(-x);
  if (x > 27) return 0;
  return x < FAR ? 1 - series(x) : fraction(x);
}

/** erf(x) = 2/√π exp(-x²) Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!!, of which no term is negative. */
function series(x) {
  const twice = 2 * x * x;
  let term = x;
  let sum = x;
  for (let n = 3; term > sum * 1e-17; n += 2) {
    term *= twice / n;
    sum += term;
  }
  return ((2 * sum) / ROOT_PI) * Math.exp(-x * x);
}

/** erfc(x) = exp(-x²) / (√π (x + (1/2) / (x + 1 / (x + (3/2) / (x + …))))), from the inside. */
function fraction(x) {
  let below = x;
  const levels = Math.ceil(LEVELS / x) + 8;
  for (let k = levels; k >= 1; k--) below = x + k / 2 / below;
  return Math.exp(-x * x) / (ROOT_PI * below);
}
