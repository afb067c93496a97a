// A table of numbers as people paste it: comma, semicolon or tab, a decimal comma with the last
// two, a header or none, quotes. The last column is the target, or the one named.

export const FEATURES = [1, 64];
export const MOST_CLASSES = 10;
const MOST_ROWS = 5000;
const PER_CLASS = 5;
const LARGEST = 1e150;
const MISSING = new Set(["", "na", "nan", "null", "none", "?"]);

/**
 * Samples and targets of a text.
 * @param {string} text
 * @param {string} [target] the target's column by its name; the last one by default
 * @param {string} [task] "classes" or "values"; by default few whole numbers, and words, are classes
 * @returns {{errors: object[], features: number, names: string[], classes: string[], rows: number,
 *   inputs: Float64Array, targets: Float64Array}} inputs row by row; targets are numbers of
 *   classes, or values where `classes` is empty. An error has `word` (a key of ERRORS in words.js),
 *   `given`, `expected` and, where there is one, `line`.
 */
export function parsed(text, target, task) {
  const lines = text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\n|\r/)
    .map((line, i) => ({ line: i + 1, text: line }));
  const kept = lines.filter((each) => each.text.trim() !== "");
  if (!kept.length) return failed({ word: "csv-empty" });
  if (kept.length > MOST_ROWS + 1)
    return failed({ word: "csv-long", given: kept.length, expected: MOST_ROWS });
  const separator = separatorOf(kept);
  const rows = kept.map((each) => ({ line: each.line, cells: cells(each.text, separator) }));
  const width = rows[0].cells.length;
  const ragged = rows.find((row) => row.cells.length !== width);
  if (ragged)
    return failed({
      word: "csv-ragged",
      line: ragged.line,
      given: ragged.cells.length,
      expected: width,
    });
  if (width < FEATURES[0] + 1 || width > FEATURES[1] + 1) {
    return failed({ word: "csv-width", given: width - 1, expected: FEATURES });
  }
  return ofRows(rows, separator !== ",", target, task);
}

const failed = (error) => ({
  errors: [error],
  features: 0,
  names: [],
  classes: [],
  rows: 0,
  inputs: new Float64Array(0),
  targets: new Float64Array(0),
});

function separatorOf(lines) {
  const counts = ["\t", ";", ","].map((sign) => [sign, cells(lines[0].text, sign).length]);
  return counts.reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}

function cells(line, separator) {
  const found = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const sign = line[i];
    if (sign === '"' && quoted && line[i + 1] === '"') cell += line[i++];
    else if (sign === '"') quoted = !quoted;
    else if (sign === separator && !quoted) {
      found.push(cell.trim());
      cell = "";
    } else cell += sign;
  }
  return [...found, cell.trim()];
}

function numberOf(cell, commas) {
  const plain = commas ? cell.replace(",", ".") : cell;
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(plain) ? Number(plain) : NaN;
}

function ofRows(rows, commas, target, task) {
  const width = rows[0].cells.length;
  const isWord = (cell) => Number.isNaN(numberOf(cell, commas)) && !MISSING.has(cell.toLowerCase());
  const named = target !== undefined && target !== "" && rows[0].cells.includes(target);
  const headed =
    named ||
    rows[0].cells.slice(0, -1).some(isWord) ||
    (width === 2 && rows[0].cells.every(isWord));
  const names = headed
    ? rows[0].cells
    : rows[0].cells.map((_, i) => (i < width - 1 ? `x${i + 1}` : "y"));
  const body = headed ? rows.slice(1) : rows;
  if (!body.length) return failed({ word: "csv-empty" });
  const column = target ? names.indexOf(target) : width - 1;
  if (column < 0) return failed({ word: "csv-target", given: target, expected: names });
  const inputs = new Float64Array(body.length * (width - 1));
  for (const [i, row] of body.entries()) {
    const given = row.cells.filter((_, j) => j !== column);
    for (const [j, cell] of given.entries()) {
      const value = numberOf(cell, commas);
      if (!(Math.abs(value) <= LARGEST)) {
        const name = names.filter((_, k) => k !== column)[j];
        return failed({
          word: MISSING.has(cell.toLowerCase()) ? "csv-missing" : "csv-number",
          line: row.line,
          given: cell,
          expected: name,
        });
      }
      inputs[i * (width - 1) + j] = value;
    }
  }
  const found = targetsOf(
    body.map((row) => row.cells[column]),
    commas,
    task,
  );
  if (found.error)
    return failed(
      found.error.index === undefined
        ? found.error
        : { ...found.error, line: body[found.error.index].line },
    );
  return {
    errors: [],
    features: width - 1,
    names: [...names.filter((_, j) => j !== column), names[column]],
    rows: body.length,
    inputs,
    ...found,
  };
}

function targetsOf(given, commas, task) {
  const missing = given.findIndex((cell) => MISSING.has(cell.toLowerCase()));
  if (missing >= 0)
    return { error: { word: "csv-missing", given: given[missing], expected: "", index: missing } };
  const values = given.map((cell) => numberOf(cell, commas));
  const words = values.some(Number.isNaN);
  if (task === "values" && words) {
    const index = values.findIndex(Number.isNaN);
    return { error: { word: "csv-number", given: given[index], expected: "", index } };
  }
  const distinct = words ? [...new Set(given)].sort() : [...new Set(values)].sort((a, b) => a - b);
  const few =
    values.every(Number.isInteger) &&
    distinct.length <= Math.min(MOST_CLASSES, given.length / PER_CLASS);
  if (!words && task !== "classes" && !few)
    return { classes: [], targets: Float64Array.from(values) };
  if (distinct.length > MOST_CLASSES)
    return { error: { word: "csv-classes", given: distinct.length, expected: MOST_CLASSES } };
  if (distinct.length < 2)
    return { error: { word: "csv-one-class", given: distinct[0], expected: 2 } };
  const place = new Map(distinct.map((name, i) => [name, i]));
  const targets = Float64Array.from(words ? given : values, (each) => place.get(each));
  return { classes: distinct.map(String), targets };
}
