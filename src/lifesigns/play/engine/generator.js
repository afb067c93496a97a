// Random numbers by their place, the same in Python (lifesigns.play.generator): Threefry-2x32 with
// 20 rounds (Salmon et al. 2011). A stream is a seed and a purpose; a number is a place in it. So
// nothing has to be drawn in order: weights of one layer do not move when another is widened, and a
// batch order of any epoch is at hand when a run is wound back.

import { log } from "./arithmetic.js";

/** What numbers are for; the weights of layer k have the purpose WEIGHTS + k. */
export const PURPOSES = { place: 1, noise: 2, label: 3, split: 4, order: 5, WEIGHTS: 16 };

const PARITY = 0x1bd11bda;
const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];
const ROUNDS = 20;
const RESOLUTION = 2 ** -53;
const HALF_RESOLUTION = 2 ** -31;

/** A stream of random numbers. */
export class Stream {
  /**
   * @param {number} seed whole, 0 to 2³² - 1
   * @param {number} purpose one of PURPOSES
   */
  constructor(seed, purpose) {
    this.keys = [seed >>> 0, purpose >>> 0, (seed ^ purpose ^ PARITY) >>> 0];
    this.first = 0;
    this.second = 0;
  }

  /** Puts the two words at a place into `first` and `second`. */
  draw(place, turn) {
    const keys = this.keys;
    let a = (place + keys[0]) >>> 0;
    let b = (turn + keys[1]) >>> 0;
    for (let round = 0; round < ROUNDS; round++) {
      a = (a + b) >>> 0;
      const by = ROTATIONS[round & 7];
      b = (((b << by) | (b >>> (32 - by))) ^ a) >>> 0;
      if ((round & 3) === 3) {
        const turns = (round >> 2) + 1;
        a = (a + keys[turns % 3]) >>> 0;
        b = (b + keys[(turns + 1) % 3] + turns) >>> 0;
      }
    }
    this.first = a;
    this.second = b;
  }

  /**
   * A uniform number in [0, 1) with 53 bits.
   * @param {number} place its number in the stream
   * @param {number} turn a second coordinate, such as the epoch
   * @returns {number}
   */
  uniform(place, turn = 0) {
    this.draw(place, turn);
    return ((this.first >>> 5) * 67108864 + (this.second >>> 6)) * RESOLUTION;
  }

  /**
   * A standard normal number, by Marsaglia's polar method.
   * @param {number} place its number in the stream
   * @returns {number}
   */
  normal(place) {
    for (let attempt = 0; ; attempt++) {
      this.draw(place, attempt);
      const u = this.first * HALF_RESOLUTION - 1;
      const v = this.second * HALF_RESOLUTION - 1;
      const square = u * u + v * v;
      if (square > 0 && square < 1) return u * Math.sqrt((-2 * log(square)) / square);
    }
  }

  /**
   * Fills `order` with a permutation of 0 … length - 1 (Fisher and Yates).
   * @param {Int32Array} order
   * @param {number} turn such as the epoch
   */
  permute(order, turn = 0) {
    for (let i = 0; i < order.length; i++) order[i] = i;
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(this.uniform(i, turn) * (i + 1));
      const held = order[i];
      order[i] = order[j];
      order[j] = held;
    }
  }
}
