// What a loss did over a run: whether it learned. The questions of lifesigns.evidence.course that
// the findings of the page ask, with the thresholds of the rules.

import { THRESHOLDS } from "./table.js";
import { differences, highest, mean, median, slopeScore, split } from "./statistics.js";
import { standardError } from "./statistics.js";

const T = THRESHOLDS;

const TAIL = 0.2;
const FEWEST = 5;
const PARTS = 5;
const ENTROPIES = new Set(["cross_entropy", "binary_cross_entropy"]);

/** A loss over the run, and what it is compared with. */
export class Course {
  /**
   * @param {Float64Array} losses of every step, the last perhaps not finite
   * @param {object} known the loss's `kind`; `baseline`, what the best constant prediction reaches,
   *   and `baselineError`, its standard error over recorded batches; `correlation` of output and
   *   target over the later half of what was recorded, and the `observations` behind it;
   *   `outputSpread`, of the outputs over that of the targets
   */
  constructor(losses, known) {
    Object.assign(this, known);
    const { baseline, baselineError } = known;
    this.curve = losses.filter(Number.isFinite);
    this.endsFinite = !losses.length || Number.isFinite(losses[losses.length - 1]);
    this.correlationError = 1 / Math.sqrt(Math.max(known.observations, 1));
    this.steps = this.curve.length;
    this.start = this.steps
      ? median(this.curve.subarray(0, Math.max(3, Math.floor(this.steps / 20))))
      : NaN;
    this.end = this.steps ? mean(this.tail()) : NaN;
    this.endError = this.steps ? standardError(this.tail()) : NaN;
    this.fall = slopeScore(this.tail(2 * TAIL));
    this.gain = baseline > 0 ? 1 - this.end / baseline : NaN;
    this.gainError = baseline > 0 ? Math.hypot(this.endError, baselineError) / baseline : NaN;
  }

  tail(share = TAIL) {
    return this.curve.subarray(-Math.max(FEWEST, Math.round(this.steps * share)));
  }

  get judged() {
    return this.steps >= T.JUDGED;
  }

  /** Clearly better than the best constant prediction. */
  get learned() {
    if (!this.judged || !this.endsFinite) return false;
    if (!Number.isFinite(this.gain))
      return this.start - this.end > 2 * T.LEARNED * Math.abs(this.start);
    return this.gain > T.LEARNED && (this.correlates() || !(this.gain < T.SURE * this.gainError));
  }

  /** The end of the run still falls, beyond its noise. */
  get falling() {
    return this.judged && this.endsFinite && this.fall > T.FALLING;
  }

  get diverged() {
    return !this.endsFinite || (this.judged && this.rose(T.ROSE));
  }

  get worseThanConstant() {
    return this.judged && this.gain < -T.LEARNED;
  }

  /** Nothing was learned, and the loss is on its way neither down nor up. */
  get stalled() {
    const moves = this.falling && !(Math.abs(this.gain) < T.RESOLVED);
    return this.judged && !(moves || this.learned || this.diverged);
  }

  get early() {
    return this.curve.subarray(0, Math.max(FEWEST, Math.floor(this.steps / 5)));
  }

  /** Ends at more than `factor` times its start, beyond its noise and above the baseline. */
  rose(factor) {
    const growth = this.start
      ? 1 + (this.end - this.start) / Math.abs(this.start)
      : (this.end - this.start) * Infinity;
    const noise = this.early.length > 1 ? median(differences(this.early).map(Math.abs)) : 0;
    return (
      growth > factor && this.end - this.start > T.NOISE * noise && !(this.end < this.baseline)
    );
  }

  correlates(least = 0) {
    return this.correlation > Math.max(least, T.CORRELATED_ERRORS * this.correlationError);
  }

  /** No better than a constant prediction beyond doubt, and not about to be. */
  get learnedNothing() {
    const asked = this.steps >= T.ENOUGH_STEPS && this.endsFinite && Number.isFinite(this.gain);
    if (!asked || this.rose(T.ROSE) || this.learned) return false;
    const unfit = this.gain < T.RESOLVED || this.gain < T.SURE * this.gainError;
    return unfit && !this.isOnItsWay && !this.ranksWell;
  }

  /** After a patient wait hardly better than a constant prediction, and not about to be. */
  get hardlyLearned() {
    if (this.steps < T.PATIENCE || !this.endsFinite) return false;
    return !(
      this.learned ||
      this.rose(T.ROSE) ||
      this.arrives ||
      this.settled ||
      this.correlates(T.RELATED)
    );
  }

  get arrives() {
    return this.falling && this.stepsLeft / this.steps < T.LONG;
  }

  get isOnItsWay() {
    return -this.gain < T.NEAR && this.arrives && !(this.outputSpread < T.ALIVE);
  }

  /** A few confident errors lift a cross-entropy above chance while most answers are right. */
  get ranksWell() {
    const fell = this.start - this.end > T.LEARNED * Math.abs(this.start);
    return ENTROPIES.has(this.kind) && this.gain < -T.LEARNED && fell && this.correlates(T.RELATED);
  }

  /** Fell by much in the first tenth of the run and has been level since. */
  get settled() {
    const tenth = Math.floor(this.steps / 10);
    if (ENTROPIES.has(this.kind) || this.gain < T.RESOLVED || !tenth) return false;
    const { curve } = this;
    const fall = curve[0] - mean(curve.subarray(-2 * tenth));
    if (!(fall > T.NOISE * median(differences(curve.subarray(tenth)).map(Math.abs)))) return false;
    const much = !curve[0] || fall / Math.abs(curve[0]) > T.MUCH;
    return much && (curve[0] - mean(curve.subarray(tenth, 2 * tenth))) / fall > T.SETTLED;
  }

