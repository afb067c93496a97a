// What the view that is open shows, not more often than it can be read.

import { terms } from "../engine/terms.js";
import { healthOf } from "./health.js";
import { Path, slopeOf } from "./probe.js";

const OFTEN = { layers: 300, slope: 100, path: 900, terms: 250 }; // milliseconds between two
const LONGEST = 1500; // points of a path that are sent

/** Keeps what a view needs from one frame to the next. */
export class Viewer {
  constructor(sides) {
    this.sides = sides;
    this.at = -Infinity;
    this.forget();
  }

  /** Called when the training went back. */
  forget() {
    this.paths = [];
    this.pair = "";
  }

  /** Called after each step. */
  grow() {
    for (const path of this.paths) path?.grow();
  }

  /** What is shown; null while the last is fresh enough. */
  views({ tab, unit = { layer: 0, unit: 0, side: 0 }, pair }, isHurried) {
    const now = performance.now();
    if (isHurried && now - this.at < (OFTEN[tab] ?? Infinity)) return null;
    this.at = now;
    const side = this.sides[Math.min(unit.side, this.sides.length - 1)];
    if (tab === "layers") return { health: healthOf(side.training) };
    if (tab === "slope") return { slope: slopeOf(side.training, unit) };
    if (tab === "terms") return { terms: side.training.broken ? null : terms(side.training) };
    if (tab === "path") return { paths: this.ways(unit, pair ?? { first: 0, second: 1 }) };
    return {};
  }

  ways({ layer, unit }, { first, second }) {
    const key = JSON.stringify([layer, unit, first, second]);
    if (key !== this.pair) {
      this.pair = key;
      this.paths = this.sides.map(({ training }) => {
        const at = Math.min(layer, training.layers.length - 1);
        const { inputs, units } = training.layers[at];
        return Math.max(first, second) < inputs && first !== second ? new Path(training, { layer: at, unit: Math.min(unit, units - 1), first, second }) : null;
      });
      this.fields = [];
    }
    return this.paths.map((path, i) => {
      if (!path) return { isMissing: true };
      path.grow();
      const field = path.picture(this.fields[i]);
      this.fields[i] = { low: field.low, high: field.high };
      const every = Math.ceil(path.trail.length / LONGEST);
      const trail = path.trail.filter((_, k) => k % every === 0 || k === path.trail.length - 1);
      return { field, trail, numbers: path.numbers() };
    });
  }
}
