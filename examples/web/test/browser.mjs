/** Headless Chromium on the page, as the tests and the benchmark drive it. */

import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * @param {string[]} flags besides those that keep the browser quiet.
 */
export function launch(flags = []) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: [...FLAGS, ...flags] });
}

/** What the page shows: texts with scores, what it says, what went wrong. */
export async function seen(page) {
  return page.evaluate(() => ({
    texts: [...document.querySelectorAll("#readings .reading")].map(
      (row) => row.dataset.text,
    ),
    scores: [...document.querySelectorAll("#readings .score")].map(
      (score) => score.textContent,
    ),
    status: document.querySelector("#status").textContent,
    spoken: document.querySelector("#spoken").textContent,
    engine: document.querySelector("#engine").textContent,
    error: document.querySelector("#error").hidden
      ? ""
      : document.querySelector("#error").textContent,
  }));
}

/** Wait until the page has a model ready. */
export async function ready(page) {
  await page.waitForFunction(
    () =>
      /^Ready|^\d+ reading/.test(document.querySelector("#status").textContent) ||
      !document.querySelector("#error").hidden,
    undefined,
    { timeout: 60_000 },
  );
}

/** Choose a file, wait for what comes of it. */
export async function choose(page, file) {
  await settled(page, () => page.setInputFiles("#file", file));
  return seen(page);
}

/** Do something and wait until the page has read, or has said what is wrong. */
export async function settled(page, act) {
  await page.evaluate(() => {
    document.querySelector("#status").textContent = "";
    document.querySelector("#error").hidden = true;
  });
  await act();
  await page.waitForFunction(
    () =>
      /\d+ readings?[ ,]/.test(document.querySelector("#status").textContent) ||
      !document.querySelector("#error").hidden,
    undefined,
    { timeout: 60_000 },
  );
}
