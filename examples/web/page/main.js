/** Brings the parts of the page together. */

import { Camera } from "./camera.js";
import { draw } from "./draw.js";
import { listen } from "./drops.js";
import { show } from "./list.js";
import { keep } from "./offline.js";
import { Reader } from "./reader.js";

const ENGINES = { webgpu: "WebGPU", wasm: "Wasm" };
const FIRST = "plates";
const SPOKEN_EVERY = 2000; // milliseconds, while the camera runs

const at = (id) => document.getElementById(id);
const reader = new Reader();
const camera = new Camera();
const asked = new URLSearchParams(location.search);

let models = [];
let model; // the one that is open
let shown; // {picture, sizeYx, readings}
let opening = Promise.resolve();
let spokenAt = 0;

start().catch(complain);

async function start() {
  listen(at("file"), at("stage"), readFile, complain);
  at("camera").addEventListener("click", () => (camera.on ? hold() : watch()));
  at("copy").addEventListener("click", () =>
    copy(visible().map((one) => one.text).filter(Boolean).join("\n")),
  );
  at("least").value = 100 * Number(asked.get("least") ?? 0.2);
  at("least").addEventListener("input", () => limit());
  limit();
  new ResizeObserver(redraw).observe(at("stage"));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && camera.on) hold();
  });
  say("Loading …");
  const kept = keep();
  models = await (await fetch("models.json")).json();
  at("kept").hidden = !(await kept);
  at("models").append(...models.map(choice));
  const wanted = models.find((one) => one.name === (asked.get("model") ?? FIRST));
  await use(wanted ?? models[0]);
}

// --- models ----------------------------------------------------------------------------

function choice(one) {
  const label = document.createElement("label");
  label.className = "model";
  const input = Object.assign(document.createElement("input"), {
    type: "radio",
    name: "model",
    value: one.name,
  });
  input.addEventListener("change", () => use(one).catch(complain));
  const title = document.createElement("span");
  title.textContent = one.title;
  label.append(input, title);
  return label;
}

/** Open a model, after the one that is being opened; read the photo again with it. */
function use(one) {
  const mark = (name) => {
    for (const input of at("models").querySelectorAll("input")) {
      input.checked = input.value === name;
    }
  };
  mark(one.name);
  opening = opening.catch(() => {}).then(async () => {
    if (model === one) return;
    at("error").hidden = true;
    at("progress").hidden = false;
    at("progress").value = 0;
    say(`Loading the model, ${(one.bytes / 1e6).toFixed(0)} MB …`);
    try {
      await reader.open(one, {
        onProgress: (part) => {
          at("progress").value = part;
          if (part === 1) say("Starting the model …");
        },
        only: asked.get("accelerator") ?? undefined,
      });
      model = one;
    } catch (error) {
      mark(model?.name);
      say("");
      throw error;
    } finally {
      at("progress").hidden = true;
    }
    at("engine").textContent = ENGINES[reader.accelerator];
    offer(one.samples);
    say(`Ready. ${reason()}`);
    if (shown && !camera.on) await readAgain();
  });
  return opening;
}

function reason() {
  if (reader.accelerator === "webgpu") {
    return "The model runs on the graphics processor (WebGPU).";
  }
  if (!navigator.gpu) return "The model runs in Wasm: this browser has no WebGPU.";
  return model.webgpu
    ? "The model runs in Wasm: WebGPU does not run it here."
    : "The model runs in Wasm: it is not made for WebGPU.";
}

function offer(samples) {
  at("samples").replaceChildren(
    ...samples.map((sample, i) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.setAttribute("aria-label", `Read sample photo ${i + 1}`);
      const picture = Object.assign(new Image(), { src: sample.file, alt: "" });
      button.append(picture);
      button.addEventListener("click", async () => {
        try {
          await readFile(await (await fetch(sample.file)).blob());
        } catch (error) {
          complain(error);
        }
      });
      return button;
    }),
  );
}

// --- photos ----------------------------------------------------------------------------

