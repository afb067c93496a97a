// What is wrong with a setting or a table, in words.

import { say } from "../../report/page/browser/words.js";
import { controlOf } from "./controls_list.js";
import { written } from "./judged.js";

/** An error of the engine, which names the control. */
export function problemText({ at, text }) {
  const about = controlOf(at);
  const name = about ? say(about.label) : at === "data.csv" ? say("Your own table") : at;
  return written(text).replaceAll("{at}", name);
}

/** What of an address was not understood. */
export function linkText({ newer, lesson, key }) {
  if (newer) return say("This link was made by a newer version ({}); the page shows its standard setting.", newer);
  if (lesson) return say("The link names “{}”, which is no lesson here; the rest was taken.", lesson);
  return say("The link names “{}”, which is no control here; the rest was taken.", key);
}
