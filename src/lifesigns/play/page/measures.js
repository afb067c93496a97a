// What a lesson can measure of a training; each function is one measure.

/** Loss over the samples learnt from. */
export function loss({ training }) {
  return training.loss("train");
}
