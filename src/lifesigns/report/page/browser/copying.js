// Puts a text where it can be pasted from.

/** Copies where the browser lets a page do so; a page opened from a file may have to do it by hand. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}
