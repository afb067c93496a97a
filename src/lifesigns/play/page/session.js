// What the page asks for: one or two trainings in step. It runs in a worker.

import { applied, findings } from "../engine/findings.js";
import { CSV_NAME, labDesign } from "../engine/lab_design.js";
import { described, validated } from "../engine/setting.js";
import { torchScript } from "../engine/torch_script.js";
import { known } from "./known.js";
import { measured } from "./measured.js";
import { neuronPair } from "./probe.js";
import { Side } from "./side.js";
import { told, toldErrors, toldLeft } from "./texts.js";
import { Viewer } from "./viewer.js";

const NOTES = 4; // losses that are noted in one advance
const JUDGED = 200; // milliseconds between two judgements while it runs

/** Trainings of one or two settings. */
export class Session {
  constructor() {
    this.sides = [];
    this.reached = 0;
    this.found = [];
    this.judged = 0;
  }

  /** Begins anew with these settings; says what is wrong with them, or what was made. */
  configure({ settings, wants }) {
    const checked = settings.map(validated);
    const errors = checked.flatMap((each, side) => each.errors.map((error) => ({ ...error, side })));
    if (errors.length) return { errors: toldErrors(errors) };
    this.sides = checked.map(({ setting }) => new Side(setting));
    this.viewer = new Viewer(this.sides);
    this.reached = 0;
    this.notes = [];
    this.note();
    return { errors, made: this.sides.map((side) => side.describe()), frame: this.frame(wants) };
  }

  get step() {
    return Math.max(...this.sides.map(({ training }) => training.stepsMade), 0);
  }

  /** Whether no network can go on. */
  get isOver() {
    return this.sides.every(({ training }) => training.broken || training.stepsMade >= training.setting.steps);
  }

  /** So many steps, or fewer when the time (in milliseconds) is over. */
  advance({ steps, budget = Infinity, wants }) {
    const end = performance.now() + budget;
    const every = Math.max(1, Math.ceil(steps / NOTES));
    for (let i = 1; i <= steps && !this.isOver; i++) {
      for (const { training } of this.sides) {
        if (!training.broken && training.stepsMade < training.setting.steps) training.step();
      }
      this.viewer.grow();
      if (i % every === 0) this.note();
      if (performance.now() > end) break;
    }
    this.note();
    this.reached = Math.max(this.reached, this.step);
    return { frame: this.frame(wants, budget < Infinity) };
  }

  /** Back to a step, or forward again to one that was reached before. */
  rewind({ step, wants }) {
    for (const { training } of this.sides) {
      if (step <= training.stepsMade) training.back(step);
      else training.steps(Math.min(step, this.reached) - training.stepsMade);
    }
    this.viewer.forget();
    this.note();
    return { frame: this.frame(wants), isBack: true };
  }

  /** The present state once more, with what another view wants. */
  look({ wants }) {
    return { frame: this.frame(wants) };
  }

  /** What the page has to know before it draws anything. */
  known() {
    return known();
  }

  /** A setting whose data were changed, with a loss and an output that go with them. */
  suited({ setting, before }) {
    const [now, then] = [setting, before].map(described);
    if (now.errors.length || (now.classes > 0) === (then.classes > 0)) return setting;
    return { ...setting, loss: now.classes ? "cross-entropy" : "squared-error", network: { ...setting.network, output: "linear" } };
  }

  /** The setting of a network with a remedy. */
  mended({ side, remedy }) {
    return applied(this.sides[side].training.setting, remedy);
  }

  /** One neuron under two losses, see probe.js. */
  neuronPair(about) {
    return neuronPair(about);
  }

  /** Numbers of a lesson by their names, see measures.js. */
  measure({ numbers }) {
    return { values: measured(numbers, this.sides), found: this.judge().map(({ rule, side }) => ({ rule, side })) };
  }

  /** Each network as a script for PyTorch and as a design for the lab. */
  exported() {
    return { sides: this.sides.map(({ training }) => {
      const steps = training.stepsMade || training.setting.steps;
      const { toml, csv, left } = labDesign(training.setting);
      return { script: torchScript(training, steps), toml, csv, csvName: CSV_NAME, left: toldLeft(left), steps, loss: training.loss("train") };
    }) };
  }

  note() {
    const { step } = this;
    if (this.notes.length && this.notes.at(-1).step === step) return;
    const known = this.sides.map((side) => side.losses());
    this.notes.push({ step, losses: known.map(({ train }) => train), tests: known.map(({ test }) => test) });
  }

  /** The findings of all networks, each with a name of its own. */
  judge() {
    this.judged = performance.now();
    const found = this.sides.flatMap(({ training }, side) => findings(training).map((finding) => told(finding, side)));
    const isSame = JSON.stringify(found) === JSON.stringify(this.found);
    return (this.found = isSame ? this.found : found);
  }

  frame(wants = {}, isHurried = false) {
    const isDue = !isHurried || this.isOver || performance.now() - this.judged > JUDGED;
    return {
      step: this.step,
      reached: this.reached,
      isOver: this.isOver,
      notes: this.notes.splice(0),
      sides: this.sides.map((side) => side.look()),
      findings: isDue ? this.judge() : null,
      views: this.viewer.views(wants, isHurried && !this.isOver),
    };
  }
}
