// The engine as the page sees it: a script of its own, which stands before this one.

const { play } = globalThis;

export const ACTIVATIONS = play.ACTIVATIONS;
export const INITIALISERS = play.INITIALISERS;
export const SOURCES = play.SOURCES;
export const FIELDS = play.FIELDS;
export const HIDDEN = play.HIDDEN;
export const LOSSES = play.LOSSES;
export const Session = play.Session;
export const applied = play.applied;
export const changed = play.changed;
export const validated = play.validated;
export const logistic = play.logistic;
export const neuron = play.neuron;
export const BROKEN = play.BROKEN;
export const ERRORS = play.ERRORS;
export const FINDINGS = play.FINDINGS;
export const LEFT = play.LEFT;
export const REMEDIES = play.REMEDIES;
export const said = play.said;

/** The text of the engine's script, for a worker. */
export const TEXT = play.text;

/** The setting that stands when nothing was chosen. */
export const STANDARD = validated({}).setting;
