// What the page has to know of the engine: names, formulas, words, and the standard setting.

import { ACTIVATIONS, INITIALISERS } from "../engine/table.js";
import { SOURCES } from "../engine/sources.js";
import { FIELDS, HIDDEN, validated } from "../engine/setting.js";

const kindOf = ({ kept, own, classes, features }) => ({ kept: Boolean(kept), own: Boolean(own), classes, features });

/** As plain data for a message. */
export function known() {
  const { hidden } = FIELDS.fields.network.fields;
  return {
    activations: HIDDEN,
    formulas: Object.fromEntries(Object.entries(ACTIVATIONS).map(([name, { formula }]) => [name, formula])),
    initialisers: Object.keys(INITIALISERS),
    sources: Object.fromEntries(Object.entries(SOURCES).map(([name, source]) => [name, kindOf(source)])),
    mostLayers: hidden.most,
    standard: validated({}).setting,
  };
}
