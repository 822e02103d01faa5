/** A picture on a canvas, fitted into it, with the readings over it. */

const YELLOW = "#ffd600";
const INK = "#0b0c0e";

/**
 * @param {HTMLCanvasElement} canvas filled, whatever its size.
 * @param {CanvasImageSource} picture
 * @param {[number, number]} sizeYx of the picture, in the pixels of the readings.
 * @param {object[]} readings
 */
export function draw(canvas, picture, [height, width], readings) {
  const dense = window.devicePixelRatio || 1;
  const bounds = canvas.getBoundingClientRect();
  const wide = Math.round(bounds.width * dense);
  const tall = Math.round(bounds.height * dense);
  if (canvas.width !== wide || canvas.height !== tall) {
    canvas.width = wide;
    canvas.height = tall;
  }
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, wide, tall);
  const scale = Math.min(wide / width, tall / height);
  const left = (wide - width * scale) / 2;
  const top = (tall - height * scale) / 2;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, left, top, width * scale, height * scale);
  const place = ([y, x]) => [left + x * scale, top + y * scale];
  for (const reading of readings) outline(pen, reading.quad.map(place), dense);
  const taken = [];
  for (const reading of readings) {
    taken.push(label(pen, reading, reading.quad.map(place), [wide, tall], dense, taken));
  }
}

function outline(pen, corners, dense) {
  pen.beginPath();
  for (const corner of corners) pen.lineTo(...corner);
  pen.closePath();
  pen.lineJoin = "round";
  for (const [colour, thickness] of [[INK, 5], [YELLOW, 2.5]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = thickness * dense;
    pen.stroke();
  }
}

/** A reading's text beside its outline, where it hides no other; where that is. */
function label(pen, reading, corners, [wide, tall], dense, taken) {
  const text = reading.text || "?";
  const size = 15 * dense;
  pen.font = `700 ${size}px ui-monospace, "SF Mono", Menlo, Consolas, monospace`;
  const pad = size * 0.35;
  const width = pen.measureText(text).width + 2 * pad;
  const height = size + 2 * pad;
  const xs = corners.map(([x]) => x);
  const ys = corners.map(([, y]) => y);
  const gap = 4 * dense;
  const left = Math.min(...xs);
  const above = Math.min(...ys) - gap - height;
  const below = Math.max(...ys) + gap;
  const clear = (y) =>
    y >= 0 && y + height <= tall && !taken.some((other) => touches(other, left, y, width));
  const y = clear(above) ? above : clear(below) ? below : Math.max(above, 0);
  const x = Math.min(Math.max(left, 0), Math.max(wide - width, 0));
  pen.fillStyle = INK;
  pen.fillRect(x - dense, y - dense, width + 2 * dense, height + 2 * dense);
  pen.fillStyle = YELLOW;
  pen.fillRect(x, y, width, height);
  pen.fillStyle = INK;
  pen.textBaseline = "middle";
  pen.fillText(text, x + pad, y + height / 2 + dense);
  return { x, y, width, height };

  function touches(other, atX, atY, ownWidth) {
    return (
      atX < other.x + other.width &&
      other.x < atX + ownWidth &&
      atY < other.y + other.height &&
      other.y < atY + height
    );
  }
}
