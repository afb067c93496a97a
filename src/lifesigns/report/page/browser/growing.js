// A page that grows: each function takes a page and what is new, and returns the next page.

import { matrix, unpack } from "./arrays.js";
import { unpackMap } from "./page.js";

const MOST_LOSSES = 4000; // points of a curve; neighbours are merged where there are more

/** The page with its maps unpacked: columns are added to all of them. */
export async function withMaps(page) {
  return { ...page, maps: await Promise.all(page.maps.map(unpackMap)) };
}

/** One column more, of a snapshot. */
export async function withSnapshot(page, event) {
  const { steps, streams, merged } = page.recorded;
  const ladder = Object.keys(page.ladder).map((key, i) => [
    key,
    widened(page.ladder[key], event.ladder.map((row) => number(row[i]))),
  ]);
  return {
    ...page,
    ladder: Object.fromEntries(ladder),
    recorded: {
      steps: longer(steps, event.step),
      streams: longer(streams, event.stream),
      merged: longer(merged, 1),
    },
    maps: await Promise.all(page.maps.map((map) => withUnits(map, event, steps.length))),
  };
}

/** A map with one column more, if the layer was read. */
async function withUnits(map, { maps }, column) {
  const news = maps.find((each) => each.layer === map.layer);
  if (!news) return map;
  const active = rows(map, await unpack(news.active), Math.min);
  const saturated = news.saturated && map.saturated && rows(map, await unpack(news.saturated), Math.max);
  return {
    ...map,
    steps: longer(map.steps, column),
    active: widened(map.active, active),
    saturated: saturated && widened(map.saturated, saturated),
  };
}

/** Units sorted as the map's rows are; of those that share a row the worst counts. */
function rows({ order, group, active }, units, worst) {
  return Array.from({ length: active.rows }, (_, row) =>
    Array.from(order.subarray(row * group, (row + 1) * group), (unit) => units[unit]).reduce((a, b) => worst(a, b)));
}

/** Losses of one stream more; null where the page does not know the stream. */
export function withLosses(page, { stream, steps, values }) {
  if (!page.losses.some((loss) => loss.stream === stream)) return null;
  const grown = (loss) => ({
    ...loss,
    steps: longer(loss.steps, ...steps),
    low: longer(loss.low, ...values.map(number)),
    high: longer(loss.high, ...values.map(number)),
    nonfinite: longer(loss.nonfinite, ...values.map((value) => (value === null ? 1 : 0))),
  });
  return { ...page, losses: page.losses.map((loss) => (loss.stream === stream ? thinned(grown(loss)) : loss)) };
}

function thinned(loss) {
  if (loss.steps.length <= MOST_LOSSES) return loss;
  const pairs = (values, joined) => values.constructor.from({ length: values.length >> 1 }, (_, i) => joined(values[2 * i], values[2 * i + 1]));
  return thinned({
    ...loss,
    steps: pairs(loss.steps, (first) => first),
    low: pairs(loss.low, known(Math.min)),
    high: pairs(loss.high, known(Math.max)),
    nonfinite: pairs(loss.nonfinite, (a, b) => a + b),
  });
}

function known(choose) {
  return (a, b) => (Number.isNaN(a) ? b : Number.isNaN(b) ? a : choose(a, b));
}

/** How far the run is, with the evaluations that began since. */
export function withStatus(page, run) {
  const latest = page.evaluated.at(-1) ?? -1;
  const news = run.evaluated.filter((step) => step > latest);
  return { ...page, run, evaluated: news.length ? longer(page.evaluated, ...news) : page.evaluated };
}

/** The report anew, and where its findings stand. */
export function withJudgement(page, { report, words, titles, layers, sites }) {
  const placed = (items, places) => items.map((item, i) => ({ ...item, findings: places[i] ?? [] }));
  return {
    ...page,
    report,
    words,
    titles,
    findings: report.findings,
    layers: placed(page.layers, layers),
    graph: { ...page.graph, sites: placed(page.graph.sites, sites) },
  };
}

function number(value) {
  return value === null ? NaN : Number(String(value).replace("inf", "Infinity"));
}

function longer(values, ...more) {
  const grown = new values.constructor(values.length + more.length);
  grown.set(values);
  grown.set(more, values.length);
  return grown;
}

function widened({ rows: count, columns, values }, column) {
  const wide = new values.constructor(count * (columns + 1));
  for (let row = 0; row < count; row++) {
    wide.set(values.subarray(row * columns, (row + 1) * columns), row * (columns + 1));
    wide[(row + 1) * (columns + 1) - 1] = column[row];
  }
  return matrix(count, columns + 1, wide);
}
