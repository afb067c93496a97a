// A training as a PyTorch script that repeats it.

/**
 * A readable script with the data and the initial weights in it, in double precision, which trains
 * with the page's batches and prints its losses.
 * @param {Training} training its setting and data count, not how far it has come
 * @param {number} [steps] how many the script makes; by default those made, or else the setting's
 * @returns {string} Python
 */
export function torchScript(training, steps = training.stepsMade || training.setting.steps) {
  return `# ${steps} steps`;
}
