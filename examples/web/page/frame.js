/** A photo in the model's frame: as large as it can be, at the top left. */

import { resize } from "./pillow_resize.js";

const GREY = 127;

/**
 * The frame that `fused_ocr.lite.fit` makes of the same pixels.
 *
 * @param {{data: Uint8ClampedArray, width: number, height: number}} photo RGBA.
 * @param {[number, number]} frameYx height and width of the frame, pixels.
 * @param {number} most frame pixels a photo pixel, at most.
 * @returns {{data: Uint8Array, scaleYx: [number, number]}} RGB (h, w, 3), and frame
 *   pixels a photo pixel.
 */
export function fit(photo, [frameHeight, frameWidth], most) {
  const scale = Math.min(frameHeight / photo.height, frameWidth / photo.width, most);
  const height = clamp(roundHalfEven(photo.height * scale), frameHeight);
  const width = clamp(roundHalfEven(photo.width * scale), frameWidth);
  const { data: rgba } = photo; // an ImageData's fields do not spread
  const source = { data: rgba, width: photo.width, height: photo.height, channels: 4 };
  const small = resize(source, width, height);
  const scaleYx = [height / photo.height, width / photo.width];
  if (height === frameHeight && width === frameWidth) {
    return { data: small.data, scaleYx };
  }
  const data = new Uint8Array(frameHeight * frameWidth * 3).fill(GREY);
  for (let y = 0; y < height; y++) {
    const row = small.data.subarray(y * width * 3, (y + 1) * width * 3);
    data.set(row, y * frameWidth * 3);
  }
  return { data, scaleYx };
}

/** How far a photo may grow into the frame, which the network fits into its view again. */
export function mostEnlarged([frameHeight, frameWidth], { viewYx, maxEnlargement }) {
  const scale = Math.min(viewYx[0] / frameHeight, viewYx[1] / frameWidth);
  return maxEnlargement / Math.min(scale, maxEnlargement);
}

function clamp(side, limit) {
  return Math.max(1, Math.min(limit, side));
}

/** Python's `round`. */
function roundHalfEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 ? below + 1 : below;
}