async function readFile(file, note = "") {
  at("error").hidden = true;
  if (camera.on) stopCamera();
  say("Reading …");
  try {
    await opening;
    present(await reader.read(file));
    report(note);
  } catch (error) {
    say("");
    complain(error);
  }
}

async function readAgain() {
  const copied = await createImageBitmap(shown.picture);
  present(await reader.read(copied));
  report();
}

function report(note = "") {
  const count = visible().length;
  const hidden = shown.readings.length - count;
  const rest = hidden ? `, ${hidden} below ${at("percent").textContent}` : "";
  const time = `in ${Math.round(shown.milliseconds)} ms`;
  say(`${note}${count} ${count === 1 ? "reading" : "readings"}${rest}, ${time}.`);
  speak();
}

/** The readings that are sure enough. */
function visible() {
  return shown.readings.filter((one) => one.score >= at("least").value / 100);
}

function limit() {
  at("percent").textContent = `${at("least").value} %`;
  if (!shown) return;
  list();
  if (!camera.on) report();
}

// --- camera ----------------------------------------------------------------------------

async function watch() {
  at("error").hidden = true;
  try {
    await camera.start();
  } catch (error) {
    complain(error);
    return;
  }
  at("camera").setAttribute("aria-pressed", "true");
  at("camera").textContent = "Hold the picture";
  const { video } = camera;
  present({ readings: [], sizeYx: [video.videoHeight, video.videoWidth], bitmap: video });
  say("Looking …");
  requestAnimationFrame(follow);
  try {
    await opening;
    while (camera.on) await look();
  } catch (error) {
    stopCamera();
    complain(error);
  }
}

/** Read one picture of the camera. */
async function look() {
  const found = await reader.read(await camera.picture());
  found.bitmap.close();
  if (!camera.on) return;
  present({ ...found, bitmap: camera.video });
  say(`Live: ${(1000 / found.milliseconds).toFixed(1)} pictures a second.`);
  if (performance.now() - spokenAt > SPOKEN_EVERY) speak();
}

function follow() {
  if (!camera.on) return;
  redraw();
  requestAnimationFrame(follow);
}

/** Stop the camera and read its last picture. */
async function hold() {
  const picture = await camera.picture();
  stopCamera();
  present(await reader.read(picture));
  report();
}

function stopCamera() {
  camera.stop();
  at("camera").setAttribute("aria-pressed", "false");
  at("camera").textContent = "Use the camera";
}

// --- what is seen and said -------------------------------------------------------------

function present({ readings, sizeYx, milliseconds, network, bitmap }) {
  document.body.dataset.network = network; // milliseconds, for benchmarks/web.py
  if (shown?.picture instanceof ImageBitmap) shown.picture.close();
  shown = { picture: bitmap, sizeYx, readings, milliseconds };
  const [height, width] = sizeYx;
  const shape = Math.min(Math.max(width / height, 0.8), 2);
  at("stage").style.setProperty("--shape", shape);
  at("empty").hidden = true;
  list();
}

function list() {
  const readings = visible();
  at("nothing").hidden = readings.length > 0;
  at("nothing").textContent = camera.on ? "Nothing read yet." : "Nothing was read.";
  at("copy").disabled = !readings.some((one) => one.text);
  show(at("readings"), readings, copy);
  at("picture").setAttribute("aria-label", spoken());
  redraw();
}

function redraw() {
  if (shown) draw(at("picture"), shown.picture, shown.sizeYx, visible());
}

function spoken() {
  const texts = visible().map((one) => one.text || "unreadable");
  return texts.length ? `Read: ${texts.join(", ")}` : "Nothing was read";
}

function speak() {
  const words = spoken();
  if (at("spoken").textContent === words) return;
  at("spoken").textContent = words;
  spokenAt = performance.now();
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    complain(new Error("The browser did not let this page copy. Select the text instead."));
  }
}

function say(text) {
  if (at("status").textContent !== text) at("status").textContent = text;
}

function complain(error) {
  at("error").textContent = error.message;
  at("error").hidden = false;
}
