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
  const { names, body } = headOf(rows, commas, target);
  if (!body.length) return failed({ word: "csv-empty" });
  const column = target ? names.indexOf(target) : names.length - 1;
  if (column < 0) return failed({ word: "csv-target", given: target, expected: names });
  const features = names.filter((_, j) => j !== column);
  const read = numbersOf(body, column, features, commas);
  if (read.error) return failed(read.error);
  const found = targetsOf(body, column, commas, task, names[column]);
  if (found.error) return failed(found.error);
  const told = { errors: [], features: features.length, names: [...features, names[column]] };
  return { ...told, rows: body.length, inputs: read.inputs, ...found };
}

/** The names of the columns and the lines below: a header has words where samples have numbers. */
function headOf(rows, commas, target) {
  const [first, ...rest] = rows;
  const isWord = (cell) => Number.isNaN(numberOf(cell, commas)) && !MISSING.has(cell.toLowerCase());
  const last = first.cells.length - 1;
  const headed =
    first.cells.slice(0, -1).some(isWord) ||
    (isWord(first.cells[last]) && !rest.some((row) => isWord(row.cells[last]))) ||
    (target && first.cells.includes(target));
  if (headed) return { names: first.cells, body: rest };
  return { names: first.cells.map((_, i) => (i < last ? `x${i + 1}` : "y")), body: rows };
}

function numbersOf(body, column, names, commas) {
  const inputs = new Float64Array(body.length * names.length);
  for (const [i, row] of body.entries()) {
    const given = row.cells.filter((_, j) => j !== column);
    for (const [j, cell] of given.entries()) {
      const value = numberOf(cell, commas);
      if (!(Math.abs(value) <= LARGEST)) {
        const word = MISSING.has(cell.toLowerCase()) ? "csv-missing" : "csv-number";
        return { error: { word, line: row.line, given: cell, expected: names[j] } };
      }
      inputs[i * names.length + j] = value;
    }
  }
  return { inputs };
}

function targetsOf(body, column, commas, task, name) {
  const given = body.map((row) => row.cells[column]);
  const values = given.map((cell) => numberOf(cell, commas));
  const wrong = (word, i) => ({
    error: { word, line: body[i].line, given: given[i], expected: name },
  });
  const missing = given.findIndex((cell) => MISSING.has(cell.toLowerCase()));
  if (missing >= 0) return wrong("csv-missing", missing);
  const word = values.findIndex((value) => !(Math.abs(value) <= LARGEST));
  if (task === "values" && word >= 0) return wrong("csv-number", word);
  const distinct =
    word >= 0 ? [...new Set(given)].sort() : [...new Set(values)].sort((a, b) => a - b);
  const most = Math.min(MOST_CLASSES, given.length / PER_CLASS);
  const few = values.every(Number.isInteger) && distinct.length <= most;
  if (word < 0 && task !== "classes" && !few) {
    return { classes: [], targets: Float64Array.from(values) };
  }
  if (distinct.length > MOST_CLASSES) {
    return { error: { word: "csv-classes", given: distinct.length, expected: MOST_CLASSES } };
  }
  if (distinct.length < 2)
    return { error: { word: "csv-one-class", given: distinct[0], expected: 2 } };
  const place = new Map(distinct.map((name, i) => [name, i]));
  const targets = Float64Array.from(word >= 0 ? given : values, (each) => place.get(each));
  return { classes: distinct.map(String), targets };
}
