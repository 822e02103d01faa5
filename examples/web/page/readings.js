/** The network's outputs as readings, with places in pixels of the photo. */

const AGREED = 0.5; // as in fused_ocr.reader

/**
 * @param {Record<string, Float32Array|Int32Array>} outputs of one frame.
 * @param {{labels: string[], minReadable: number}} description of the model.
 * @param {[number, number]} scaleYx frame pixels a photo pixel.
 * @param {[number, number]} sizeYx of the photo, pixels.
 * @returns {{text: string, score: number, label: string, box: number[],
 *   quad: number[][], readable: boolean, doubtful: boolean}[]} in reading order; `box`
 *   is y1, x1, y2, x2, `quad` four corners y, x, clockwise from the text's top left.
 */
export function readingsOf(outputs, description, scaleYx, sizeYx) {
  const rows = outputs.score.length;
  const slots = outputs.codes.length / rows;
  const readings = [];
  for (let r = 0; r < outputs.count[0]; r++) {
    const codes = outputs.codes.subarray(r * slots, (r + 1) * slots);
    const box = Array.from(outputs.box.subarray(4 * r, 4 * r + 4), (edge, i) =>
      Math.min(edge / scaleYx[i % 2], sizeYx[i % 2]),
    );
    const readable = !outputs.readable || outputs.readable[r] >= description.minReadable;
    readings.push({
      text: String.fromCodePoint(...codes.filter((code) => code >= 0)),
      score: outputs.score[r],
      label: description.labels[outputs.label[r]],
      box,
      quad: outputs.quad ? corners(outputs.quad, r, scaleYx) : cornersOf(box),
      readable,
      doubtful: readable && outputs.agreement !== undefined && outputs.agreement[r] < AGREED,
    });
  }
  return readings;
}

function corners(quad, r, scaleYx) {
  return [0, 1, 2, 3].map((i) =>
    scaleYx.map((scale, axis) => quad[8 * r + 2 * i + axis] / scale),
  );
}

function cornersOf([y1, x1, y2, x2]) {
  return [[y1, x1], [y1, x2], [y2, x2], [y2, x1]];
}
