// The reader's language and colours, on the whole page.

import { useLayoutEffect } from "./libraries.js";
import { useView } from "./state.js";

/** Puts the reader's language and colours on the page. */
export function useAppearance() {
  const language = useView((view) => view.language);
  const theme = useView((view) => view.theme);
  useLayoutEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  }, [language]);
  useLayoutEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
}