  /** Falls without a break, and is still no better than a constant prediction. */
  get creeps() {
    return this.fall > T.STEADY && this.gain < T.NOTHING && !(this.correlation > T.RANKS);
  }

  /** Nothing was learned and nothing is on its way: a possible cause may alarm. */
  get harmed() {
    if (this.learned || !this.judged) return !this.endsFinite;
    const worse = this.worseThanConstant && !this.correlates(T.RELATED);
    return this.stalled || this.diverged || this.outputSpread < T.ALIKE || worse;
  }

  /** How grave it is, where a fault is certain, that the fit stays weak. */
  get harm() {
    if (!this.endsFinite) return "error";
    if (this.steps < T.ENOUGH_STEPS || this.correlation > T.RANKS) return "note";
    if (!Number.isFinite(this.gain)) return this.harmed ? "warning" : "note";
    if (this.gain > T.WEAK) return "note";
    return this.steps >= T.SURE_STEPS && this.gain < T.NOTHING ? "error" : "warning";
  }

  /** Running medians rose clearly above the start and above a constant prediction. */
  jumps(factor, width) {
    if (this.steps < 2 * width) return false;
    const start = Math.max(Math.abs(this.curve[0]), this.baseline > 0 ? this.baseline : 0);
    if (!(start > 0)) return false;
    for (let i = 0; i + width <= this.steps; i++) {
      if (median(this.curve.subarray(i, i + width)) > factor * start) return true;
    }
    return false;
  }

  /** The highest loss of the first fifth, if it is a spike; else 0. */
  get earlyPeak() {
    const early = this.curve.subarray(0, Math.max(5, Math.floor(this.steps / 5)));
    if (!early.length) return 0;
    const first = Math.abs(early[0]);
    const level = this.baseline > 0 ? Math.max(first, this.baseline) : first;
    const peak = highest(early);
    return level > 0 && peak / level > T.SPIKE ? peak : 0;
  }

  get rests() {
    return this.endError < T.RESOLVED * this.baseline && Math.abs(this.gain) < T.RESTING;
  }

  /** Falls as fast as before and has most of its way to go. */
  get isStraight() {
    const left = this.stepsLeft;
    return (
      this.steps < left && left < Infinity && this.fall > T.STEADY && !(this.change < T.SLOWER)
    );
  }

  /** Steps it would take, as it falls now, until it is clearly below a constant prediction. */
  get stepsLeft() {
    const [, middle, last] = split(this.curve, PARTS).slice(-3);
    if (!last.length) return Infinity;
    const level = this.baseline > 0 ? this.baseline : this.start;
    const missing = mean(last) - (level - T.LEARNED * Math.abs(level));
    if (missing <= 0) return 0;
    const pace = mean(middle) - mean(last);
    return Math.max(0, (fallsFor(missing, pace, this.change) - 0.5) * last.length);
  }

  /** The last fall from fifth to fifth over the one before; 1 where noise hides it. */
  get change() {
    const [before, middle, last] = split(this.curve, PARTS).slice(-3);
    const first = mean(before) - mean(middle);
    const second = mean(middle) - mean(last);
    const noise = T.PACED * Math.hypot(errorOf(before), 2 * errorOf(middle), errorOf(last));
    return Math.min(first, second, Math.abs(first - second)) > noise ? second / first : 1;
  }
}

function errorOf(part) {
  if (part.length < 2) return Infinity;
  const steps = differences(part);
  const middle = mean(steps);
  return Math.sqrt(mean(steps.map((each) => (each - middle) ** 2))) / Math.sqrt(2 * part.length);
}

function fallsFor(missing, pace, change) {
  if (pace <= 0) return Infinity;
  if (Math.abs(change - 1) <= 1e-3) return missing / pace;
  const grown = 1 + (missing * (change - 1)) / (pace * change);
  return grown > 0 ? Math.log(grown) / Math.log(change) : Infinity;
}

const entropy = (share) =>
  share > 0 && share < 1 ? -share * Math.log(share) - (1 - share) * Math.log(1 - share) : 0;

const LEVELS = {
  cross_entropy: (columns) => -columns.reduce((total, column) => total + times(mean(column)), 0),
  binary_cross_entropy: (columns) => mean(columns.map((column) => entropy(mean(column)))),
  squared_error: (columns) =>
    mean(columns.map((column) => mean(column.map((y) => (y - mean(column)) ** 2)))),
  hinge: (columns) => mean(columns.map((column) => 2 * Math.min(mean(column), 1 - mean(column)))),
  huber: (columns) => mean(columns.map(leastHuber)),
};

const times = (share) => (share > 0 ? share * Math.log(share) : 0);

function leastHuber(column) {
  let low = column.reduce((a, b) => Math.min(a, b));
  let high = column.reduce((a, b) => Math.max(a, b));
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (mean(column.map((y) => Math.max(-1, Math.min(1, middle - y)))) > 0) high = middle;
    else low = middle;
  }
  return mean(
    column.map((y) => {
      const error = Math.abs((low + high) / 2 - y);
      return error < 1 ? (error * error) / 2 : error - 0.5;
    }),
  );
}

/**
 * The loss of the best constant prediction; NaN where all targets are the same.
 * @param {string} kind of the loss
 * @param {Float64Array} rows targets
 * @param {number} units numbers in a row
 */
export function constantLoss(kind, rows, units) {
  const columns = Array.from({ length: units }, (_, k) => rows.filter((_, i) => i % units === k));
  const vary = columns.some((column) => column.some((y) => y !== column[0]));
  return vary ? LEVELS[kind](columns) : NaN;
}
