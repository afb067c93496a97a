// What the chosen view needs of the engine in each frame.

/** As plain data for a message. */
export function wantsOf({ tab, unit, pair }) {
  return { tab, unit, pair };
}
