/**
 * What a `.tflite` file of fused_ocr says of itself: a zip archive behind the network,
 * its files stored as they are.
 */

import { ReadingError } from "./errors.js";

const DESCRIPTION = "fused_ocr.json";
const NEWEST = 1; // fused_ocr.artefact.FORMAT_VERSION
const END = 0x06054b50;
const ENTRY = 0x02014b50;

/**
 * @param {Uint8Array} file
 * @returns {{alphabet: string, labels: string[], minReadable: number,
 *   viewYx: [number, number], maxEnlargement: number}} `viewYx`: what its detector sees.
 * @throws {ReadingError} it is truncated, none of ours, or newer than this page.
 */
export function describe(file) {
  let values;
  try {
    values = JSON.parse(new TextDecoder().decode(member(file, DESCRIPTION)));
  } catch (error) {
    throw new ReadingError(
      "The model file is damaged, or not one of fused_ocr " +
        `(${error.message}). Build the page again.`,
    );
  }
  if (values.format_version > NEWEST) {
    throw new ReadingError(
      `The model file has format version ${values.format_version}; this page reads ` +
        `up to ${NEWEST}. Build the page with the newer library.`,
    );
  }
  return {
    alphabet: values.alphabet,
    labels: values.labels,
    minReadable: values.fusion?.assembly?.min_readable ?? 0,
    viewYx: values.fusion?.frame_yx ?? [1, 1],
    maxEnlargement: values.fusion?.max_enlargement ?? Infinity,
  };
}

/** One file of the archive at the end of `file`. */
function member(file, name) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const end = findEnd(view);
  const size = view.getUint32(end + 12, true);
  // Offsets count from the archive's own start, or from the file's.
  let at = end - size;
  const before = at - view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (view.getUint32(at, true) !== ENTRY) throw new Error("a broken archive");
    const lengths = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const found = new TextDecoder().decode(file.subarray(at + 46, at + 46 + lengths[0]));
    if (found === name) return stored(file, view, at, before);
    at += 46 + lengths[0] + lengths[1] + lengths[2];
  }
  throw new Error(`no ${name} inside`);
}

function stored(file, view, entry, before) {
  if (view.getUint16(entry + 10, true) !== 0) throw new Error("a compressed archive");
  const size = view.getUint32(entry + 20, true);
  const local = before + view.getUint32(entry + 42, true);
  const names = view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const start = local + 30 + names;
  if (start + size > file.length) throw new Error("a truncated archive");
  return file.subarray(start, start + size);
}

function findEnd(view) {
  // Behind the end's 22 bytes there may be a comment of up to 64 KB.
  const last = Math.max(0, view.byteLength - 22 - 0xffff);
  for (let at = view.byteLength - 22; at >= last; at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  throw new Error("no archive at its end");
}
