// What the engine has sent last. Canvases draw each frame; texts are drawn anew when they changed.

import { useLayoutEffect, useRef, useState } from "../../report/page/browser/libraries.js";

let latest = null;
const watchers = new Set();

/** The newest frame; null before the first. */
export function frame() {
  return latest;
}

/** Hands a new frame to everything that shows one. */
export function show(next) {
  latest = next;
  watchers.forEach((watcher) => watcher(next));
}

/** Calls `draw` with each frame from now on, and once with the present one. */
export function useFrames(draw, needs) {
  const current = useRef(draw);
  current.current = draw;
  useLayoutEffect(() => {
    const watcher = (next) => next && current.current(next);
    watchers.add(watcher);
    watcher(latest);
    return () => watchers.delete(watcher);
  }, needs);
}

/** A part of the frame; the component is drawn anew when it is another one. */
export function useFrame(part) {
  const [, redraw] = useState(0);
  const seen = useRef(undefined);
  seen.current = latest ? part(latest) : undefined;
  useFrames((next) => {
    if (!Object.is(part(next), seen.current)) redraw((times) => times + 1);
  }, []);
  return seen.current;
}
