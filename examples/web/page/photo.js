/** A photo file or a video's picture as pixels, upright, over white. */

import { ReadingError } from "./errors.js";

/** Beyond this the browser makes a photo smaller first: what phones can hold. */
const MOST_PIXELS = 16_000_000;

/**
 * @param {Blob} file of any kind that the browser shows.
 * @returns {Promise<ImageBitmap>} of at most 16 megapixels.
 * @throws {ReadingError} the browser cannot show it.
 */
export async function decode(file) {
  const name = file.name ? `“${file.name}”` : "That";
  if (file.size === 0) {
    throw new ReadingError(`${name} is empty. Choose a JPEG, PNG or WebP photo.`);
  }
  let bitmap;
  try {
    // Pillow, which the model's checks used, leaves colour profiles alone, too.
    const options = { colorSpaceConversion: "none", imageOrientation: "from-image" };
    bitmap = await createImageBitmap(file, options);
  } catch {
    throw new ReadingError(
      `${name} is no photo that this browser can open. Choose a JPEG, PNG or WebP photo.`,
    );
  }
  const scale = Math.sqrt(MOST_PIXELS / (bitmap.width * bitmap.height));
  if (scale >= 1) return bitmap;
  const small = await createImageBitmap(bitmap, {
    resizeWidth: Math.max(1, Math.floor(bitmap.width * scale)),
    resizeHeight: Math.max(1, Math.floor(bitmap.height * scale)),
    resizeQuality: "medium",
  });
  bitmap.close();
  return small;
}

let canvas;

/**
 * @param {ImageBitmap} bitmap
 * @returns {ImageData} RGBA; where the picture is transparent, white shines through.
 */
export function pixels(bitmap) {
  canvas ??= new OffscreenCanvas(1, 1);
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}
