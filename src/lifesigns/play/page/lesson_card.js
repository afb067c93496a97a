// A lesson: the sentence, a guess, the run, and what happened with this run's numbers.

import { html, useLayoutEffect, useRef } from "../../report/page/browser/libraries.js";
import { choose, useView, view } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { useFrame } from "./frames.js";
import { filledIn, isTold, verdict, written } from "./judged.js";
import { lessonOf, lessons } from "./lesson_list.js";
import { open, restart, runLesson } from "./player.js";

/** The choice of a lesson, and the lesson. */
export function Lesson() {
  const name = useView((view) => view.lesson);
  const free = useView((view) => view.free);
  const lesson = lessonOf(name);
  return html`<section class="lesson" aria-labelledby="lesson-title">
    <div class="sheet">
      <label class="hidden" for="lesson">${say("Lesson")}</label>
      <select id="lesson" value=${name ?? ""} onChange=${(event) => open(event.target.value || null)}>
        <option value="">${say("Free play")}</option>
        <optgroup label=${say("Lessons")}>
          ${lessons().map((each, i) => html`<option value=${each.name}>${i + 1}. ${written(each.title)}</option>`)}
        </optgroup>
      </select>
      ${lesson ? html`<${Sheet} key=${name} lesson=${lesson} />` : html`<${Welcome} />`}
      ${free && html`<p class="fixed">${say("Your teacher's link leaves one control free.")} <button type="button" onClick=${() => choose({ free: null })}>${say("Free all")}</button></p>`}
    </div>
  </section>`;
}

function Welcome() {
  return html`<h2 id="lesson-title">${say("A network you can take apart")}</h2>
    <p>${say("It trains in this page, on your machine. Press Run, watch each unit's own function take shape, turn one control at a time. What goes wrong is named below, with a button that mends it.")}</p>
    <p>${say("Or take a lesson: guess first, then run, then read what happened.")}</p>
    <div class="actions"><button type="button" class="main" onClick=${() => open(lessons()[0].name)}>${say("First lesson")}</button></div>`;
}

function Sheet({ lesson }) {
  const guess = useView((view) => view.guess);
  const outcome = useView((view) => view.outcome);
  return html`
    <h2 id="lesson-title">${written(lesson.title)}</h2>
    <blockquote>${written(lesson.sentence)}</blockquote>
    ${paragraphs(written(lesson.text))}
    <${Guess} lesson=${lesson} guess=${guess} isTold=${isTold(outcome)} />
    ${guess === null && !isTold(outcome) ? html`<p class="soft">${say("Guess first, then run the lesson.")}</p>`
      : html`<div class="actions"><button type="button" class="main" onClick=${() => runLesson(lesson)}>${say(isTold(outcome) ? "Run it again" : "Run the lesson")}</button></div>`}
    ${isTold(outcome) && html`<${Happened} lesson=${lesson} outcome=${outcome} guess=${guess} />`}
  `;
}

function Guess({ lesson, guess, isTold }) {
  return html`<fieldset class="options">
    <legend>${written(lesson.guess)}</legend>
    ${lesson.options.map((option, i) => {
      const mark = isTold && option.right ? "right" : isTold && guess === i ? "wrong" : "";
      return html`<label class=${mark}>
        <input type="radio" name=${`guess-${lesson.name}`} checked=${guess === i} disabled=${isTold} onChange=${() => choose({ guess: i })} />
        <span>${written(option)}</span>
        ${mark && html`<b>${say(mark === "right" ? "✓ so it is" : "your guess")}</b>`}
      </label>`;
    })}
  </fieldset>`;
}

function Happened({ lesson, outcome, guess }) {
  const place = useRef(null);
  const at = lessons().indexOf(lesson);
  const next = lessons()[at + 1];
  useLayoutEffect(() => place.current.scrollIntoView({ block: "nearest" }), []);
  const holds = verdict(lesson, outcome);
  return html`<div ref=${place} role="status">
    <h3>${say(lesson.options[guess]?.right ? "You guessed right. What happened" : "What happened")}</h3>
    <div class="happened">
      ${paragraphs(filledIn(lesson, outcome))}
      ${!holds && html`<p><b>${say("In this run the sentence does not hold: a control was changed, or the numbers below fell otherwise.")}</b></p>`}
    </div>
    <ul class="numbers">${Object.entries(lesson.numbers).filter(([, about]) => about.en).map(([name, about]) => html`<li><span>${written(about)}</span><b>${outcome.shown[name]}</b></li>`)}</ul>
    <div class="actions">
      ${next && html`<button type="button" class="main" onClick=${() => open(next.name)}>${say("Next lesson")}</button>`}
      <button type="button" onClick=${restart}>${say("Start again")}</button>
    </div>
  </div>`;
}

function paragraphs(text) {
  return text.trim().split(/\n\s*\n/).map((part) => html`<p>${part.replace(/\s*\n\s*/g, view().language === "zh" ? "" : " ")}</p>`);
}
