// Where samples come from: each source is a row of this table. What is made is made point by point
// from streams of random numbers, in the same way as `lifesigns.play.samples` does it.

import { cos, sin } from "./arithmetic.js";

const PI = 3.141592653589793;
const ROOT_3_HALF = 0.8660254037844386;

const CURVES = {
  line: (x) => 0.8 * x,
  sine: (x) => sin(PI * x),
  parabola: (x) => 2 * x * x - 1,
  step: (x) => (x > 0 ? 1 : -1),
  corner: (x) => 2 * (x < 0 ? -x : x) - 1,
  waves: (x) => 0.6 * sin(2 * PI * x) + 0.4 * sin(5 * PI * x),
};

/** Two features from a point's number, a uniform number or two, and its class. */
const plane = (classes, at) => ({ features: 2, classes, at });

/** A curve over [-1, 1]. */
const curve = (of) => ({ features: 1, classes: 0, of });

/** By name: features, classes (0 for values), and how a point is made; or where it is kept. */
export const SOURCES = {
  blobs: plane(2, (k) => (k ? [0.8, 0.8] : [-0.8, -0.8])),
  "three-blobs": plane(
    3,
    (k) =>
      [
        [0, 1],
        [-ROOT_3_HALF, -0.5],
        [ROOT_3_HALF, -0.5],
      ][k],
  ),
  circles: plane(2, (k, u) => {
    const radius = k ? 0.4 : 1;
    return [radius * cos(2 * PI * u), radius * sin(2 * PI * u)];
  }),
  moons: plane(2, (k, u) =>
    k ? [0.5 - cos(PI * u), 0.25 - sin(PI * u)] : [cos(PI * u) - 0.5, sin(PI * u) - 0.25],
  ),
  spirals: plane(2, (k, u) => {
    const radius = 0.1 + 0.9 * u;
    const angle = PI * (3 * u + k);
    return [radius * cos(angle), radius * sin(angle)];
  }),
  xor: {
    features: 2,
    classes: 2,
    at: (k, u, v) => [2 * u - 1, 2 * v - 1],
    label: (x, y) => (x * y > 0 ? 1 : 0),
  },
  ...Object.fromEntries(Object.entries(CURVES).map(([name, of]) => [name, curve(of)])),
  iris: { features: 4, classes: 3, kept: true },
  wine: { features: 13, classes: 3, kept: true },
  digits: { features: 64, classes: 10, kept: true },
  own: { features: 0, classes: 0, own: true },
};
