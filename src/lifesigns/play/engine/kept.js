// Bundled data sets are packed into text by `lifesigns.play.bundled`; here they are unpacked.

import { BUNDLED } from "./bundled.js";

const ZEROS = 96; // "a" is one zero more than this code, and so on
const FIRST = 48; // "0" is the value 0

/**
 * The table of a bundled data set.
 * @param {string} name iris, wine or digits
 * @returns {{features: number, names: string[], classes: string[], rows: number,
 *   inputs: Float64Array, targets: Float64Array}}
 */
export function kept(name) {
  const packed = BUNDLED[name];
  const rows = packed.targets.length;
  const inputs = Float64Array.from(
    typeof packed.inputs === "string" ? unpacked(packed.inputs) : packed.inputs,
  );
  const targets = Float64Array.from(packed.targets, Number);
  return {
    features: packed.features,
    names: packed.names,
    classes: packed.classes,
    rows,
    inputs,
    targets,
  };
}

/** Small whole numbers: a sign each from "0" on; "a" … "z" stand for 1 … 26 zeros. */
function unpacked(text) {
  const found = [];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code <= ZEROS) found.push(code - FIRST);
    else for (let zeros = code - ZEROS; zeros > 0; zeros--) found.push(0);
  }
  return found;
}
