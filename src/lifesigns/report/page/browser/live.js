// The page of a run that is going on begins here: it fetches the document, and is told what is new.

import { withJudgement, withLosses, withMaps, withSnapshot, withStatus } from "./growing.js";
import { html, render } from "./libraries.js";
import { SENTENCES } from "./live_words.js";
import { mount } from "./mount.js";
import { nearestColumn, readPage } from "./page.js";
import { choose, useView, view } from "./state.js";
import { say } from "./words.js";

const AGAIN = 3000; // milliseconds until a server that is gone is looked for again
const MOST_COLUMNS = 800; // the document has at most half as many

const root = document.getElementById("page");
const line = document.createElement("div");
root.before(line);

let page = null;
let shown = null; // what `mount` returned
let source = null;
let cursor = "";
let work = Promise.resolve(); // events one after the other, in the order in which they came

function tell(state) {
  line.dataset.state = state;
  render(html`<${State} state=${state} />`, line);
}

function State({ state }) {
  useView((chosen) => chosen.language);
  return html`<p class="live" role="status">${say(SENTENCES[state])}</p>`;
}

/** Everything from the beginning: the document, then what comes after it. */
async function begin() {
  source?.close();
  try {
    const answer = await fetch("/document");
    if (answer.status === 403) return tell("locked");
    if (!answer.ok) throw new Error(answer.status);
    cursor = answer.headers.get("Lifesigns-Cursor");
    show(await withMaps(await readPage(await answer.json())));
    listen();
  } catch {
    lose();
  }
}

function listen() {
  source = new EventSource(`/events?after=${encodeURIComponent(cursor)}`);
  for (const kind of Object.keys(TAKE)) {
    source.addEventListener(kind, (event) => {
      const from = source;
      work = work.then(() => from === source && take(kind, event)).catch(begin);
    });
  }
  source.onerror = () => {
    if (page.run.status !== "running") return source.close();
    if (source.readyState === EventSource.CLOSED) lose();
    else tell("gone");
  };
}

/** The server is gone: looked for again, and gone on with from where the page is. */
function lose() {
  source?.close();
  tell("gone");
  setTimeout(begin, AGAIN);
}

async function take(kind, event) {
  cursor = event.lastEventId;
  const next = await TAKE[kind](JSON.parse(event.data));
  if (next) show(next);
  else await begin();
}

/** What each kind of event makes of the page; null where the document has to be fetched anew. */
const TAKE = {
  snapshot: (data) => (data.layout === page.layout && page.recorded.steps.length < MOST_COLUMNS ? withSnapshot(page, data) : null),
  losses: (data) => withLosses(page, data),
  report: (data) => (data.layers.length === page.layers.length ? withJudgement(page, data) : null),
  status: (data) => withStatus(page, data),
  reload: () => null,
};

/** Draws the next page; what was chosen stays chosen, if it is there. */
function show(next) {
  if (!shown) shown = mount(root, next);
  else {
    keepChoice(page, next);
    shown.update(next);
  }
  page = next;
  tell({ running: "live", killed: "killed" }[next.run.status] ?? "ended");
}

function keepChoice(before, next) {
  const { column, layer } = view();
  const { length } = before.recorded.steps;
  if (layer >= next.layers.length) choose({ layer: 0, cell: null });
  if (column < length - 1 && next.recorded.steps.length < length) {
    choose({ column: Math.max(nearestColumn(next, before.recorded.steps[column]), 0) });
  }
}

begin();
