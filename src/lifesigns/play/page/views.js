// The views by their keys, in their order.

import { SlopeView } from "./slope_view.js";

export const VIEWS = {
  slope: { name: "Activation and slope", View: SlopeView },
};
