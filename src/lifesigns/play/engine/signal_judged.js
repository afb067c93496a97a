// Findings about the way of signal and gradient: fading, collapsed layers, one-sided inputs.

import { ACTIVATIONS, RULES, THRESHOLDS } from "./table.js";
import { fitting, startAnew, swap } from "./remedies.js";
import { fade } from "./signal.js";
import { mean, median } from "./statistics.js";
import { graver } from "./suspects.js";

const T = THRESHOLDS;

function vanishingGradient(run) {
  const { ratio: most } = RULES["vanishing-gradient"].thresholds;
  const falls = (shot) => (run.reach(shot) > 0 ? 1 / run.reach(shot) : 0);
  const recent = run.latest.filter((shot) => falls(shot) > 0);
  const ratio = median(recent.map(falls));
  if (!(ratio > most)) return null;
  const depth = run.described.length;
  const factor = passedOn(recent[recent.length - 1], run);
  const numbers = run.hidden.map(({ k }) => k);
  return {
    severity: run.course.stalled ? "warning" : "note",
    layer: 0,
    step: run.shots.find((shot) => falls(shot) > most).step,
    data: { ratio, layers: depth, each: ratio ** (1 / (depth - 1)), factor },
    remedies:
      factor < T.SQUASHING
        ? [swap(run, numbers, "relu", "he_normal"), swap(run, numbers, "tanh", "glorot_uniform")]
        : [startAnew(run, fitting(run))],
  };
}

/** Geometric mean of the measured derivative factors of the hidden activations. */
function passedOn(shot, run) {
  const factors = run.hidden.map(({ k }) => shot.layers[k].factor).filter((factor) => factor > 0);
  return factors.length ? Math.exp(mean(factors.map(Math.log))) : NaN;
}

const linear = (layer) => ACTIVATIONS[layer.name]?.linear === true;

function linearCollapse(run) {
  const layers = run.described;
  const pairs = run.hidden
    .filter(({ layer }) => linear(layer))
    .map(({ layer, k }) => ({
      k,
      low: layer.rows < Math.min(layer.inputs, layers[k + 1].rows),
      head: k + 1 === layers.length - 1,
    }));
  if (!pairs.length) return null;
  const whole = run.hidden.every(({ layer }) => linear(layer));
  const collapsed = pairs.filter((pair) => !pair.low);
  const several = collapsed.filter((pair) => !pair.head).length > 1;
  const alarming = collapsed.length > 0 && (whole || several) && isPoor(run.course);
  const origin = collapsed[0] ?? pairs[0];
  return {
    severity: alarming ? "warning" : "note",
    proved: true,
    layer: origin.k,
    step: run.first.step,
    data: { pairs: pairs.length, whole: whole ? 1 : 0, maps: layers.length, next: origin.k + 2 },
    remedies: [
      swap(
        run,
        pairs.map((pair) => pair.k),
        "relu",
      ),
    ],
  };
}

/** Nothing learned; or still far from the targets, and no longer getting nearer. */
function isPoor(course) {
  const left = course.end > RULES["linear-collapse"].thresholds.left * course.baseline;
  return course.harmed || (course.judged && left && !course.falling);
}

function oneSidedInputs(run) {
  const { coherence: most, fade: mostFaded } = RULES["one-sided-inputs"].thresholds;
  const found = run.described
    .map((layer, k) => ({
      k,
      coherence: median(run.latest.map((shot) => shot.layers[k].coherence).filter(Number.isFinite)),
    }))
    .filter(
      ({ k, coherence }) =>
        k > 0 &&
        coherence > most &&
        run.latest.every((shot) => shot.layers[k - 1].values.least.every((value) => value > 0)),
    );
  if (!found.length) return null;
  const toBlame = run.course.stalled && !(fade(run.first) < mostFaded) && !graver(run);
  return {
    severity: toBlame ? "warning" : "note",
    layer: found[0].k,
    step: run.latest[0].step,
    data: { coherence: found[0].coherence, layers: found.length, before: found[0].k },
    remedies: [
      swap(
        run,
        found.map(({ k }) => k - 1),
        "tanh",
      ),
    ],
  };
}

export const OF_SIGNAL = [
  ["linear-collapse", linearCollapse],
  ["vanishing-gradient", vanishingGradient],
  ["one-sided-inputs", oneSidedInputs],
];
