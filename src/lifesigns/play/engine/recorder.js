// What findings are judged by: at some steps, statistics of units, weights and gradients.

/** Records steps of a training. */
export class Recorder {
  constructor(training) {
    this.training = training;
    this.shots = [];
  }

  /** Called with gradients at hand; says whether the step is recorded. */
  before() {
    return false;
  }

  /** Called after the update of a recorded step. */
  after() {}

  /** Called when the run broke in this step. */
  stopped() {}

  /** Forgets what was recorded from a step on. */
  forget(step) {
    this.shots = this.shots.filter((shot) => shot.step < step);
  }

  evidence() {
    return { shots: this.shots };
  }
}
