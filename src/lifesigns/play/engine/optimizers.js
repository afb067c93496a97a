// Optimizers with torch's formulas and constants, on all parameters as one flat array.

const ADAM = { first: 0.9, second: 0.999, epsilon: 1e-8 };
const CLIPPED = 1e-6; // torch's clip_grad_norm_ divides by the norm and this
const WARM = 0.1;
const THIRD = 3;

/** One step each: changes `w` along `g`; `m` and `v` are its memory, `t` counts from 1. */
export const OPTIMIZERS = {
  sgd(w, g, m, v, t, rate, { decay }) {
    for (let i = 0; i < w.length; i++) w[i] -= rate * (g[i] + decay * w[i]);
  },
  momentum(w, g, m, v, t, rate, { decay, momentum }) {
    for (let i = 0; i < w.length; i++) {
      const own = g[i] + decay * w[i];
      m[i] = t === 1 ? own : momentum * m[i] + own;
      w[i] -= rate * m[i];
    }
  },
  adam(w, g, m, v, t, rate, { decay }) {
    const size = rate / (1 - ADAM.first ** t);
    const root = Math.sqrt(1 - ADAM.second ** t);
    for (let i = 0; i < w.length; i++) {
      const own = g[i] + decay * w[i];
      m[i] += (1 - ADAM.first) * (own - m[i]);
      v[i] = ADAM.second * v[i] + (1 - ADAM.second) * own * own;
      w[i] -= (size * m[i]) / (Math.sqrt(v[i]) / root + ADAM.epsilon);
    }
  },
};

/** How many arrays of memory each uses. */
export const MEMORY = { sgd: 0, momentum: 1, adam: 2 };

/** The share of the rate at a step, counted from 0, of so many. */
export const SCHEDULES = {
  constant: () => 1,
  cosine: (step, steps) => 0.5 * (1 + Math.cos((Math.PI * Math.min(step, steps)) / steps)),
  step: (step, steps) => 0.1 ** Math.min(2, Math.floor((step * THIRD) / steps)),
  "warm-up": (step, steps) => Math.min(1, (step + 1) / Math.max(1, Math.ceil(WARM * steps))),
};

/**
 * Scales the gradient to a norm of at most `most`; 0 leaves it alone.
 * @returns {number} the norm before
 */
export function clip(g, most) {
  let square = 0;
  for (let i = 0; i < g.length; i++) square += g[i] * g[i];
  const norm = Math.sqrt(square);
  const factor = most > 0 ? most / (norm + CLIPPED) : 1;
  if (factor < 1) for (let i = 0; i < g.length; i++) g[i] *= factor;
  return norm;
}
