// Findings about scales: of the input, of the weights at the start, of the signal, of the output.

import { ACTIVATIONS, RULES, THRESHOLDS } from "./table.js";
import { dropSoftmax, fitting, lowerRate, raiseRate, standardise, startAnew } from "./remedies.js";
import { swap, unsquash } from "./remedies.js";
import { entering, fade, faded, growth, largest, mismatches } from "./signal.js";
import { highest, median } from "./statistics.js";
import { evident, fadedGradient, noGradient, rateTooHigh, rateTooLow } from "./suspects.js";
import { saturatedLayer, silentLayer, unscaledInput, unscaledTarget } from "./suspects.js";

const T = THRESHOLDS;
const OF_LARGE = [saturatedLayer, silentLayer, noGradient, rateTooHigh, rateTooLow];
const OF_SMALL = [fadedGradient, rateTooLow, noGradient];

const hiddenNumbers = (run) => run.hidden.map(({ k }) => k);
const scaled = (run) => (run.setting.data.standardise ? [lowerRate(run)] : [standardise()]);

function unscaled(run) {
  if (!unscaledInput(run)) return null;
  const effects =
    evident(run, run.isRaw ? OF_LARGE : OF_SMALL) || (run.isRaw && !run.course.endsFinite);
  return {
    severity: effects ? run.course.harm : "note",
    layer: null,
    step: run.first.step,
    data: { rms: run.inputRms },
    remedies: scaled(run),
  };
}

/** Features with one value in all recorded samples; the input tells nothing if all are. */
function constantFeatures(run) {
  const features = run.first.input.least.length;
  const least = (j) => Math.min(...run.shots.map((shot) => shot.input.least[j]));
  const most = (j) => Math.max(...run.shots.map((shot) => shot.input.most[j]));
  const samples = run.shots.reduce((total, shot) => total + shot.size, 0);
  const constant = Array.from({ length: features }, (_, j) => j).filter(
    (j) => least(j) === most(j),
  );
  if (!constant.length || samples < 2) return null;
  return {
    severity: constant.length === features ? "error" : "note",
    layer: null,
    step: run.first.step,
    data: { constant: constant.length, features, samples },
    remedies: [],
  };
}

function gainMismatch(run) {
  const { factor } = RULES["gain-mismatch"].thresholds;
  const { first } = run;
  const known = mismatches(run);
  const large = known.filter((each) => each.ratio > factor);
  const small = known.filter((each) => each.ratio < 1 / factor);
  const grows =
    large.length && growth(first) > T.LARGE_SIGNAL && largest(first).rms > T.LARGE_SIGNAL;
  const off = grows ? large : small.length && fade(first) < T.FADED_SIGNAL ? small : [];
  if (!off.length) return null;
  const [{ k, follower, ratio, right }] = off;
  return {
    severity: run.course.harmed ? "warning" : "note",
    proved: true,
    layer: k,
    step: first.step,
    data: {
      gain: ratio * right,
      right,
      follower,
      layers: off.length,
      grows: grows ? 1 : 0,
      over: grows ? "" : "1/",
      change: grows ? growth(first) : 1 / fade(first),
    },
    remedies: [startAnew(run)],
  };
}

function signalFades(run) {
  const { first, latest } = run;
  const ratio = fade(first);
  if (!(ratio < T.FADING_SIGNAL)) return null;
  const stayed = fade(latest[latest.length - 1]) < T.FADING_SIGNAL;
  const slopes = run.hidden
    .map(({ layer }) => ACTIVATIONS[layer.name]?.steepest)
    .filter((slope) => slope);
  const squashed = slopes.length > 0 && median(slopes) < T.SQUASHING;
  const { layer, first: before, last } = faded(first);
  return {
    severity: run.course.harmed && stayed && ratio < T.FADED_SIGNAL ? "warning" : "note",
    layer,
    step: first.step,
    data: { times: 1 / ratio, before, last, layers: layer + 1 },
    remedies: squashed ? [swap(run, hiddenNumbers(run), "relu", "he_normal")] : [startAnew(run)],
  };
}

function signalBlowsUp(run) {
  const { first } = run;
  const { scale, loss: excess } = RULES["signal-blows-up"].thresholds;
  const chance =
    { cross_entropy: Math.log(Math.max(run.units, 2)), binary_cross_entropy: Math.LN2 }[run.kind] ??
    NaN;
  const starts =
    entering(first) > T.RAW_INPUT || growth(first) > T.LARGE_SIGNAL || first.loss / chance > excess;
  const { layer, rms } = largest(first);
  if (!(starts && rms > scale)) return null;
  return {
    severity: run.course.harmed ? "warning" : "note",
    layer,
    step: first.step,
    data: { rms, growth: growth(first), entering: entering(first) },
    remedies: [
      ...(unscaledInput(run) && !run.setting.data.standardise ? [standardise()] : []),
      startAnew(run),
    ],
  };
}

