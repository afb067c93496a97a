// What the page asks for: one or two trainings in step. It runs in a worker, or in the page itself.

import { validated } from "../engine/setting.js";
import { applied } from "../engine/findings.js";
import { neuron } from "../engine/terms.js";
import { known } from "./known.js";
import { Side } from "./side.js";

const NOTES = 4; // losses that are noted in one advance
const LOOK = 8; // steps between two looks at the clock

/** Trainings of one or two settings. */
export class Session {
  constructor() {
    this.sides = [];
    this.reached = 0;
  }

  /** Begins anew with these settings; says what is wrong with them, or what was made. */
  configure({ settings }) {
    const checked = settings.map(validated);
    const errors = checked.flatMap((each, side) => each.errors.map((error) => ({ ...error, side })));
    if (errors.length) return { errors };
    this.sides = checked.map(({ setting }) => new Side(setting));
    this.reached = 0;
    this.notes = [];
    this.note();
    return { errors, made: this.sides.map((side) => side.describe()), settings: checked.map(({ setting }) => setting), frame: this.frame() };
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
      for (const { training } of this.sides) if (!training.broken && training.stepsMade < training.setting.steps) training.step();
      if (i % every === 0 || i === steps) this.note();
      if (i % LOOK === 0 && performance.now() > end) break;
    }
    this.note();
    this.reached = Math.max(this.reached, this.step);
    return { frame: this.frame(wants) };
  }

  /** Back to a step, or forward again to one that was reached before. */
  rewind({ step, wants }) {
    for (const { training } of this.sides) {
      if (step <= training.stepsMade) training.back(step);
      else training.steps(Math.min(step, this.reached) - training.stepsMade);
    }
    this.note();
    return { frame: this.frame(wants), isBack: true };
  }

  /** What the page has to know before it draws anything. */
  known() {
    return known();
  }

  /** The setting of a network with a remedy. */
  mended({ side, remedy }) {
    return applied(this.sides[side].training.setting, remedy);
  }

  /** Single neurons, see `neuron` in terms.js. */
  neurons({ places }) {
    return places.map(({ at, loss, output }) => neuron(at, loss, output));
  }

  look({ wants }) {
    return { frame: this.frame(wants) };
  }

  note() {
    const { step } = this;
    if (this.notes.length && this.notes.at(-1).step === step) return;
    const of = (set) => this.sides.map(({ training }) => (training.data[set].rows ? training.loss(set) : NaN));
    this.notes.push({ step, losses: of("train"), tests: of("test") });
  }

  frame(wants = {}) {
    const notes = this.notes.splice(0);
    return {
      step: this.step,
      reached: this.reached,
      isOver: this.isOver,
      notes,
      sides: this.sides.map((side) => side.look()),
      findings: [],
    };
  }
}
