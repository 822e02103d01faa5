/** Photos that are chosen, dropped on the page, or pasted. */

import { ReadingError } from "./errors.js";

/**
 * @param {HTMLInputElement} input for files.
 * @param {HTMLElement} target shows that something is about to be dropped.
 * @param {(file: File, note: string) => void} take one file; `note` says what was left.
 * @param {(error: ReadingError) => void} refuse
 */
export function listen(input, target, take, refuse) {
  input.addEventListener("change", () => {
    first(input.files);
    input.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    target.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) target.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault(); // or the browser leaves the page for the file
    target.classList.remove("over");
    first(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => first(event.clipboardData.files));

  function first(files) {
    if (files.length === 0) {
      refuse(new ReadingError("There was no file in that. Choose, drop or paste a photo."));
      return;
    }
    // Of several, the first that may be a photo.
    const all = [...files];
    const file = all.find((one) => one.type.startsWith("image/")) ?? all[0];
    const note =
      all.length > 1 ? `${all.length} files came; “${file.name}” was read. ` : "";
    take(file, note);
  }
}
