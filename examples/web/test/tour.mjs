/**
 * A tour of the page in headless Chromium; what was seen on it goes to stdout as JSON.
 *
 *     node tour.mjs TOUR.json
 *
 * The file says: `url` of the page, `photos` to read, `video` that the camera shows,
 * `huge` photo, `text` that is no photo, `broken` model that the server has in its list,
 * `stop` what to fetch for the server to stop.
 */

import { readFile } from "node:fs/promises";
import { choose, launch, ready, seen, settled } from "./browser.mjs";

const tour = JSON.parse(await readFile(process.argv[2], "utf-8"));
const browser = await launch([
  "--use-fake-device-for-media-stream",
  `--use-file-for-fake-video-capture=${tour.video}`,
]);
const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
const requests = [];
context.on("request", (request) => requests.push(request.url()));
const page = await context.newPage();
const errors = [];
page.on("pageerror", (error) => errors.push(error.message));
const found = { errors };

await page.goto(`${tour.url}?least=0`);
await ready(page);
found.start = await seen(page);

found.photos = {};
for (const photo of tour.photos) found.photos[photo] = await choose(page, photo);

found.notPhoto = await choose(page, tour.text);
found.several = await choose(page, [tour.text, tour.photos[0], tour.photos[1]]);

// The drop of text: no file is in it.
await settled(page, () =>
  page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.setData("text/plain", "hello");
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
  }),
);
found.textDropped = await seen(page);
found.afterBad = await choose(page, tour.photos[0]);

// The page goes on while a large photo is read: its timers run.
await page.evaluate(() => {
  window.ticks = 0;
  setInterval(() => window.ticks++, 20);
});
found.huge = await choose(page, tour.huge);
found.ticks = await page.evaluate(() => window.ticks);

// The camera: refused, then allowed.
await context.clearPermissions();
await page.evaluate(() => {
  const media = navigator.mediaDevices;
  window.ask = media.getUserMedia.bind(media);
  media.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
});
await settled(page, () => page.click("#camera"));
found.refused = await seen(page);
await page.evaluate(() => {
  navigator.mediaDevices.getUserMedia = window.ask;
});
await context.grantPermissions(["camera"]);
await page.click("#camera");
await page.waitForFunction(
  () =>
    document.querySelector("#status").textContent.startsWith("Live") &&
    document.querySelectorAll("#readings .reading").length > 0,
  undefined,
  { timeout: 20_000 },
);
found.live = await seen(page);
await settled(page, () => page.click("#camera"));
found.held = await seen(page);

// Copying.
await context.grantPermissions(["clipboard-read", "clipboard-write"]);
await choose(page, tour.photos[0]);
await page.click("#copy");
found.copied = await page.evaluate(() => navigator.clipboard.readText());

// By keyboard alone: from the model to a sample, which Enter reads.
await page.focus("#models input:checked");
for (let i = 0; i < 4; i++) {
  const on = await page.evaluate(() => document.activeElement.closest("#samples") !== null);
  if (on) break;
  await page.keyboard.press("Tab");
}
await settled(page, () => page.keyboard.press("Enter"));
found.byKeyboard = await seen(page);

// A model that does not load; the one before goes on reading.
await page.evaluate(() => (document.querySelector("#error").hidden = true));
await page.click(`#models input[value="${tour.broken}"]`);
await page.waitForFunction(() => !document.querySelector("#error").hidden);
found.broken = await seen(page);
found.checked = await page.evaluate(
  () => document.querySelector("#models input:checked").value,
);
found.afterBroken = await choose(page, tour.photos[0]);

// Without a server.
await (await fetch(tour.stop)).text().catch(() => {});
await page.reload();
await ready(page);
found.offline = await choose(page, tour.photos[0]);

found.requests = requests;
await browser.close();
console.log(JSON.stringify(found));
