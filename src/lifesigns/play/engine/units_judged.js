// Findings about units: copies of one another, silent, saturated.

import { ACTIVATIONS, RULES, THRESHOLDS } from "./table.js";
import { startAnew, leak, lowerRate, standardise, swap } from "./remedies.js";
import { sum } from "./statistics.js";
import { unscaledInput } from "./suspects.js";

const T = THRESHOLDS;

const FIRST = 3; // recorded steps that must agree

const share = (flags) => flags.filter(Boolean).length / flags.length;

/** "error" unless one unit's worth is enough for much of this task, "note" if for all of it. */
function harmOfCopies({ course }, stay) {
  const { left, fitted } = RULES["symmetric-units"].thresholds;
  const rest = course.end / (Number.isFinite(course.baseline) ? course.baseline : course.start);
  if (!course.learned || rest >= left) return "error";
  return stay && 1 - rest < fitted ? "warning" : "note";
}

function symmetricUnits(run) {
  const shots = run.shots.slice(0, FIRST);
  const copies = (shot, k) => shot.layers[k].alikeWeights && shot.layers[k].alikeGradients;
  const alike = run.hidden.filter(
    ({ layer, k }) => layer.rows > 1 && shots.every((shot) => copies(shot, k)),
  );
  if (!alike.length) return null;
  const [{ layer, k }] = alike;
  const zero = run.first.layers[k].weightRms === 0;
  const recorded = run.shots.filter((shot) => copies(shot, k)).length;
  return {
    severity: harmOfCopies(run, recorded === run.shots.length),
    proved: true,
    layer: k,
    step: run.first.step,
    data: {
      units: layer.units,
      layers: alike.length,
      zero: zero ? 1 : 0,
      recorded,
    },
    remedies: [startAnew(run)],
  };
}

const rectifier = (layer) => ACTIVATIONS[layer.name]?.rectifier === true;

/** Which units gave 0 for all that was seen in these steps. */
const silent = (run, k, shots) =>
  Array.from(run.counted(k, "active", shots), (count) => count === 0);

function silentLayers(run, shots, most) {
  return run.hidden
    .filter(({ layer, k }) => rectifier(layer) && !run.isGivenOneValue(k, shots))
    .map(({ k }) => ({ k, dead: silent(run, k, shots) }))
    .map((each) => ({ ...each, share: share(each.dead) }))
    .filter((each) => each.share > most);
}

function deadFromBirth(run) {
  if (run.first.step !== 0) return null;
  const shots = [...new Set([run.first, ...run.latest])];
  const layers = silentLayers(run, shots, T.DEAD_SHARE);
  if (!layers.length) return null;
  const [origin] = layers;
  const sure = shots.reduce((total, shot) => total + shot.size, 0) >= T.SURE_SAMPLES;
  const whole =
    sure &&
    layers.some(
      (each) =>
        each.share === 1 && run.first.layers.slice(0, each.k + 1).every((layer) => layer.zero),
    );
  const severity =
    whole && !run.course.learned ? "error" : sure && run.course.stalled ? "warning" : "note";
  return {
    severity,
    layer: origin.k,
    step: 0,
    data: { ...toldOf(origin, run), layers: layers.length },
    remedies: bornRemedies(run, layers),
  };
}

function deadUnits(run) {
  const { note, nearly } = RULES["dead-units"].thresholds;
  const layers = silentLayers(run, run.latest, note).map((each) => ({
    ...each,
    since: run.since((shot) => staysSilent(shot.layers[each.k], each.dead, nearly)),
  }));
  if (!layers.length) return null;
  const worst = Math.max(...layers.map((each) => each.share));
  const origin = layers.find((each) => each.share > nearly * worst);
  const born = origin.since === run.first.step;
  return {
    severity: harmOfSilence(run, layers),
    layer: origin.k,
    step: origin.since,
    data: { ...toldOf(origin, run), layers: layers.length, born: born ? 1 : 0 },
    remedies: born
      ? bornRemedies(run, layers)
      : [
          ...raw(run),
          lowerRate(run),
          leak(
            run,
            layers.map((each) => each.k),
          ),
        ],
  };
}

const raw = (run) => (unscaledInput(run) && !run.setting.data.standardise ? [standardise()] : []);

const bornRemedies = (run, layers) => [
  ...raw(run),
  startAnew(run, "he_normal"),
  leak(
    run,
    layers.map((each) => each.k),
  ),
];

const toldOf = ({ dead, share: part }, run) => ({
  dead: dead.filter(Boolean).length,
  units: dead.length,
  share: part,
  samples: run.samples,
  steps: run.latest.length,
});

function staysSilent({ active }, dead, nearly) {
  const before = dead.map((is, unit) => is && active[unit] === 0).filter(Boolean).length;
  return before / dead.filter(Boolean).length >= nearly;
}

function harmOfSilence(run, layers) {
  const { course } = run;
  if (run.samples < T.SURE_SAMPLES) return "note";
  if (layers.some((each) => each.share === 1) && !course.learned) return "error";
  const early = layers.some(
    (each) => each.share > T.DEAD_SHARE && !learnedNothingBefore(each.since, course),
  );
  return early && course.stalled ? "warning" : "note";
}

/** Whether its units lived for long, and the fit was no better: they were not in its way. */
function learnedNothingBefore(since, course) {
  const before = course.curve.subarray(T.ENOUGH_STEPS, since);
  const lived = since >= T.SURE_STEPS && course.baseline > 0;
  return lived && sum(before) / before.length > (1 - T.NOTHING) * course.baseline;
}

function saturatedUnits(run) {
  const { units, observations } = RULES["saturated-units"].thresholds;
  const flat = (k, shots) =>
    share(
      Array.from(
        run.counted(k, "saturated", shots),
        (count) => count / total(shots) > observations,
      ),
    );
  const total = (shots) => shots.reduce((sum, shot) => sum + shot.size, 0);
  const layers = run.hidden
    .filter(({ layer }) => ACTIVATIONS[layer.name] && !rectifier(layer))
    .map(({ k }) => ({ k, share: flat(k, run.latest) }))
    .filter((each) => each.share > units);
  if (!layers.length) return null;
  const [origin] = layers;
  const since = run.since((shot) => flat(origin.k, [shot]) > units);
  const { course } = run;
  const harm = course.stalled || (course.worseThanConstant && !course.diverged);
  return {
    severity: harm ? "warning" : "note",
    layer: origin.k,
    step: since,
    data: {
      share: origin.share,
      samples: run.samples,
      steps: run.latest.length,
      layers: layers.length,
      factor: origin.k in run.last.layers ? run.last.layers[origin.k].factor : NaN,
    },
    remedies: saturatedRemedies(run, origin.k, since === run.first.step, layers),
  };
}

function saturatedRemedies(run, k, born, layers) {
  const { input } = RULES["saturated-units"].thresholds;
  const gain = run.first.layers[0].weightRms * Math.sqrt(run.described[0].inputs);
  const fills = k === 0 && run.inputRms > Math.max(input, gain);
  if ((run.isRaw || fills) && !run.setting.data.standardise) return [standardise()];
  if (!born && !run.hasLargeWeights) return [lowerRate(run)];
  return [
    startAnew(run, "glorot_uniform"),
    swap(
      run,
      layers.map((each) => each.k),
      "relu",
      "he_normal",
    ),
  ];
}

export const OF_UNITS = [
  ["symmetric-units", symmetricUnits],
  ["dead-from-birth", deadFromBirth],
  ["dead-units", deadUnits],
  ["saturated-units", saturatedUnits],
];
