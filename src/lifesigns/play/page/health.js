// What was recorded of a training, as the report's page has it: ladder and maps of units.

const KEYS = ["size", "centring", "dead", "saturated", "slope", "gradient", "update"];

/** Plain data for a message; see `healthPage` for what becomes of it. */
export function healthOf(training) {
  const { shots } = training.evidence();
  const layers = training.layers.map((layer, k) => describe(layer, k, training));
  const ladder = Object.fromEntries(KEYS.map((key) => [key, new Float32Array(layers.length * shots.length)]));
  shots.forEach((shot, column) => {
    shot.layers.forEach((shown, k) => {
      const values = numbersOf(shown, shot, layers[k]);
      for (const key of KEYS) ladder[key][k * shots.length + column] = values[key];
    });
  });
  const maps = layers.flatMap((layer, k) => (k < layers.length - 1 ? [mapOf(k, layer, shots)] : []));
  return { layers, ladder, maps, steps: Int32Array.from(shots, ({ step }) => step) };
}

function describe(layer, k, training) {
  const isLast = k === training.layers.length - 1;
  const { activation } = layer;
  return {
    name: isLast ? "output" : String(k + 1),
    operation: layer.name,
    units: layer.units,
    saturates: Boolean(activation?.saturates && !activation.rectifier),
    hasSlope: Boolean(activation),
    slope: null,
    findings: [],
  };
}

function numbersOf(shown, { size }, { units, saturates, hasSlope }) {
  const { means, squares } = shown.values;
  const spread = (j) => Math.sqrt(Math.max(squares[j] - means[j] * means[j], 0));
  const silent = shown.active.filter((count) => count === 0).length;
  return {
    size: Math.sqrt(average(squares)),
    centring: Math.sqrt(average(means.map((mean, j) => (mean / spread(j)) ** 2).filter(Number.isFinite))),
    dead: silent / units,
    saturated: saturates ? average(shown.saturated) / size : NaN,
    slope: hasSlope ? shown.factor : NaN,
    gradient: shown.gradientRms,
    update: shown.weightRms > 0 ? shown.updateRms / shown.weightRms : NaN,
  };
}

function average(values) {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : NaN;
}

/** Units × steps: shares of the samples as 0 to 255. */
function mapOf(layer, { units, saturates }, shots) {
  const share = (name, unit, shot) => Math.round((255 * shot.layers[layer][name][unit]) / shot.size);
  const order = Int32Array.from({ length: units }, (_, i) => i);
  const rows = (name) => Uint8Array.from({ length: units * shots.length }, (_, i) => share(name, order[Math.floor(i / shots.length)], shots[i % shots.length]));
  return { layer, units, group: 1, order, active: rows("active"), saturated: saturates ? rows("saturated") : null };
}
