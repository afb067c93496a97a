// The lessons that stand in the file.

const text = typeof document === "undefined" ? null : document.getElementById("document");

/** What Python has put into the file: lessons, the ladder's columns, and how to begin. */
export const DOCUMENT = text ? JSON.parse(text.textContent) : { lessons: [], columns: [], start: {} };

export const LESSONS = DOCUMENT.lessons;

/** The lesson of a name; null where there is none. */
export function lessonOf(name) {
  return LESSONS.find((lesson) => lesson.name === name) ?? null;
}
