// The engine's words in English and Chinese.

/** Fills `{name}` in a template from data. */
export function said(template, data, language = "en") {
  const text = template[language] ?? template.en;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(data[name] ?? ""));
}

export const ERRORS = {};
export const BROKEN = {};
export const FINDINGS = {};
export const REMEDIES = {};
export const LEFT = {};
