// The address holds the whole state: what differs from the default setting, readable and versioned.
//
//   #v=1&data.name=moons&network.hidden=8+relu&other.optimizer.rate=0.5&lesson=zero-start&free=…

import { places, read, write } from "./setting_keys.js";

const VERSION = "1";
const OTHER = "other.";
const LONGEST = 2000; // characters of a table
const OF_TABLE = ["data.name", "data.csv", "data.target", "data.task"];
const OPTIONAL = [...OF_TABLE, "initialiser.value"]; // what the standard setting has not
const OWN = ["lesson", "free", "view", "speed"];

/** Whether the reader's own table is too long to stand in an address. */
export function isTooLong({ data }) {
  return (data.csv?.length ?? 0) > LONGEST;
}

/** The state as the part of an address behind `#`. */
export function toHash({ setting, difference, lesson, free, tab }, standard) {
  const words = new URLSearchParams({ v: VERSION });
  for (const [key, value] of places(setting)) {
    if (isTooLong(setting) && OF_TABLE.includes(key)) continue;
    if (value !== read(standard, key) && value !== undefined && value !== null) words.set(key, String(value));
  }
  for (const { key, value } of difference ? [difference, ...(difference.more ?? [])] : []) words.set(OTHER + key, String(value));
  if (lesson) words.set("lesson", lesson);
  if (free) words.set("free", free);
  if (tab) words.set("view", tab);
  return words.toString();
}

/** What an address says: the setting, the other network's difference and the rest.
 *
 * @returns {{setting, difference, lesson, free, tab, problem}}  `problem` says what was not understood
 */
export function fromHash(text, standard) {
  const words = new URLSearchParams(text.replace(/^#/, ""));
  const state = { setting: standard, difference: null, lesson: words.get("lesson"), free: words.get("free"), tab: words.get("view"), problem: null };
  const version = words.get("v");
  if (version === null) return state;
  if (version !== VERSION) return { ...state, problem: { newer: version } };
  for (const [key, text] of words) {
    if (key === "v" || OWN.includes(key)) continue;
    const isOther = key.startsWith(OTHER);
    const place = isOther ? key.slice(OTHER.length) : key;
    const before = read(standard, place);
    if (before === undefined && !/^network\./.test(place) && !OPTIONAL.includes(place)) {
      state.problem = { key: place };
      continue;
    }
    const value = typed(text, OF_TABLE.includes(place) ? "" : before);
    if (isOther) state.difference = joined(state.difference, { key: place, value });
    else state.setting = write(state.setting, place, value);
  }
  return state;
}

/** The second network may differ in more than one place after a remedy. */
function joined(difference, next) {
  return difference ? { ...difference, more: [...(difference.more ?? []), next] } : next;
}

function typed(text, like) {
  if (typeof like === "boolean") return text === "true";
  const isNumber = text.trim() !== "" && Number.isFinite(Number(text));
  return isNumber && typeof like !== "string" ? Number(text) : text;
}
