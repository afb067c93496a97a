// Losses of what a network puts out, as torch has them (a mean), each with its gradient. Outputs
// and targets are rows of `units` numbers; of classes the target rows are one-hot.

const LEAST_LOG = -100; // of torch's binary_cross_entropy
const LEAST_VARIANCE = 1e-12; // the same, in its gradient

const squaredError = {
  value: (o, t, n, units) => meanOf(n * units, (i) => (o[i] - t[i]) * (o[i] - t[i])),
  gradient: (o, t, g, n, units) =>
    each(n * units, (i) => (g[i] = (2 * (o[i] - t[i])) / (n * units))),
};

const huber = {
  value: (o, t, n, units) =>
    meanOf(n * units, (i) => {
      const far = Math.abs(o[i] - t[i]);
      return far < 1 ? 0.5 * far * far : far - 0.5;
    }),
  gradient: (o, t, g, n, units) =>
    each(n * units, (i) => {
      const off = o[i] - t[i];
      g[i] = (off < -1 ? -1 : off > 1 ? 1 : off) / (n * units);
    }),
};

const hinge = {
  value: (o, t, n, units) => meanOf(n * units, (i) => positive(1 - (2 * t[i] - 1) * o[i])),
  gradient: (o, t, g, n, units) =>
    each(n * units, (i) => {
      const sign = 2 * t[i] - 1;
      g[i] = 1 - sign * o[i] > 0 ? -sign / (n * units) : 0;
    }),
};

/** Of one logit: torch's binary_cross_entropy_with_logits. */
const binaryOfLogits = {
  value: (o, t, n, units) =>
    meanOf(
      n * units,
      (i) => (1 - t[i]) * o[i] + positive(-o[i]) + Math.log1p(Math.exp(-Math.abs(o[i]))),
    ),
  gradient: (o, t, g, n, units) =>
    each(n * units, (i) => (g[i] = (logistic(o[i]) - t[i]) / (n * units))),
};

/** Of probabilities: torch's binary_cross_entropy. */
const binaryOfProbabilities = {
  value: (o, t, n, units) =>
    meanOf(n * units, (i) => {
      const yes = Math.max(Math.log(o[i]), LEAST_LOG);
      const no = Math.max(Math.log1p(-o[i]), LEAST_LOG);
      return (t[i] - 1) * no - t[i] * yes;
    }),
  gradient: (o, t, g, n, units) =>
    each(n * units, (i) => {
      g[i] = (o[i] - t[i]) / Math.max((1 - o[i]) * o[i], LEAST_VARIANCE) / (n * units);
    }),
};

/** Of a logit for each class: torch's cross_entropy. */
const ofLogits = {
  value(o, t, n, units) {
    let sum = 0;
    for (let row = 0; row < n; row++) {
      const from = row * units;
      const level = logSumExp(o, from, units);
      for (let k = 0; k < units; k++)
        if (t[from + k] > 0) sum += t[from + k] * (level - o[from + k]);
    }
    return sum / n;
  },
  gradient(o, t, g, n, units) {
    for (let row = 0; row < n; row++) {
      const from = row * units;
      const level = logSumExp(o, from, units);
      for (let k = from; k < from + units; k++) g[k] = (Math.exp(o[k] - level) - t[k]) / n;
    }
  },
};

/** By the setting's word: which loss it is for an output, and whether it takes classes only. */
export const LOSSES = {
  "squared-error": { ofClasses: false, of: () => squaredError, kind: () => "squared_error" },
  "cross-entropy": {
    ofClasses: true,
    of: (output, units) =>
      output === "sigmoid" ? binaryOfProbabilities : units === 1 ? binaryOfLogits : ofLogits,
    kind: (output, units) =>
      output === "sigmoid" || units === 1 ? "binary_cross_entropy" : "cross_entropy",
  },
  hinge: { ofClasses: true, of: () => hinge, kind: () => "hinge" },
  huber: { ofClasses: false, of: () => huber, kind: () => "huber" },
};

/** 1 / (1 + exp(-x)). */
export function logistic(x) {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

function positive(x) {
  return Number.isNaN(x) ? NaN : x > 0 ? x : 0;
}

function logSumExp(o, from, units) {
  let most = o[from];
  for (let k = from + 1; k < from + units; k++) if (o[k] > most) most = o[k];
  let sum = 0;
  for (let k = from; k < from + units; k++) sum += Math.exp(o[k] - most);
  return most + Math.log(sum);
}

function meanOf(count, term) {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += term(i);
  return sum / count;
}

function each(count, put) {
  for (let i = 0; i < count; i++) put(i);
}
