/**
 * Keeps the page for when there is no network.
 *
 * `FILES` is written by build.py: the hash of each file. The page itself is fetched at
 * once, models and Wasm when they are first used. A file whose hash stays the same is not
 * fetched again by a newer build.
 */

const FILES = {}; /* build.py */
const LARGE = /\.(tflite|wasm|jpg)$|\/wasm\//;
const CACHE = "fused-ocr";

self.addEventListener("install", (event) => {
  const names = Object.keys(FILES).filter((name) => !LARGE.test(name));
  event.waitUntil(Promise.all(names.map((name) => kept(name, event).then(need))));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(tidy().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  const root = new URL("./", self.location);
  if (event.request.method !== "GET" || origin !== root.origin) return;
  const name = pathname.slice(root.pathname.length) || "index.html";
  if (name in FILES) event.respondWith(kept(name, event));
});

async function kept(name, event) {
  const cache = await caches.open(CACHE);
  const key = new URL(`${name}?${FILES[name]}`, self.location).href;
  const found = await cache.match(key);
  if (found) return found;
  const answer = await fetch(new URL(name, self.location), { cache: "no-cache" });
  if (answer.ok) {
    // A full disk must not keep the page from working.
    event.waitUntil(cache.put(key, answer.clone()).catch(() => {}));
  }
  return answer;
}

function need(answer) {
  if (!answer.ok) throw new Error(`${answer.url}: HTTP ${answer.status}`);
}

async function tidy() {
  const cache = await caches.open(CACHE);
  const current = Object.entries(FILES).map(([name, hash]) => `${name}?${hash}`);
  const wanted = new Set(current.map((one) => new URL(one, self.location).href));
  for (const request of await cache.keys()) {
    if (!wanted.has(request.url)) await cache.delete(request);
  }
}
