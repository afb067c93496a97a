// The places of a setting by name: `optimizer.rate`, and `network.hidden` as "8 relu, 4 tanh".

export const ALL_LAYERS = "network.activation";
export const WIDTH = "network.width";
export const HIDDEN = "network.hidden";

/** The value of a place. */
export function read(setting, key) {
  const { hidden } = setting.network;
  if (key === HIDDEN) return hidden.map(layerText).join(", ");
  if (key === ALL_LAYERS) return new Set(hidden.map(({ activation }) => activation)).size === 1 ? hidden[0].activation : "";
  if (key === WIDTH) return hidden[0]?.units ?? 0;
  return key.split(".").reduce((part, name) => part?.[name], setting);
}

/** The setting with another value at a place; the given one stays as it is. */
export function write(setting, key, value) {
  if (key === HIDDEN) return { ...setting, network: { ...setting.network, hidden: parseLayers(value) } };
  if (key === ALL_LAYERS || key === WIDTH) {
    const name = key === WIDTH ? "units" : "activation";
    return { ...setting, network: { ...setting.network, hidden: setting.network.hidden.map((layer) => ({ ...layer, [name]: value })) } };
  }
  const [first, ...rest] = key.split(".");
  if (!rest.length) return { ...setting, [first]: value };
  return { ...setting, [first]: write(setting[first], rest.join("."), value) };
}

function layerText({ units, activation, slope, pieces }) {
  const more = activation === "maxout" && pieces ? `/${pieces}` : slope !== undefined && slope !== null ? `/${slope}` : "";
  return `${units} ${activation}${more}`;
}

/** Layers from "8 relu, 4 tanh"; after a stroke stands PReLU's slope or the number of maxout's pieces. */
export function parseLayers(text) {
  return text.split(",").map((part) => part.trim()).filter(Boolean).map((part) => {
    const [units, name] = part.split(/\s+/);
    const [activation, more] = (name ?? "").split("/");
    const layer = { units: Number.isFinite(Number(units)) ? Number(units) : units, activation };
    if (more !== undefined) layer[activation === "maxout" ? "pieces" : "slope"] = Number(more);
    return layer;
  });
}

/** All places of a setting with their values; own data's name stays. */
export function places(setting) {
  const found = [];
  const walk = (part, path) => {
    for (const [name, value] of Object.entries(part)) {
      const key = path ? `${path}.${name}` : name;
      if (key === HIDDEN) found.push([key, read(setting, HIDDEN)]);
      else if (value && typeof value === "object" && !Array.isArray(value)) walk(value, key);
      else if (key !== "version") found.push([key, value]);
    }
  };
  walk(setting, "");
  return found;
}
