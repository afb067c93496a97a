// The recorded steps as a page of the report, for its ladder and its map.

import { matrix } from "../../report/page/browser/arrays.js";
import { say } from "../../report/page/browser/words.js";
import { columns } from "./lesson_list.js";

/** The page that ladder.js and map.js draw, from what health.js has sent. */
export function healthPage({ layers, ladder, maps, steps }, findings) {
  const count = steps.length;
  const own = findings.filter(({ layer }) => layer !== null && layer !== undefined);
  const at = (k) => own.flatMap((finding, i) => (finding.layer === k ? [i] : []));
  return {
    run: { streams: 1 },
    columns: columns(),
    findings: own,
    layers: layers.map((layer, k) => ({ ...layer, name: layer.name === "output" ? say("output") : say("layer {}", layer.name), findings: at(k) })),
    ladder: Object.fromEntries(Object.entries(ladder).map(([key, values]) => [key, matrix(layers.length, count, values)])),
    recorded: { steps, streams: new Uint8Array(count), merged: new Int32Array(count).fill(1) },
    maps: maps.map((map) => ({
      ...map,
      steps: Int32Array.from({ length: count }, (_, i) => i),
      active: matrix(map.units, count, map.active),
      saturated: map.saturated && matrix(map.units, count, map.saturated),
    })),
  };
}
