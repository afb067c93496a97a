// A run as the findings see it: what was recorded, the course of the loss, and scales.

import { THRESHOLDS } from "./table.js";
import { Course, constantLoss } from "./course.js";
import { deviation, highest, mean, median } from "./statistics.js";

const T = THRESHOLDS;

const RECENT = 0.25; // share of the recorded steps that speak for how the run ended

/** What findings ask of a training, each question computed once. */
export class Run {
  constructor(training) {
    const { shots, losses } = training.evidence();
    this.setting = training.setting;
    this.described = training.layers;
    this.kind = training.kind;
    this.units = training.units;
    this.classes = training.classes;
    this.broken = training.broken;
    this.targets = training.targets.train;
    this.shots = shots;
    this.losses = losses;
    this.first = shots[0];
    this.last = shots[shots.length - 1];
    this.latest = shots.slice(-Math.max(1, Math.round(shots.length * RECENT)));
    this.samples = this.latest.reduce((total, shot) => total + shot.size, 0);
    const known = shots
      .slice(shots.length >> 1)
      .filter((shot) => Number.isFinite(shot.output.correlation));
    const { spread, wanted } = this.last.output;
    const target = this.kind === "cross_entropy" ? 0.5 : wanted;
    const levels = shots.map((shot) => shot.level);
    this.course = new Course(losses, {
      kind: this.kind,
      baseline: constantLoss(this.kind, training.targets.train, this.units),
      baselineError: levels.length > 1 ? deviation(levels) / Math.sqrt(levels.length) : 0,
      correlation: known.length ? mean(known.map((shot) => shot.output.correlation)) : NaN,
      observations: known.reduce((total, shot) => total + shot.size, 0),
      outputSpread: target > 0 ? spread / target : NaN,
    });
  }

  /** The hidden layers, with their numbers. */
  get hidden() {
    return this.described.slice(0, -1).map((layer, k) => ({ layer, k }));
  }

  /** The first recorded step from which `holds` was true to the end. */
  since(holds) {
    let step = this.last.step;
    for (const shot of this.shots.slice().reverse()) {
      if (!holds(shot)) break;
      step = shot.step;
    }
    return step;
  }

  /** For each unit of a layer a sum over recorded steps. */
  counted(k, what, shots = this.latest) {
    const total = new Float64Array(this.described[k].units);
    for (const shot of shots) shot.layers[k][what].forEach((count, unit) => (total[unit] += count));
    return total;
  }

  /** Whether in each of these steps all inputs gave the layer the same, though not 0 throughout. */
  isGivenOneValue(k, shots = this.latest) {
    const several = shots.filter(
      (shot) => shot.size > 1 && shot.layers[k].active.some((count) => count > 0),
    );
    return (
      several.length > 0 &&
      several.every((shot) => {
        const { least, most, squares } = shot.layers[k].values;
        return (
          highest(most.map((value, i) => value - least[i])) <=
          T.ONE_VALUE * Math.sqrt(mean(squares))
        );
      })
    );
  }

  /** RMS of the largest feature, median over the recorded inputs. */
  get inputRms() {
    return median(this.shots.map((shot) => Math.sqrt(highest(shot.input.squares))));
  }

  get isRaw() {
    return this.inputRms > T.RAW_INPUT;
  }

  /** Largest weight RMS times √fan-in at the start. */
  get weightScale() {
    return highest(
      this.first.layers.map((each, k) => each.weightRms * Math.sqrt(this.described[k].inputs)),
    );
  }

  get hasLargeWeights() {
    return this.weightScale > T.LARGE_WEIGHTS;
  }

  /** Of each recorded step the median over weights of update over weight. */
  get updateRatios() {
    return this.shots.map((shot) =>
      median(shot.layers.map((each) => each.updateRms / each.weightRms).filter(Number.isFinite)),
    );
  }

  /** NaN where no weight has a size to compare with. */
  get largestUpdate() {
    const known = this.updateRatios.filter(Number.isFinite);
    return known.length ? highest(known) : NaN;
  }

  /** The sum of update over weight over the run, interpolated between recorded steps; NaN if unknown. */
  get travel() {
    const ratios = this.updateRatios;
    const known = this.shots
      .map(({ step }, i) => ({ step, ratio: ratios[i] }))
      .filter(({ ratio }) => Number.isFinite(ratio));
    if (!known.length) return NaN;
    let way = known[0].step * known[0].ratio;
    for (const [i, { step, ratio }] of known.entries()) {
      const next = known[i + 1] ?? { step: this.losses.length, ratio };
      const steps = next.step - step;
      way += steps * ratio + ((next.ratio - ratio) * (steps - 1)) / 2;
    }
    return way;
  }

  /** First layer's gradient over the last one's; NaN for fewer than three layers. */
  reach(shot) {
    const sizes = shot.layers.map((each) => each.gradientRms);
    const last = sizes[sizes.length - 1];
    return sizes.length >= T.LAYERS && last > 0 ? sizes[0] / last : NaN;
  }

  /** The least and the greatest target. */
  get targetRange() {
    return { least: -highest(this.targets.map((y) => -y)), most: highest(this.targets) };
  }

  /** Targets of another order of magnitude than the outputs. */
  get hasRawTargets() {
    const { rms, targetRms } = this.last.output;
    return (
      ["squared_error", "huber"].includes(this.kind) && targetRms / Math.max(rms, 1) > T.RAW_TARGET
    );
  }
}
