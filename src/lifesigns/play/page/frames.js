// What the engine has sent last. Canvases draw each frame; texts are drawn anew when they changed.

import { useLayoutEffect, useRef, useState } from "../../report/page/browser/libraries.js";

let newest = null;
const watchers = new Set();

/** The newest frame; null before the first. */
export function latest() {
  return newest;
}

/** Hands a new frame to everything that shows one. */
export function show(next) {
  newest = next;
  watchers.forEach((watcher) => watcher(next));
}

/** Calls `draw` with each frame from now on, and once with the present one. */
export function useFrames(draw, needs) {
  const current = useRef(draw);
  current.current = draw;
  useLayoutEffect(() => {
    const watcher = (next) => next && current.current(next);
    watchers.add(watcher);
    watcher(newest);
    return () => watchers.delete(watcher);
  }, needs);
}

/** A part of the frame; the component is drawn anew when it is another one. */
export function useFrame(part) {
  const [, redraw] = useState(0);
  const seen = useRef(undefined);
  seen.current = newest ? part(newest) : undefined;
  useFrames((next) => {
    if (!Object.is(part(next), seen.current)) redraw((times) => times + 1);
  }, []);
  return seen.current;
}
