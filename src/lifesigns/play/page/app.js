// The whole playground: what is shown, and where.

import { useAppearance } from "../../report/page/browser/appearance.js";
import { Switches } from "../../report/page/browser/header.js";
import { html, useLayoutEffect } from "../../report/page/browser/libraries.js";
import { whole } from "../../report/page/browser/numbers.js";
import { choose, useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { controlOf } from "./controls_list.js";
import { CourseOfLoss } from "./course.js";
import { Dialogs } from "./dialogs.js";
import { Findings } from "./findings_panel.js";
import { useFrame } from "./frames.js";
import { Knobs } from "./knobs.js";
import { Lesson } from "./lesson_card.js";
import { Network } from "./network.js";
import { settings } from "./player.js";
import { linkText } from "./problems.js";
import { read } from "./setting_keys.js";
import { Surface } from "./surface.js";
import { Tabs } from "./tabs.js";
import { Transport } from "./transport.js";

const ROOM = { one: 330, two: 230, wide: 440 }; // pixels of a network's height at most
const WIDE = 1800; // pixels of a window

export function App() {
  useAppearance();
  const made = useView((view) => view.made);
  const version = useView((view) => view.version);
  const problem = useView((view) => view.problem);
  const language = useView((view) => view.language);
  useLayoutEffect(() => {
    document.title = `${say("Play")} · lifesigns`;
  }, [language]);
  useLayoutEffect(() => {
    if (version > 0) Object.assign(document.getElementById("page").dataset, { ready: "", version });
  }, [version]);
  return html`
    <header class="top">
      <h1>lifesigns <small>${say("play")}</small></h1>
      <${Transport} />
      <div class="switches">
        <button type="button" onClick=${() => choose({ dialog: "share" })}>${say("Share")}</button>
        <button type="button" onClick=${() => choose({ dialog: "export" })}>${say("Export")}</button>
      </div>
      <${Switches} />
    </header>
    ${problem && html`<p class="problem" role="alert">${linkText(problem)}</p>`}
    <div class="stage">
      <div class="told"><${Lesson} /><${Findings} /></div>
      <div class="middle">
        <section class="centre" aria-label=${say("Network and loss")}>
          ${made.map((each, side) => html`<${Side} key=${side} side=${side} made=${each} count=${made.length} />`)}
          <${CourseOfLoss} />
        </section>
        <${Tabs} />
      </div>
      <${Knobs} />
    </div>
    <${Dialogs} />
  `;
}

function Side({ side, made, count }) {
  const letter = count > 1 ? "AB"[side] : "";
  const room = innerWidth >= WIDE ? ROOM.wide / count ** 0.4 : count > 1 ? ROOM.two : ROOM.one;
  return html`<article class="side">
    ${letter && html`<header><span class=${`letter ${letter.toLowerCase()}`}>${say("Network {}", letter)}</span> <${Difference} side=${side} /> <${SideNumbers} side=${side} /></header>`}
    <${Network} side=${side} structure=${made.structure} room=${room} letter=${letter} />
    <${Surface} side=${side} about=${made.about} room=${room} label=${surfaceName(made, letter)} />
    ${!letter && html`<p class="soft size">${say("{} weights and biases · {} samples to learn from, {} held out · an epoch is {} steps · a step is {} multiplications", whole(made.parameters), whole(made.trained), whole(made.held), whole(made.epoch), whole(made.cost))}</p>`}
  </article>`;
}

/** The controls in which the networks differ, with their values here. */
function Difference({ side }) {
  const difference = useView((view) => view.difference);
  const setting = settings()[side];
  if (!difference || !setting) return null;
  return [difference, ...(difference.more ?? [])].map(({ key }) => html`<${Value} key=${key} place=${key} value=${read(setting, key)} />`);
}

function Value({ place, value }) {
  const about = controlOf(place);
  const name = about?.options?.().find(([key]) => key === value)?.[1];
  return html`<span>${say("{}:", about ? say(about.label) : place)} <b>${name ? say(name) : value === "" ? say("none") : String(value)}</b></span>`;
}

function SideNumbers({ side }) {
  const text = useFrame((frame) => {
    const { accuracy } = frame.sides[side] ?? {};
    return accuracy === null || accuracy === undefined ? "" : say("{} % right", Math.round(100 * accuracy));
  });
  return html`<span class="soft">${text}</span>`;
}

function surfaceName({ about }, letter) {
  const what = about.kind === "curve" ? say("What the network says for each input, and the samples") : say("What the network says of each place, and the samples");
  return letter ? `${letter}: ${what}` : what;
}
