// The page document with its arrays unpacked, and the questions that several charts ask of it.

import { unpack, unpackMatrix } from "./arrays.js";
import { BROKEN, level } from "./expected.js";

const CLEARLY = 0.8; // of the farthest

/** The page of a document: unpacked but for the maps, which are when they are looked at, and the
 * parameters, which no chart shows.
 */
export async function readPage(document) {
  const [losses, evaluated, ladder, steps, streams, merged] = await Promise.all([
    Promise.all(document.losses.map((loss) => unpackFields(loss, unpack))),
    unpack(document.evaluated),
    unpackFields(document.ladder, unpackMatrix),
    unpack(document.recorded.steps),
    unpack(document.recorded.streams),
    unpack(document.recorded.merged),
  ]);
  return {
    ...document,
    findings: document.report.findings,
    losses,
    evaluated,
    ladder,
    recorded: { steps, streams, merged },
  };
}

/** What a ladder's cell says: its number, what is expected, and how far it is from that. */
export function cell(page, layer, key, column) {
  const about = page.columns.find((each) => each.key === key);
  const value = page.ladder[key].at(layer, column);
  // Gradients are judged relative to the last layer's; none at all is too small whatever that is.
  const relative = key === "gradient" && value !== 0 && Number.isFinite(value);
  const judged = relative ? value / lastGradient(page, column) : value;
  return { value, about, level: level(judged, about) };
}

/** The column of the ladder in which a layer is farthest from what is expected. */
export function worstKey(page, layer, column) {
  const farness = ({ key }) => Math.abs(cell(page, layer, key, column).level || 0);
  const measured = page.columns.filter(({ key }) => !Number.isNaN(page.ladder[key].at(layer, column)));
  return measured.reduce((worst, each) => (farness(each) > farness(worst) ? each : worst), measured[0] ?? page.columns[0]).key;
}

/** The layers that a finding names. */
export function layersOf(page, finding) {
  return page.layers.flatMap((layer, i) => (layer.findings.includes(finding) ? [i] : []));
}

/** The sites that a finding names. */
export function sitesOf(page, finding) {
  return page.graph.sites.flatMap((site, i) => (site.findings.includes(finding) ? [i] : []));
}

/** The worst severity among findings; none is null. */
function worstOf(page, findings) {
  const there = new Set(findings.map((i) => page.findings[i].severity));
  return ["error", "warning", "note"].find((severity) => there.has(severity)) ?? null;
}

/** The finding that explains another: the first of the rule it names; −1 for a root cause. */
export function rootOf(page, finding) {
  if (!finding.explained_by) return -1;
  return page.findings.findIndex((other) => other.rule === finding.explained_by && other !== finding && !other.explained_by);
}

/** How a place with these findings is marked: as the worst root cause, else as a consequence. */
export function markOf(page, findings) {
  const causes = findings.filter((i) => rootOf(page, page.findings[i]) < 0);
  const isConsequence = findings.length > 0 && causes.length === 0;
  const shown = isConsequence ? findings : causes;
  const severity = worstOf(page, shown);
  const kinds = isSick(page, shown) ? ["sick", severity, isConsequence && "consequence"] : [];
  return { severity, isConsequence, kinds: kinds.filter(Boolean).join(" ") };
}

/** Whether findings are alarms; notes are none. */
function isSick(page, findings) {
  return ["error", "warning"].includes(worstOf(page, findings));
}

/** The step to begin with: the last, unless the sick layers are clearly farther from health before. */
export function firstColumn(page) {
  const last = page.recorded.steps.length - 1;
  const sick = page.layers.flatMap((layer, i) => (isSick(page, layer.findings) ? [i] : []));
  if (!sick.length) return last;
  const farness = (layer, key, column) => Math.abs(cell(page, layer, key, column).level || 0);
  const badness = (column) => sum(sick, (layer) => sum(page.columns, ({ key }) => farness(layer, key, column)));
  const all = Array.from(page.recorded.steps, (_, column) => badness(column));
  const most = Math.max(...all);
  return all[last] >= CLEARLY * most ? last : all.lastIndexOf(most);
}

/** The layer to begin with: that of the first finding that names one with a map. */
export function firstLayer(page) {
  const named = page.findings.flatMap((_, finding) => layersOf(page, finding));
  const mapped = new Set(page.maps.map((map) => map.layer));
  return named.find((layer) => mapped.has(layer)) ?? named[0] ?? oddest(page, mapped) ?? 0;
}

/** Of the layers with a map, the first that ends farthest from what is expected. */
function oddest(page, mapped) {
  const last = page.recorded.steps.length - 1;
  const farness = (layer) => Math.max(...page.columns.map(({ key }) => Math.abs(cell(page, layer, key, last).level || 0)));
  return [...mapped].sort((a, b) => farness(b) - farness(a) || a - b)[0];
}

/** Whether some number of the last recorded step lies where a rule may alarm. */
export function isOdd(page) {
  const last = page.recorded.steps.length - 1;
  return page.layers.some((_, layer) => page.columns.some(({ key }) => Math.abs(cell(page, layer, key, last).level) >= BROKEN));
}

/** A map with its arrays unpacked. */
export async function unpackMap(map) {
  const [order, steps, active, saturated] = await Promise.all([
    unpack(map.order),
    unpack(map.steps),
    unpackMatrix(map.active),
    map.saturated && unpackMatrix(map.saturated),
  ]);
  return { ...map, order, steps, active, saturated };
}

/** The column whose step is nearest to `step`. */
export function nearestColumn(page, step) {
  const { steps } = page.recorded;
  let best = 0;
  steps.forEach((each, i) => {
    if (Math.abs(each - step) < Math.abs(steps[best] - step)) best = i;
  });
  return best;
}

/** Gradients are judged relative to the last layer's of the same step. */
function lastGradient(page, column) {
  const gradients = page.ladder.gradient;
  for (let layer = gradients.rows - 1; layer >= 0; layer--) {
    const value = gradients.at(layer, column);
    if (value > 0) return value;
  }
  return NaN;
}

async function unpackFields(record, how) {
  const entries = Object.entries(record).map(async ([key, value]) => [
    key,
    value && value.dtype ? await how(value) : value,
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

function sum(items, value) {
  return items.reduce((total, item) => total + value(item), 0);
}
