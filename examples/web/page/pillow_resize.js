/**
 * Pillow's bilinear resizing of RGB pixels: to the last bit, but for a photo that shrinks
 * six times or more and unlike along x and y, where values may be one off.
 *
 * A browser's own resizing differs from browser to browser, and a string may hang on
 * it. Here a photo becomes the same frame as in Python: box averages by whole factors
 * first where it shrinks a lot (`reducing_gap`), then a triangle as wide as a pixel of
 * the result, along x and then along y, in integers.
 */

const PRECISION_BITS = 22;
const REDUCING_GAP = 3;

/**
 * @param {{data: Uint8Array|Uint8ClampedArray, width: number, height: number,
 *   channels: number}} photo channels beyond the third are not looked at.
 * @returns {{data: Uint8Array, width: number, height: number, channels: 3}}
 */
export function resize(photo, width, height) {
  const factorX = Math.floor(photo.width / width / REDUCING_GAP) || 1;
  const factorY = Math.floor(photo.height / height / REDUCING_GAP) || 1;
  const small = factorX > 1 || factorY > 1 ? reduce(photo, factorX, factorY) : photo;
  // The last cell may be cut off; Pillow keeps such a size in 32 bits.
  const wide = alongX(small, Math.fround(photo.width / factorX), width);
  return alongY(wide, Math.fround(photo.height / factorY), height);
}

/** The mean of each cell of `factorX` x `factorY` pixels. */
function reduce(photo, factorX, factorY) {
  const { data, channels } = photo;
  const width = Math.ceil(photo.width / factorX);
  const height = Math.ceil(photo.height / factorY);
  const small = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    const top = y * factorY;
    const bottom = Math.min(top + factorY, photo.height);
    for (let x = 0; x < width; x++) {
      const left = x * factorX;
      const right = Math.min(left + factorX, photo.width);
      const cells = (bottom - top) * (right - left);
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let row = top; row < bottom; row++) {
        let from = (row * photo.width + left) * channels;
        for (let column = left; column < right; column++, from += channels) {
          red += data[from];
          green += data[from + 1];
          blue += data[from + 2];
        }
      }
      // Rounded down: a sum that divides evenly may come out one lower, as in Pillow.
      const share = Math.floor(2 ** 24 / cells) / 2 ** 24;
      const half = cells >> 1;
      small[at++] = (red + half) * share;
      small[at++] = (green + half) * share;
      small[at++] = (blue + half) * share;
    }
  }
  return { data: small, width, height, channels: 3 };
}

/**
 * Which pixels make each pixel of the result, and how much of each.
 *
 * @param {number} available pixels there are.
 * @param {number} extent pixels, perhaps with a fraction, that are resized.
 * @param {number} wanted pixels of the result.
 */
function taps(available, extent, wanted) {
  const scale = extent / wanted;
  const support = Math.max(scale, 1); // the triangle's half width
  const most = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(wanted);
  const counts = new Int32Array(wanted);
  const weights = new Int32Array(wanted * most);
  const row = new Float64Array(most);
  for (let i = 0; i < wanted; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const last = Math.min(Math.trunc(centre + support + 0.5), available);
    let sum = 0;
    for (let k = 0; k < last - first; k++) {
      const away = Math.abs((k + first - centre + 0.5) * (1 / support));
      row[k] = away < 1 ? 1 - away : 0;
      sum += row[k];
    }
    starts[i] = first;
    counts[i] = last - first;
    for (let k = 0; k < last - first; k++) {
      const share = sum === 0 ? row[k] : row[k] / sum;
      weights[i * most + k] = Math.trunc(0.5 + share * (1 << PRECISION_BITS));
    }
  }
  return { starts, counts, weights, most };
}

function alongX(photo, extent, width) {
  const { data, channels, height } = photo;
  if (extent === width && photo.width === width && channels === 3) return photo;
  const { starts, counts, weights, most } = taps(photo.width, extent, width);
  const made = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let from = (y * photo.width + starts[x]) * channels;
      let red = 1 << (PRECISION_BITS - 1);
      let green = red;
      let blue = red;
      const end = x * most + counts[x];
      for (let k = x * most; k < end; k++, from += channels) {
        const weight = weights[k];
        red += data[from] * weight;
        green += data[from + 1] * weight;
        blue += data[from + 2] * weight;
      }
      made[at++] = clip(red);
      made[at++] = clip(green);
      made[at++] = clip(blue);
    }
  }
  return { data: made, width, height, channels: 3 };
}

function alongY(photo, extent, height) {
  const { data, width } = photo;
  if (extent === height && photo.height === height) return photo;
  const { starts, counts, weights, most } = taps(photo.height, extent, height);
  const stride = width * 3;
  const made = new Uint8Array(stride * height);
  const sums = new Int32Array(stride);
  for (let y = 0; y < height; y++) {
    sums.fill(1 << (PRECISION_BITS - 1));
    for (let k = 0; k < counts[y]; k++) {
      const weight = weights[y * most + k];
      const from = (starts[y] + k) * stride;
      for (let i = 0; i < stride; i++) sums[i] += data[from + i] * weight;
    }
    for (let i = 0; i < stride; i++) made[y * stride + i] = clip(sums[i]);
  }
  return { data: made, width, height, channels: 3 };
}

function clip(sum) {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
