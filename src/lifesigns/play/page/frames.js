// What the engine has sent last. Canvases draw each frame; texts are drawn anew when they changed.
//
// A frame belongs to the networks that were made with it: after a change nothing draws an old one.

import { useLayoutEffect, useRef, useState } from "../../report/page/browser/libraries.js";
import { view } from "../../report/page/browser/state.js";

let newest = null;
const watchers = new Set();

/** The newest frame of the present networks; null before the first. */
export function latest() {
  return newest?.version === view().version ? newest : null;
}

/** Hands a new frame to everything that shows one. */
export function show(next) {
  newest = next;
  if (latest()) watchers.forEach((watcher) => watcher(next));
}

/** Calls `draw` with each frame from now on, and once with the present one. */
export function useFrames(draw, needs) {
  const current = useRef(draw);
  current.current = draw;
  useLayoutEffect(() => {
    const watcher = (next) => next && current.current(next);
    watchers.add(watcher);
    watcher(latest());
    return () => watchers.delete(watcher);
  }, needs);
}

/** A part of the frame; the component is drawn anew when it is another one. */
export function useFrame(part) {
  const [, redraw] = useState(0);
  const seen = useRef(undefined);
  const frame = latest();
  seen.current = frame ? part(frame) : undefined;
  useFrames((next) => {
    if (!Object.is(part(next), seen.current)) redraw((times) => times + 1);
  }, []);
  return seen.current;
}
