// What Python has put into the file, packed: the engine, the lessons, the ladder's columns, words.

let content = { lessons: [], columns: [], chinese: {}, engine: "" };

/** How to begin: the lesson, the language, the reader's own table. */
export function startOfPage() {
  return JSON.parse(document.getElementById("document").textContent).start;
}

/** Unpacks the rest. */
export async function unpackContent() {
  const { packed } = JSON.parse(document.getElementById("document").textContent);
  const bytes = Uint8Array.from(atob(packed), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  content = JSON.parse(await new Response(stream).text());
  return content;
}

/** The lessons in their order. */
export function lessons() {
  return content.lessons;
}

/** The lesson of a name; null where there is none. */
export function lessonOf(name) {
  return content.lessons.find((lesson) => lesson.name === name) ?? null;
}

/** The columns of the ladder, as the report has them. */
export function columns() {
  return content.columns;
}
