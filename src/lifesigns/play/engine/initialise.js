// Initial weights, by the laws of the catalogue, the same numbers as `lifesigns.play.weights`.

import { INITIALISERS } from "./table.js";
import { PURPOSES, Stream } from "./generator.js";

/** The spread of a weight of so many rows and columns, by the law's constant and gain. */
const LAWS = {
  fixed: (constant) => constant,
  glorot: (constant, rows, columns) => constant * Math.sqrt(2 / (columns + rows)),
  by_fan_in: (constant, rows, columns) => constant / Math.sqrt(columns),
  by_longest: (constant, rows, columns) => constant / Math.sqrt(Math.max(columns, rows)),
};

const FILLS = {
  constant: (weights, spread) => weights.fill(spread),
  uniform(weights, spread, stream) {
    const bound = Math.sqrt(3) * spread;
    for (let i = 0; i < weights.length; i++) weights[i] = (2 * stream.uniform(i) - 1) * bound;
  },
  normal(weights, spread, stream) {
    for (let i = 0; i < weights.length; i++) weights[i] = spread * stream.normal(i);
  },
  orthogonal,
};

/**
 * Fills the weights of one layer.
 * @param {Float64Array} weights row by row
 * @param {number} rows
 * @param {number} columns
 * @param {object} initialiser of the setting
 * @param {number} seed
 * @param {number} layer its number, from 0
 */
export function initialise(weights, rows, columns, { name, gain, value }, seed, layer) {
  const { fill, law, constant } = INITIALISERS[name];
  const own = name === "constant" && value !== undefined ? value : constant;
  const spread = LAWS[law](own, rows, columns) * gain;
  FILLS[fill](weights, spread, new Stream(seed, PURPOSES.WEIGHTS + layer), rows, columns);
}

/** Normal numbers made orthogonal one after the other (Gram and Schmidt, each twice). */
function orthogonal(weights, spread, stream, rows, columns) {
  const wide = rows < columns;
  const length = wide ? columns : rows;
  const count = wide ? rows : columns;
  const size = spread * Math.sqrt(length);
  const vectors = Array.from({ length: count }, (_, k) =>
    Float64Array.from({ length }, (_, i) => stream.normal(k * length + i)),
  );
  for (let k = 0; k < count; k++) {
    for (let pass = 0; pass < 2; pass++) for (let j = 0; j < k; j++) remove(vectors[k], vectors[j]);
    const norm = Math.sqrt(dot(vectors[k], vectors[k]));
    for (let i = 0; i < length; i++) vectors[k][i] /= norm;
  }
  for (let k = 0; k < count; k++) {
    for (let i = 0; i < length; i++)
      weights[wide ? k * columns + i : i * columns + k] = size * vectors[k][i];
  }
}

function remove(vector, direction) {
  const along = dot(vector, direction);
  for (let i = 0; i < vector.length; i++) vector[i] -= along * direction[i];
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
