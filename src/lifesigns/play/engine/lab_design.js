// A setting as a design of `lifesigns lab`.

/**
 * The nearest design of the lab, and what of the setting it cannot say.
 * @param {object} setting
 * @returns {{toml: string, left: string[]}} `left` are keys of LEFT in words.js
 */
export function labDesign(setting) {
  return { toml: "", left: [] };
}
