// Moves the training along: what the buttons do, and the loop that asks for one frame after another.

import { choose, view } from "../../report/page/browser/state.js";
import { Course } from "./curve_data.js";
import { ask, known } from "./engine.js";
import { latest, show } from "./frames.js";
import { fromHash, toHash } from "./hash.js";
import { outcomeOf } from "./judged.js";
import { lessonOf } from "./lesson_list.js";
import { HIDDEN, read, write } from "./setting_keys.js";
import { wantsOf } from "./wants.js";

const FRAME = 11; // milliseconds of computing in one of the screen's frames
const FASTEST = 4000; // steps of a frame, however fast the machine is
const LESSON_FRAMES = 90; // about a second and a half
const ENOUGH = 60_000; // milliseconds for the steps of one of them

let past = new Course(1);
let asked = 0; // answers that are on their way
let tail = Promise.resolve();
let goal = null; // the step to go to, as long as nobody has set out
let due = 0; // steps that the clock owes
let before = 0;

/** The losses so far. */
export function course() {
  return past;
}

/** Takes up another address that was put in. */
export function listenToAddress() {
  addEventListener("hashchange", () => location.hash !== hash() && begin({}));
}

/** Takes up what the address says, and begins. */
export function begin(start) {
  const told = fromHash(location.hash, known().standard);
  choose({
    setting: told.setting, difference: told.difference, free: told.free, tab: told.tab ?? "layers", problem: told.problem,
    lesson: null, guess: null, outcome: null, dialog: null, isRunning: false,
  });
  const named = told.lesson ?? (location.hash ? null : start.lesson);
  if (named && !lessonOf(named)) choose({ problem: { lesson: named } });
  if (named && lessonOf(named)) open(named, told);
  else if (start.csv && !location.hash) change("data", { ...known().standard.data, name: "own", csv: start.csv.text });
  else configure();
}

/** The settings of the networks that are shown. */
export function settings({ setting, difference } = view()) {
  return difference ? [setting, differing(setting, difference)] : [setting];
}

/** The setting of the second network; `more` holds what a remedy of its own has changed. */
function differing(setting, { key, value, more = [] }) {
  return [{ key, value }, ...more].reduce((made, each) => write(made, each.key, each.value), setting);
}

/** Another value at a place of the setting; the training begins anew from the same seed. */
export async function change(key, value) {
  const before = view().setting;
  const setting = write(before, key, value);
  const isData = key === "data" || key === "data.name";
  apply(isData ? await ask("suited", { setting, before }) : setting);
}

/** Another setting. */
export function apply(setting) {
  choose({ setting, outcome: null });
  configure();
}

/** A remedy, in the network that has the finding; the other one stays as it is. */
export async function mend(side, remedy) {
  const mended = await ask("mended", { side, remedy });
  if (side === 0) return apply(mended);
  const { difference } = view();
  const changed = Object.keys(remedy.change).map((key) => (key.startsWith(HIDDEN) ? HIDDEN : key));
  const values = new Map((difference.more ?? []).map(({ key, value }) => [key, value]));
  for (const key of changed) values.set(key, read(mended, key));
  const value = values.get(difference.key) ?? difference.value;
  values.delete(difference.key);
  const more = [...values].map(([key, value]) => ({ key, value })).filter(({ key, value }) => value !== read(view().setting, key));
  compare({ key: difference.key, value, more });
}

/** A second network that differs in one control; null for none. */
export function compare(difference) {
  choose({ difference, outcome: null, unit: { ...view().unit, side: 0 } });
  configure();
}

/** A lesson, or free play. */
export function open(name, told = null) {
  const lesson = lessonOf(name);
  choose({ lesson: name, guess: null, outcome: null, isRunning: false });
  if (lesson) {
    const [setting, difference] = stateOf(lesson);
    const isOwn = told && told.setting !== known().standard;
    choose({
      setting: isOwn ? told.setting : setting,
      difference: isOwn ? told.difference : difference,
      tab: told?.tab ?? lesson.look?.view ?? view().tab,
      unit: { layer: (lesson.look?.layer ?? 1) - 1, unit: (lesson.look?.unit ?? 1) - 1, side: lesson.look?.side === "b" ? 1 : 0 },
      layer: (lesson.look?.layer ?? 1) - 1,
    });
  }
  configure();
}

/** The setting of a lesson, and in what the other network differs. */
export function stateOf(lesson) {
  const setting = Object.entries(lesson.setting ?? {}).reduce((made, [key, value]) => write(made, key, value), known().standard);
  const [other] = Object.entries(lesson.other ?? {});
  return [{ ...setting, steps: Math.max(setting.steps, lesson.steps) }, other ? { key: other[0], value: other[1] } : null];
}

/** Runs a lesson from its first step to its last, and takes its numbers. */
export async function runLesson(lesson) {
  choose({ outcome: null, isRunning: false });
  await configure();
  const stamp = view().stamp;
  choose({ isRunning: true, isTeaching: true });
  const each = Math.max(1, Math.ceil(lesson.steps / LESSON_FRAMES));
  for (let done = 0; done < lesson.steps; done += each) {
    const started = performance.now();
    await send("advance", { steps: Math.min(each, lesson.steps - done), budget: ENOUGH });
    if (view().stamp !== stamp || !view().isRunning) return choose({ isTeaching: false });
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) await until(started + 16);
  }
  choose({ isTeaching: false });
  await tell(lesson);
}

