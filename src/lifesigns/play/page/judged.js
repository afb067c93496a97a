// A lesson's numbers, its verdict, and its text with the numbers in it.

import { percent, short, whole } from "../../report/page/browser/numbers.js";
import { view } from "../../report/page/browser/state.js";

const NEARLY = 1e-12;

/** A text of a lesson in the reader's language. */
export function written(texts) {
  return texts[view().language] ?? texts.en;
}

/** Whether a run has told what happened. */
export function isTold(outcome) {
  return outcome !== null && outcome !== undefined;
}

/** A number as the lesson shows it. */
export function shownNumber(value, { show }) {
  if (value === null || value === undefined || Number.isNaN(value)) return "NaN";
  if (show === "percent") return percent(value);
  if (show === "count") return Number.isFinite(value) ? whole(Math.round(value)) : "∞";
  if (show === "digits") return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : short(value);
  return short(value);
}

/** Numbers that were measured, and each as it is shown. */
export function outcomeOf(lesson, values) {
  const shown = Object.fromEntries(Object.entries(lesson.numbers).map(([name, about]) => [name, shownNumber(values[name], about)]));
  return { values, shown };
}

/** Whether the lesson's sentence holds for the numbers of a run. */
export function verdict(lesson, { values }) {
  return lesson.holds.every((condition) => holds(condition, values));
}

/** A condition: a number is above, below, between, or equals another one or a constant. */
export function holds(condition, values) {
  const value = values[condition.number];
  const other = (bound) => (condition.times ?? 1) * (typeof bound === "string" ? values[bound] : bound);
  if (typeof value !== "number" || Number.isNaN(value)) return false;
  if ("above" in condition) return value > other(condition.above);
  if ("below" in condition) return value < other(condition.below);
  if ("between" in condition) return value >= condition.between[0] && value <= condition.between[1];
  return Math.abs(value - other(condition.equals)) <= NEARLY;
}

/** What happened, with the run's numbers. */
export function filledIn(lesson, { shown }) {
  return written(lesson.happened).replace(/\{(\w+)\}/g, (_, name) => shown[name]);
}
