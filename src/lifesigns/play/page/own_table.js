// The reader's own table: typed, pasted, dropped, or chosen as a file.

import { html, useState } from "../../report/page/browser/libraries.js";
import { useView } from "../../report/page/browser/state.js";
import { say } from "../../report/page/browser/words.js";
import { change } from "./player.js";

const EXAMPLE = "width,length,kind\n1.2,3.4,a\n2.5,1.1,b";

export function OwnTable({ setting }) {
  const free = useView((view) => view.free);
  const [isOver, setOver] = useState(false);
  const [draft, setDraft] = useState(null);
  if (free !== null && free !== "data.name") return null;
  const isOwn = setting.data.name === "own";
  const take = (csv) => {
    setDraft(null);
    if (csv.trim()) change("data", { ...setting.data, name: "own", csv, target: "" });
  };
  const read = async (files) => files?.length && take(await files[0].text());
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    read(event.dataTransfer.files);
  };
  return html`<details class=${`more own ${isOver ? "over" : ""}`} open=${isOwn}
    onDragOver=${(event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${drop}>
    <summary>${say("Your own table")}</summary>
    <label class="hidden" for="own">${say("Your own table as CSV")}</label>
    <textarea id="own" spellcheck="false" placeholder=${EXAMPLE} value=${draft ?? setting.data.csv ?? ""}
      onInput=${(event) => setDraft(event.target.value)} onPaste=${(event) => { event.preventDefault(); take(event.clipboardData.getData("text")); }}></textarea>
    <p class="soft">${say("Paste or drop a CSV file: 1 to 64 columns of numbers, the last column what is to be learnt, up to 10 classes or a value. It stays on this machine.")}</p>
    <div class="actions">
      <button type="button" disabled=${draft === null} onClick=${() => take(draft)}>${say("Use it")}</button>
      <input id="own-file" type="file" class="hidden" accept=".csv,.tsv,.txt,text/csv" tabindex="-1" aria-label=${say("CSV file")} onChange=${(event) => read(event.target.files)} />
      <button type="button" onClick=${() => document.getElementById("own-file").click()}>${say("Choose a file…")}</button>
    </div>
  </details>`;
}