/** Pauses, takes a lesson's numbers, and says what happened. */
async function tell(lesson) {
  const { stamp } = view();
  choose({ isRunning: false });
  await send("look");
  const { values } = await ask("measure", { numbers: lesson.numbers });
  if (view().stamp === stamp) choose({ outcome: outcomeOf(lesson, values) });
}

/** The open lesson while its end is still to come, and the steps until then. */
function ahead() {
  const lesson = view().outcome ? null : lessonOf(view().lesson);
  const left = lesson ? lesson.steps - (latest()?.step ?? 0) : Infinity;
  return left > 0 ? { lesson, left } : { lesson: null, left: Infinity };
}

/** So many steps; at the end of an open lesson it is told. */
async function go(steps, more = {}) {
  const { lesson, left } = ahead();
  const { stamp } = view();
  await send("advance", { steps: Math.min(steps, left), ...more });
  if (lesson && view().stamp === stamp && latest()?.step === lesson.steps) await tell(lesson);
}

function until(time) {
  return new Promise((done) => setTimeout(done, Math.max(0, time - performance.now())));
}

/** Goes on until it is paused, or over, or an open lesson is at its last step. */
export function run() {
  choose({ isRunning: true });
  before = performance.now();
  due = 0;
  requestAnimationFrame(tick);
}

export function pause() {
  choose({ isRunning: false });
  send("look");
}

/** So many steps at once. */
export function advance(steps) {
  choose({ isRunning: false });
  return go(steps);
}

/** Back to a step, or forward again to one that was reached. */
export function rewind(step) {
  choose({ isRunning: false, outcome: null });
  return send("rewind", { step });
}

/** The same first weights once more. */
export function restart() {
  choose({ isRunning: false, outcome: null });
  return configure();
}

/** The same frame with what the chosen view needs. */
export function refresh() {
  if (!view().isRunning) send("look");
}

/** Asks the engine for something that is no frame. */
export function request(kind, what) {
  return ask(kind, what);
}

function hash() {
  return `#${toHash(view(), known().standard)}`;
}

async function configure() {
  const stamp = (view().stamp ?? 0) + 1;
  choose({ stamp });
  remember();
  const reply = await ask("configure", { settings: settings(), wants: wantsOf(view()) });
  if (view().stamp !== stamp) return;
  if (reply.errors.length && view().version > 0) return choose({ errors: reply.errors, isRunning: false });
  if (reply.errors.length) return beginAnyway(reply.errors);
  past = new Course(reply.made.length);
  choose({ made: reply.made, errors: [], version: stamp });
  await null; // until what was made is laid out: the frame belongs to it
  if (view().version === stamp) take(reply.frame);
}

/** An address may hold what cannot be trained: it is said, beside a network that can. */
async function beginAnyway(errors) {
  choose({ setting: known().standard, difference: null });
  await configure();
  choose({ errors });
}

/** The address names the state; some browsers refuse that for files, and then it stays as it is. */
function remember() {
  try {
    history.replaceState(null, "", hash());
  } catch {
    // the state is shared by the button then
  }
}

/** Requests are answered one after the other; of several steps to go to only the last counts. */
function send(kind, what = {}) {
  if (kind === "rewind" && goal) {
    goal.step = what.step;
    return tail;
  }
  const request = { ...what };
  if (kind === "rewind") goal = request;
  asked += 1;
  tail = tail.then(() => answered(kind, request)).finally(() => (asked -= 1));
  return tail;
}

async function answered(kind, request) {
  if (request === goal) goal = null;
  const { stamp } = view();
  const reply = await ask(kind, { ...request, wants: wantsOf(view()) });
  if (view().stamp !== stamp || view().version !== stamp) return;
  if (reply.isBack) past.cut(reply.frame.step);
  take(reply.frame);
}

function take(frame) {
  Object.assign(document.getElementById("page").dataset, { step: frame.step, lesson: view().lesson ?? "" });
  for (const { step, losses, tests } of frame.notes) past.add(step, losses, tests);
  if (frame.isOver && view().isRunning && !view().isTeaching) choose({ isRunning: false });
  const last = latest();
  show({ ...frame, findings: frame.findings ?? last?.findings ?? [], views: frame.views ?? last?.views ?? {}, isRunning: view().isRunning, version: view().version });
}

function tick(now) {
  if (!view().isRunning || view().isTeaching) return;
  requestAnimationFrame(tick);
  const { speed } = view();
  due = Math.min(due + ((now - before) / 1000) * Math.min(speed, 1e6), speed);
  before = now;
  if (asked || view().stamp !== view().version) return;
  const steps = speed === Infinity ? FASTEST : Math.floor(due);
  if (steps < 1) return;
  if (speed !== Infinity) due -= steps;
  go(steps, { budget: FRAME });
}
