// Winding back: states kept along the way, and the steps after one of them made again. A step
// depends on nothing but the state and its number, so what is made again is the same to the bit.

import { MEMORY } from "./optimizers.js";

const MOST = 64; // states; when there are more, every other one goes

/** Keeps states of a training. */
export class Keeper {
  constructor(training) {
    this.training = training;
    this.every = 16;
    this.states = new Map();
    this.chosen = new Map();
  }

  /** Called before a step: keeps the state if it is its turn. */
  before() {
    const step = this.training.stepsMade;
    if (step % this.every || this.states.has(step)) return;
    if (this.states.size >= MOST) this.thin();
    if (step % this.every === 0) this.states.set(step, this.copy());
  }

  thin() {
    this.every *= 2;
    for (const step of [...this.states.keys()]) if (step % this.every) this.states.delete(step);
  }

  keep() {
    const step = this.training.stepsMade;
    this.chosen.set(step, this.copy());
    if (this.chosen.size > MOST) this.chosen.delete(this.chosen.keys().next().value);
    return step;
  }

  copy() {
    const { parameters, memory } = this.training;
    const used = memory.slice(0, MEMORY[this.training.setting.optimizer.name]);
    return [parameters, ...used].map((each) => each.slice());
  }

  back(step) {
    const { training } = this;
    const target = Math.max(0, Math.min(Math.floor(step), training.stepsMade));
    const known = [...this.chosen.keys(), ...this.states.keys()].filter((each) => each <= target);
    const from = Math.max(...known, -1);
    if (from < 0) return;
    const [parameters, ...memory] = this.chosen.get(from) ?? this.states.get(from);
    training.parameters.set(parameters);
    memory.forEach((each, i) => training.memory[i].set(each));
    training.stepsMade = from;
    training.broken = null;
    training.recorder.forget(from);
    for (const kept of [this.states, this.chosen]) {
      for (const each of [...kept.keys()]) if (each > target) kept.delete(each);
    }
    training.steps(target - from);
  }
}
