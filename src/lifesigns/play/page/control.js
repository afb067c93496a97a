// One control: a list, a number or a switch, with its name, its unit and, on a click, its meaning.

import { html, useEffect, useState } from "../../report/page/browser/libraries.js";
import { useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";

/** A control with its present value; `onChange` is handed the next one, `place` is what a teacher frees. */
export function Control({ about, value, onChange, id = `control-${about.key}`, place = about.key }) {
  const free = useView((view) => view.free);
  const isFixed = free !== null && free !== place;
  const Field = { choice: Choice, number: Number_, switch: Switch, text: Text }[about.kind];
  const label = say(about.label);
  return html`<div class=${`control ${about.kind}`} title=${about.help ? say(about.help) : undefined}>
    <label for=${id}>${label}${about.unit && html` <small>${say(about.unit)}</small>`}</label>
    <${Field} id=${id} about=${about} value=${value} onChange=${onChange} isFixed=${isFixed} />
  </div>`;
}

function Choice({ id, about, value, onChange, isFixed }) {
  const groups = new Map();
  for (const [key, name, group] of about.options()) {
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push([key, name]);
  }
  const item = ([key, name]) => html`<option value=${key} selected=${key === value}>${say(name)}</option>`;
  return html`<select id=${id} value=${value} disabled=${isFixed} onChange=${(event) => onChange(event.target.value)}>
    ${[...groups].map(([group, items]) => (group ? html`<optgroup label=${say(group)}>${items.map(item)}</optgroup>` : items.map(item)))}
  </select>`;
}

/** A number that is taken when the field is left or Enter is pressed; what is none is put back, and that is said. */
function Number_({ id, about, value, onChange, isFixed }) {
  const [text, setText] = useState(String(value));
  const [wrong, setWrong] = useState(null);
  useEffect(() => {
    setText(shown(value));
    setWrong(null);
  }, [value]);
  const take = (raw) => {
    const number = Number(String(raw).trim().replace(",", "."));
    if (String(raw).trim() === "" || !Number.isFinite(number)) {
      setWrong(String(raw));
      return setText(shown(value));
    }
    setWrong(null);
    const within = Math.min(Math.max(number, about.min), about.max);
    const next = about.whole || Number.isInteger(about.step) && Number.isInteger(about.min) && about.step === 1 ? Math.round(within) : within;
    setText(shown(next));
    if (next !== value) onChange(next);
  };
  const turn = (up) => take(turned(value, about, up));
  return html`<span class="stepper">
    <button type="button" disabled=${isFixed} aria-label=${say("{}: less", say(about.label))} onClick=${() => turn(-1)}>−</button>
    <input id=${id} type="text" inputmode="decimal" autocomplete="off" value=${text} disabled=${isFixed}
      onInput=${(event) => setText(event.target.value)} onChange=${(event) => take(event.target.value)}
      onKeyDown=${(event) => {
        const up = { ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (up) {
          event.preventDefault();
          turn(up);
        }
      }} />
    <button type="button" disabled=${isFixed} aria-label=${say("{}: more", say(about.label))} onClick=${() => turn(1)}>+</button>
  </span>${wrong !== null && html`<p class="problem" role="alert">${say("“{}” is no number; it stays {}.", wrong, shown(value))}</p>`}`;
}

/** A text that is taken when the field is left or Enter is pressed. */
function Text({ id, value, onChange, isFixed }) {
  return html`<input id=${id} type="text" class="text" autocomplete="off" value=${value} disabled=${isFixed} onChange=${(event) => onChange(event.target.value)} />`;
}

function Switch({ id, value, onChange, isFixed }) {
  return html`<input id=${id} type="checkbox" role="switch" checked=${Boolean(value)} disabled=${isFixed} onChange=${(event) => onChange(event.target.checked)} />`;
}

/** The next number: 1, 2, 5, 10 … where what counts is the size, else a step more or less. */
export function turned(value, about, up) {
  if (!about.ladder) return Number((value + up * about.step).toPrecision(12));
  if (!(value > 0)) return up > 0 ? about.ladder : 0;
  const power = Math.floor(Math.log10(value) + 1e-9);
  const digits = [0.5, 1, 2, 5, 10, 20].map((digit) => Number((digit * 10 ** power).toPrecision(6)));
  return up > 0 ? digits.find((each) => each > value * 1.0001) : digits.filter((each) => each < value * 0.9999).at(-1);
}

function shown(value) {
  return String(Number(Number(value).toPrecision(6)));
}