function stackedSquashing(run) {
  const { product: least } = RULES["stacked-squashing"].thresholds;
  const row = run.hidden.filter(({ layer }) => ACTIVATIONS[layer.name]?.squashes);
  const product = median(
    run.latest
      .map((shot) => row.reduce((total, { k }) => total * shot.layers[k].factor, 1))
      .filter(Number.isFinite),
  );
  if (!(row.length >= T.LAYERS && product < least)) return null;
  const reached = median(run.latest.map((shot) => run.reach(shot)).filter(Number.isFinite));
  return {
    severity: run.course.stalled && reached < T.FADED_GRADIENT ? "warning" : "note",
    layer: row[0].k,
    step: run.first.step,
    data: { layers: row.length, product, each: product ** (1 / row.length), reached },
    remedies: [
      swap(
        run,
        row.map(({ k }) => k),
        "relu",
        "he_normal",
      ),
    ],
  };
}

/** Targets beyond the range of the output; or a sum of 1 where margins of -1 and 1 are asked for. */
function outputCannotReachTarget(run) {
  const { name } = run.described[run.described.length - 1];
  if (name === "identity") return null;
  const facts = name === "softmax" ? { low: 0, high: 1 } : ACTIVATIONS[name];
  const { least, most } = run.targetRange;
  const off = Math.max((facts.low ?? -Infinity) - least, most - (facts.high ?? Infinity));
  const { share } = RULES["output-cannot-reach-target"].thresholds;
  const beyond = ["squared_error", "huber"].includes(run.kind) && off > share * (most - least);
  if (!beyond && !(run.kind === "hinge" && name === "softmax")) return null;
  const { gain, steps } = run.course;
  return {
    severity:
      gain > T.HALF ? "note" : steps < T.ENOUGH_STEPS || gain > T.POOR ? "warning" : "error",
    proved: true,
    layer: run.described.length - 1,
    step: run.first.step,
    data: { low: facts.low, high: facts.high, least: beyond ? least : -1, most: beyond ? most : 1 },
    remedies: [name === "softmax" ? dropSoftmax() : unsquash({ classes: 0 })],
  };
}

function rateTooLowFound(run) {
  const { course, travel } = run;
  const { crawl, creeping_way: creeping, start } = RULES["rate-too-low"].thresholds;
  if (course.steps < T.JUDGED || !(run.largestUpdate > 0)) return null;
  const patient = course.steps >= T.PATIENCE && travel < creeping;
  const bends = run.hidden.some(({ layer }) => !ACTIVATIONS[layer.name]?.linear);
  if (!(travel < T.LITTLE_TRAVEL || (patient && course.creeps && bends))) return null;
  const others = [
    unscaledInput,
    unscaledTarget,
    silentLayer,
    saturatedLayer,
    fadedGradient,
    noGradient,
  ];
  if (
    run.isRaw ||
    evident(run, others) ||
    improvesEnough(course, travel < crawl ? start : T.NOTHING)
  )
    return null;
  const still = course.steps >= T.PATIENCE || travel < crawl;
  return {
    severity: still && course.steps >= T.ENOUGH_STEPS ? "warning" : "note",
    layer: null,
    step: run.first.step,
    data: { way: travel, update: run.largestUpdate, steps: course.steps },
    remedies: [raiseRate(run)],
  };
}

function improvesEnough(course, least) {
  if (!Number.isFinite(course.gain)) return course.end < (1 - T.NOTHING) * course.start;
  const related = course.correlates();
  return (
    course.gain > (related ? T.NOTHING : least) &&
    (related || !(course.gain < T.SURE * course.gainError))
  );
}

function lossFlat(run) {
  const { course } = run;
  if (!(course.learnedNothing || course.hardlyLearned)) return null;
  const suspects = [
    unscaledInput,
    unscaledTarget,
    rateTooHigh,
    silentLayer,
    saturatedLayer,
    fadedGradient,
    noGradient,
    rateTooLow,
  ];
  return {
    severity: course.learnedNothing ? harmOfFlat(course, evident(run, suspects)) : "warning",
    layer: null,
    step: 0,
    data: { steps: course.steps, end: course.end, baseline: course.baseline, fit: fitting(run) },
    remedies: rateTooLow(run) ? [raiseRate(run)] : rateTooHigh(run) ? [lowerRate(run)] : [],
  };
}

/** Short runs alarm only with a cause in evidence: a healthy network may need that long. */
function harmOfFlat(course, found) {
  const patient = course.steps >= T.PATIENCE;
  const related = !(course.gain < -T.LEARNED) && course.correlates(T.HARDLY_RELATED);
  if (!patient && (course.falling || !found)) return "note";
  if (related && (T.SURE * course.gainError > T.BLURRED || !found)) return "note";
  return course.falling || course.gain > T.NOTHING || course.steps < T.SURE_STEPS
    ? "warning"
    : "error";
}

export const OF_SCALE = [
  ["unscaled-input", unscaled],
  ["gain-mismatch", gainMismatch],
  ["signal-fades", signalFades],
  ["signal-blows-up", signalBlowsUp],
  ["stacked-squashing", stackedSquashing],
  ["output-cannot-reach-target", outputCannotReachTarget],
  ["rate-too-low", rateTooLowFound],
  ["loss-flat", lossFlat],
  ["constant-features", constantFeatures],
];
