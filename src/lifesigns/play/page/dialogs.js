// Share and export, each in a dialog of its own.

import { copy } from "../../report/page/browser/copying.js";
import { html, useLayoutEffect, useRef, useState } from "../../report/page/browser/libraries.js";
import { choose, useView, view } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { CONTROLS } from "./controls_list.js";
import { known } from "./engine.js";
import { isTooLong, toHash } from "./hash.js";
import { written } from "./judged.js";
import { lessonOf } from "./lesson_list.js";
import { request } from "./player.js";

export function Dialogs() {
  const dialog = useView((view) => view.dialog);
  if (dialog === "share") return html`<${Dialog} title=${say("Share this state")}><${Share} /><//>`;
  if (dialog === "export") return html`<${Dialog} title=${say("Take it with you")}><${Export} /><//>`;
  return null;
}

function Dialog({ title, children }) {
  const place = useRef(null);
  useLayoutEffect(() => place.current.showModal(), []);
  return html`<dialog ref=${place} aria-labelledby="dialog-title" onClose=${() => choose({ dialog: null })}>
    <h2 id="dialog-title">${title}</h2>
    ${children}
    <div class="actions"><button type="button" onClick=${() => place.current.close()}>${say("Close")}</button></div>
  </dialog>`;
}

function Share() {
  const state = view();
  const [free, setFree] = useState(lessonOf(state.lesson)?.free ?? "");
  const link = (more) => `${location.href.split("#")[0]}#${toHash({ ...state, ...more }, known().standard)}`;
  return html`
    <p>${say("The link holds the whole state: data, network, first weights, loss, descent, and the lesson.")}</p>
    <${Copied} text=${link({})} label=${say("Link")} />
    ${isTooLong(state.setting) && html`<p class="problem">${say("Your own table is too long for a link and is not in it: send the file along.")}</p>`}
    <h3>${say("For a class")}</h3>
    <p>${say("Fix everything but one control, so that all eyes are on it.")}</p>
    <div class="row"><label for="free">${say("Left free")}</label>
      <select id="free" value=${free} onChange=${(event) => setFree(event.target.value)}>
        <option value="">${say("everything")}</option>
        <option value="other">${say("Side by side")}</option>
        ${CONTROLS.map((about) => html`<option value=${about.key} selected=${about.key === free}>${say(about.label)}</option>`)}
      </select></div>
    ${free && html`<${Copied} text=${link({ free })} label=${say("Link for the class")} />`}
  `;
}

function Export() {
  const [files, setFiles] = useState(null);
  const count = useView((view) => view.made.length);
  useLayoutEffect(() => void request("exported").then(({ sides }) => setFiles(sides)), []);
  if (!files) return html`<p>${say("One moment…")}</p>`;
  return files.map(({ script, toml, csv, csvName, left, steps }, side) => html`
    ${count > 1 && html`<h3>${say("Network {}", "AB"[side])}</h3>`}
    <h3>${say("PyTorch script")}</h3>
    <p>${say("With these data and these first weights: {} steps in double precision end at the loss of this page.", steps)}</p>
    <${File} text=${script} name=${`play${count > 1 ? `-${"ab"[side]}` : ""}.py`} />
    <h3>${say("Design for lifesigns lab")}</h3>
    <p>${say("To train it hundreds of times: lifesigns lab {}.", designName(side, count))}</p>
    <${File} text=${toml} name=${designName(side, count)} />
    ${csv && html`<p>${say("Its data, beside it:")}</p><${File} text=${csv} name=${csvName} />`}
    ${left.length > 0 && html`<p class="soft">${say("What the lab does not have:")} ${left.map(written).join(" ")}</p>`}
  `);
}

function designName(side, count) {
  return `design${count > 1 ? `-${"ab"[side]}` : ""}.toml`;
}

function File({ text, name }) {
  const save = () => {
    const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  };
  return html`<pre tabindex="0"><code>${text.length > 6000 ? `${text.slice(0, 6000)}\n…` : text}</code></pre>
    <div class="row"><button type="button" class="main" onClick=${save}>${say("Save {}", name)}</button><${CopyButton} text=${text} /></div>`;
}

function Copied({ text, label }) {
  return html`<div class="row"><input type="text" readonly value=${text} aria-label=${label} onFocus=${(event) => event.target.select()} /><${CopyButton} text=${text} /></div>`;
}

function CopyButton({ text }) {
  const [done, setDone] = useState(false);
  const click = async () => {
    await copy(text);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return html`<button type="button" onClick=${click}>${say(done ? "Copied" : "Copy")}</button>`;
}
