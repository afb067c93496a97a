// The vendored libraries are classic scripts that stand before this one; here they get names.

const { preact, preactHooks, htm, uPlot } = globalThis;

export const html = htm.bind(preact.h);
export const render = preact.render;
export const useState = preactHooks.useState;
export const useEffect = preactHooks.useEffect;
export const useLayoutEffect = preactHooks.useLayoutEffect;
export const useMemo = preactHooks.useMemo;
export const useRef = preactHooks.useRef;
export const Curves = uPlot;
