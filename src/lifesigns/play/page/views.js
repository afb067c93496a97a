// The views by their keys, in their order.

import { LayersView } from "./layers_view.js";
import { NeuronView } from "./neuron_view.js";
import { PathView } from "./path_view.js";
import { SlopeView } from "./slope_view.js";
import { TermsView } from "./terms_view.js";

export const VIEWS = {
  layers: { name: "Layers and units", View: LayersView },
  slope: { name: "Activation and slope", View: SlopeView },
  path: { name: "Path of two weights", View: PathView },
  neuron: { name: "Two losses, one neuron", View: NeuronView },
  terms: { name: "One step, term by term", View: TermsView },
};
