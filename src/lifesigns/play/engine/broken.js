// When numbers are no longer finite: which step, which operation, of what, and how large it was.

/**
 * Looks for the first number that is not finite.
 * @param {Training} training after its forward and backward pass, or after its update
 * @param {number} loss of the batch; 0 after the update
 * @returns {null|{step: number, operation: string, layer: number, largest: number,
 *   input: number, weight: number}} `operation` is a key of BROKEN in words.js: "sum", "activation", "loss",
 *   "gradient" or "update"; `largest` is the largest finite number that went into it
 */
export function broken(training, loss) {
  if (Number.isFinite(loss) && allFinite(training.gradients) && allFinite(training.parameters))
    return null;
  const step = training.stepsMade;
  const { layers, input } = training.network;
  const n = training.size;
  if (!allFinite(training.parameters))
    return { step: step - 1, operation: "update", layer: layerOf(training), ...sizes(training) };
  let before = input.subarray(0, n * training.data.features);
  for (const [k, layer] of layers.entries()) {
    const z = layer.z.subarray(0, n * layer.rows);
    const a = layer.a.subarray(0, n * layer.units);
    const known = { step, layer: k, input: largest(before), weight: largest(layer.weights) };
    if (!allFinite(z))
      return { ...known, operation: "sum", largest: Math.max(known.input, known.weight) };
    if (!allFinite(a)) return { ...known, operation: "activation", largest: largest(z) };
    before = a;
  }
  const known = {
    step,
    layer: layers.length - 1,
    input: largest(before),
    weight: largest(training.parameters),
  };
  if (!Number.isFinite(loss)) return { ...known, operation: "loss", largest: known.input };
  return {
    ...known,
    operation: "gradient",
    layer: gradientLayer(layers),
    largest: largest(training.gradients),
  };
}

function layerOf(training) {
  return training.network.layers.findIndex(
    (layer) => !allFinite(layer.weights) || !allFinite(layer.biases),
  );
}

function gradientLayer(layers) {
  return layers.findLastIndex(
    (layer) => !allFinite(layer.weightGradients) || !allFinite(layer.biasGradients),
  );
}

function sizes(training) {
  return {
    input: largest(training.network.input),
    weight: largest(training.parameters),
    largest: training.norm,
  };
}

function allFinite(values) {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * 0;
  return sum === 0;
}

/** The largest finite size. */
function largest(values) {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]);
    if (size > most && size < Infinity) most = size;
  }
  return most;
}
