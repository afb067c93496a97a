// The views by their keys, in their order.

import { LayersView } from "./layers_view.js";
import { NeuronView } from "./neuron_view.js";
import { PathView } from "./path_view.js";
import { SlopeView } from "./slope_view.js";
import { TermsView } from "./terms_view.js";

export const VIEWS = {
  layers: { name: "Layers", View: LayersView },
  slope: { name: "Activation", View: SlopeView },
  path: { name: "Weight path", View: PathView },
  neuron: { name: "Two losses", View: NeuronView },
  terms: { name: "Term by term", View: TermsView },
};
