/**
 * What the page reads and how long the network takes; to stdout as JSON, by model.
 *
 *     node bench.mjs URL RUNS '{"plates": ["a.jpg", ...], ...}'
 */

import { choose, launch, ready } from "./browser.mjs";

const [url, runs, photos] = process.argv.slice(2);
const browser = await launch();
const found = {};
for (const [model, files] of Object.entries(JSON.parse(photos))) {
  const page = await browser.newPage();
  await page.goto(`${url}?least=0&model=${model}&accelerator=wasm`);
  await ready(page);
  const texts = {};
  for (const file of files) texts[file] = (await choose(page, file)).texts;
  // The optimising compiler comes in as the functions get hot.
  const times = [];
  for (let i = 0; i < Number(runs); i++) {
    await choose(page, files[0]);
    times.push(await page.evaluate(() => Number(document.body.dataset.network)));
  }
  found[model] = { texts, times };
  await page.close();
}
await browser.close();
console.log(JSON.stringify(found));
