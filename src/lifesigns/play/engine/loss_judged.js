// Findings about the loss: what it is made of, and where the steps take it.

import { RULES, THRESHOLDS } from "./table.js";
import { clipGradient, dropSoftmax, lowerRate, smallerStart, standardise } from "./remedies.js";
import { unsquash, warmUp } from "./remedies.js";
import { highest, mean, median, sum } from "./statistics.js";
import { fadedGradient } from "./suspects.js";

const T = THRESHOLDS;

function doubledSoftmax(run) {
  if (run.setting.network.output !== "softmax" || run.kind !== "cross_entropy") return null;
  const lowest = Math.log1p((run.units - 1) * Math.exp(-1));
  return {
    severity: "warning",
    proved: true,
    layer: run.described.length - 1,
    step: run.first.step,
    data: { classes: run.units, lowest },
    remedies: [dropSoftmax()],
  };
}

function squaredErrorOnSaturatedOutput(run) {
  if (run.kind !== "squared_error" || run.setting.network.output !== "sigmoid") return null;
  const k = run.described.length - 1;
  const flat = (shots) =>
    shots.reduce((total, shot) => total + sum(shot.layers[k].saturated), 0) /
    shots.reduce((total, shot) => total + shot.size * run.units, 0);
  const { course } = run;
  const share = flat(run.latest);
  const stuck = course.stalled || (course.worseThanConstant && !course.diverged);
  if (!(stuck && share > T.SATURATED)) return null;
  const factor = median(run.latest.map((shot) => shot.layers[k].factor).filter(Number.isFinite));
  return {
    severity: "warning",
    layer: k,
    step: run.since((shot) => flat([shot]) > T.SATURATED),
    data: { share, factor, times: factor > 0 ? 1 / (2 * factor) : Infinity, samples: run.samples },
    remedies: [unsquash(run), smallerStart(run)],
  };
}

function rateTooHigh(run) {
  const { jump, window, lost } = RULES["rate-too-high"].thresholds;
  const { course } = run;
  if (!(run.largestUpdate > T.LARGE_UPDATE && course.jumps(jump, window))) return null;
  if (run.isRaw || run.hasLargeWeights || run.hasRawTargets) return null;
  if (run.reach(run.first) < T.FADED_GRADIENT && fadedGradient(run)) return null;
  const severity = course.harm === "note" && course.gain < lost ? "warning" : course.harm;
  return {
    severity,
    layer: null,
    step: run.first.step,
    data: {
      update: run.largestUpdate,
      highest: highest(course.curve),
      rate: run.setting.optimizer.rate,
    },
    remedies: [lowerRate(run), ...(run.setting.optimizer.schedule === "warm-up" ? [] : [warmUp()])],
  };
}

function lossDiverges(run) {
  const { steps } = RULES["loss-diverges"].thresholds;
  const { course, losses } = run;
  const factor = Number.isFinite(course.baseline)
    ? T.ROSE
    : RULES["loss-diverges"].thresholds.unknown_factor;
  const overflowed = !course.endsFinite || run.broken !== null;
  if (!overflowed && !(course.steps >= steps && course.rose(factor))) return null;
  return {
    severity: "error",
    proved: overflowed,
    layer: null,
    step: overflowed ? losses.length - 1 : onset(losses, factor),
    data: {
      start: losses[0],
      end: course.steps ? mean(course.tail(0)) : NaN,
      highest: highest(course.curve),
      broken: overflowed ? 1 : 0,
    },
    remedies: [
      ...(run.isRaw && !run.setting.data.standardise ? [standardise()] : []),
      lowerRate(run),
      ...(run.setting.optimizer.clip ? [] : [clipGradient()]),
    ],
  };
}

/** The step from which the loss stayed above `factor` times its first value. */
function onset(losses, factor) {
  const limit = losses[0] + (factor - 1) * Math.abs(losses[0]);
  return Math.min(losses.findLastIndex((loss) => loss <= limit) + 1, losses.length - 1);
}

export const OF_LOSS = [
  ["doubled-softmax", doubledSoftmax],
  ["squared-error-on-saturated-output", squaredErrorOnSaturatedOutput],
  ["rate-too-high", rateTooHigh],
  ["loss-diverges", lossDiverges],
];
