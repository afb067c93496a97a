// How the forward signal changes from layer to layer, as lifesigns.evidence.signal asks it.

import { ACTIVATIONS, THRESHOLDS } from "./table.js";
import { highest, mean } from "./statistics.js";

const T = THRESHOLDS;
const NORMAL_RANGE = 4; // of a batch, in standard deviations

/** What each weighted layer receives: its RMS, and its deviation over the inputs. */
const received = (shot) =>
  [shot.input, ...shot.layers.slice(0, -1).map((layer) => layer.values)].map(sizeOf);

function sizeOf({ means, squares, least, most }) {
  const rms = Math.sqrt(mean(squares));
  const deviation = Math.sqrt(
    Math.max(0, mean(squares.map((square, i) => square - means[i] * means[i]))),
  );
  if (deviation > T.RESOLUTION * rms) return { rms, deviation };
  const spans = most.map((value, i) => value - least[i]);
  return { rms, deviation: Math.sqrt(mean(spans.map((span) => span * span))) / NORMAL_RANGE };
}

/** The layers up to the first that receives one value for all inputs. */
function living(known) {
  const end = known.findIndex((each) => !(each.deviation > 0));
  return end < 0 ? known : known.slice(0, end);
}

/** Whether the signal faded from layer to layer until nothing of it was left. */
function isExtinct(known) {
  const alive = living(known);
  if (!(T.LAYERS <= alive.length && alive.length < known.length)) return false;
  const faint = T.FADED_SIGNAL * Math.min(alive[0].deviation, 1);
  return known.slice(alive.length - 1).every((each) => each.deviation < faint);
}

/**
 * Deviation over inputs at the last layer over that at the first, where 1 counts as usual; NaN for
 * fewer than three layers, or where nothing is left of it at once.
 */
export function fade(shot) {
  const known = received(shot);
  const reached = isExtinct(known) ? living(known) : known;
  const [first, last] = [reached[0], reached[reached.length - 1]];
  if (known.length < T.LAYERS || !(first.deviation > 0 && last.deviation > 0)) return NaN;
  return last.deviation / Math.min(first.deviation, 1);
}

/** The number of the last layer that the signal reaches, and the deviation there and at the first. */
export function faded(shot) {
  const known = received(shot);
  const reached = isExtinct(known) ? living(known) : known;
  return {
    layer: reached.length - 1,
    first: reached[0].deviation,
    last: reached[reached.length - 1].deviation,
  };
}

/** Where the signal is largest behind the first layer, and its RMS; the output is the last. */
export function largest(shot) {
  const scales = [
    ...received(shot)
      .slice(1)
      .map((each) => each.rms),
    shot.output.rms,
  ];
  const finite = scales.map((scale) => (Number.isFinite(scale) ? scale : -Infinity));
  const rms = highest(finite);
  return { layer: finite.indexOf(rms), rms };
}

/** Largest RMS inside or at the end over that of the input (at least 1). */
export const growth = (shot) => largest(shot).rms / Math.max(received(shot)[0].rms, 1);

/** RMS of the input as a whole. */
export const entering = (shot) => received(shot)[0].rms;

/** For each layer its weights' gain over the right one for what follows it, if torch names that. */
export function mismatches(run) {
  return run.described.flatMap((layer, k) => {
    const weight = run.first.layers[k];
    const follower = followerOf(run, k);
    const right = follower === "linear" ? 1 : (ACTIVATIONS[follower]?.gain ?? null);
    if (right === null || weight.alikeWeights) return [];
    const ratio = (weight.weightRms * Math.sqrt(layer.inputs)) / right;
    return Number.isFinite(ratio) && ratio > 0 ? [{ k, follower, ratio, right }] : [];
  });
}

function followerOf(run, k) {
  const { name } = run.described[k];
  if (!ACTIVATIONS[name]?.linear) return ACTIVATIONS[name]?.whole ? name : "";
  return k < run.described.length - 1 ? "linear" : "";
}
