// Numbers in few characters.

const SHARES = new Set(["dead", "saturated"]);

/** Two significant digits: 0.012, 1.2e−5, 340. */
export function short(value) {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e4) return String(Number(value.toPrecision(size >= 100 ? 3 : 2))).replace("-", "−");
  return value.toExponential(1).replace(".0e", "e").replace("e+", "e").replaceAll("-", "−");
}

/** A number of a ladder's column: shares in percent. */
export function inColumn(key, value) {
  return SHARES.has(key) && !Number.isNaN(value) ? percent(value) : short(value);
}

/** 42 %; what is more than nothing never reads as 0 %, nor less than all as 100 %. */
export function percent(share) {
  if (share > 0 && share < 0.01) return "<1 %";
  if (share < 1 && share > 0.99) return ">99 %";
  return `${Math.round(100 * share)} %`;
}

/** With separators: 12 000. */
export function whole(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** What is expected of a column, as in "0.1 to 10" or "at most 10 %". */
export function rangeOf({ key, expected: [low, high] }, say) {
  if (low === null && high === null) return say("anything");
  if (low === null || (SHARES.has(key) && low === 0)) return say("at most {}", inColumn(key, high));
  if (high === null) return say("at least {}", inColumn(key, low));
  return say("{} to {}", inColumn(key, low), inColumn(key, high));
}
