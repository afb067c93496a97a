// What a loss that does not fall may be due to, each with its own evidence: the questions of
// lifesigns.evidence.suspects that decide whether a zig-zag is to blame.

import { ACTIVATIONS, THRESHOLDS } from "./table.js";
import { median, sum } from "./statistics.js";

const T = THRESHOLDS;

export const unscaledInput = (run) =>
  run.isRaw || (run.inputRms > 0 && run.inputRms < 1 / T.RAW_INPUT);
export const unscaledTarget = (run) => run.hasRawTargets;
export const largeWeights = (run) => run.hasLargeWeights;

export const silentLayer = (run) =>
  run.hidden.some(({ layer, k }) => {
    const { active } = run.last.layers[k];
    return (
      ACTIVATIONS[layer.name]?.silent === "low" &&
      active.filter((count) => !count).length / active.length > T.SILENT_LAYER
    );
  });

export const saturatedLayer = (run) =>
  run.described.some((layer, k) => {
    const facts = ACTIVATIONS[layer.name];
    const share = sum(run.last.layers[k].saturated) / (run.last.size * layer.units);
    return facts?.saturates && !facts.silent && share > T.SATURATED;
  });

export const fadedGradient = (run) =>
  median(run.shots.map((shot) => run.reach(shot)).filter(Number.isFinite)) < T.FADED_GRADIENT;

export const noGradient = (run) => run.last.layers.every((layer) => layer.zero);

/** Large updates, or a spike at the beginning; calm losses clear large updates of suspicion. */
export function rateTooHigh(run) {
  const calm =
    (run.course.rests || run.course.isStraight) && !silentLayer(run) && !saturatedLayer(run);
  return (!calm && run.largestUpdate > T.LARGE_UPDATE) || run.course.earlyPeak > 0;
}

/** Tiny updates, a short way, or a steady fall that is far from done. */
export function rateTooLow(run) {
  const { course } = run;
  if (run.setting.optimizer.rate === 0) return false;
  if (run.largestUpdate < T.SMALL_UPDATE) return true;
  if (course.steps >= T.PATIENCE && run.travel < T.LITTLE_TRAVEL) return true;
  return course.isStraight || (course.fall > T.STEADILY && course.gain < T.FAR);
}

/** Whether any of these is in evidence. */
export const evident = (run, asked) => asked.some((ask) => ask(run));

/** Whether any of them explains a stalled loss better than a zig-zag does. */
export const graver = (run) =>
  evident(run, [
    unscaledInput,
    unscaledTarget,
    largeWeights,
    rateTooHigh,
    silentLayer,
    saturatedLayer,
    fadedGradient,
    noGradient,
    rateTooLow,
  ]);
