// The losses of every step so far, thinned as they grow.

const MOST = 2400; // points that are kept

/** The course of one or two trainings in step; `add` and `cut` change it. */
export class Course {
  constructor(sides) {
    this.every = 1;
    this.steps = [];
    this.losses = Array.from({ length: sides }, () => []);
    this.tests = Array.from({ length: sides }, () => []);
  }

  /** The losses of a step; those between the kept ones are passed over. */
  add(step, losses, tests) {
    if (step % this.every !== 0 || (this.steps.length && step <= this.steps.at(-1))) return;
    this.steps.push(step);
    losses.forEach((loss, side) => this.losses[side].push(loss));
    tests.forEach((loss, side) => this.tests[side].push(loss));
    if (this.steps.length > MOST) this.thin();
  }

  thin() {
    this.every *= 2;
    const kept = (values) => values.filter((_, i) => this.steps[i] % this.every === 0);
    [this.losses, this.tests] = [this.losses.map(kept), this.tests.map(kept)];
    this.steps = this.steps.filter((step) => step % this.every === 0);
  }

  /** Forgets what came after a step. */
  cut(step) {
    const length = this.steps.filter((each) => each <= step).length;
    for (const values of [this.steps, ...this.losses, ...this.tests]) values.length = length;
  }
}
