/**
 * The reader in a worker, so that the page never waits for it.
 *
 * A classic worker: LiteRT.js loads its Wasm by `importScripts`, which module workers do
 * not have. Takes {id, open} and {id, photo}, answers {id, done} or {id, failed}, and
 * {progress} while a model comes in.
 */

const WASM = new URL("litert/wasm/", self.location);
let modules;
let model;
let before = Promise.resolve();

self.onmessage = ({ data }) => {
  before = before.then(() => handle(data)); // one after another
};

async function handle(data) {
  try {
    modules ??= await load();
    const done = data.open ? await open(data.open) : await read(data.photo);
    postMessage({ id: data.id, done }, done.bitmap ? [done.bitmap] : []);
  } catch (error) {
    const known = error.name === "ReadingError";
    if (!known) console.error(error);
    postMessage({ id: data.id, failed: { message: error.message ?? String(error), known } });
  }
}

async function load() {
  const names = ["litert/litert.js", "model_file.js", "frame.js", "photo.js", "readings.js"];
  return Object.assign({}, ...(await Promise.all(names.map((name) => import(`./${name}`)))));
}

/** Fetch a model and make it ready; `accelerator` is `webgpu` or `wasm`. */
async function open({ url, bytes, accelerator }) {
  const file = await download(url, bytes);
  const description = modules.describe(file);
  const gpu = accelerator === "webgpu";
  if (!self.runtime) {
    self.Module = { locateFile: (name) => new URL(name, WASM).href };
    // Parts that WebGPU does not take run in Wasm, which needs promises there (JSPI).
    self.runtime = await modules.loadLiteRt(WASM.href, { jspi: gpu });
  }
  // Half precision reads some strings otherwise.
  const options = gpu ? { accelerator, gpuOptions: { precision: "fp32" } } : { accelerator };
  const network = await modules.loadAndCompile(file, options);
  const [, height, width] = network.getInputDetails()[0].shape;
  model?.network.delete(); // not before: if the new one fails, the old one still reads
  model = { network, description, frameYx: [height, width] };
  return { frameYx: model.frameYx, alphabet: description.alphabet };
}

async function download(url, bytes) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} is not there (HTTP ${answer.status})`);
  const parts = [];
  let come = 0;
  const reader = answer.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    come += part.value.length;
    postMessage({ progress: Math.min(come / bytes, 1) });
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** Read a file or a bitmap; the bitmap goes back with the readings. */
async function read(photo) {
  if (!model) throw new Error("no model is loaded");
  const start = performance.now();
  const bitmap = photo instanceof Blob ? await modules.decode(photo) : photo;
  const most = modules.mostEnlarged(model.frameYx, model.description);
  const { data, scaleYx } = modules.fit(modules.pixels(bitmap), model.frameYx, most);
  const fitted = performance.now();
  const outputs = await run(data);
  const sizeYx = [bitmap.height, bitmap.width];
  const readings = modules.readingsOf(outputs, model.description, scaleYx, sizeYx);
  const milliseconds = performance.now() - start;
  return { readings, sizeYx, milliseconds, network: performance.now() - fitted, bitmap };
}

async function run(frame) {
  const images = new modules.Tensor(frame, [1, ...model.frameYx, 3]);
  const outputs = {};
  try {
    const tensors = await model.network.run({ images });
    for (const [name, tensor] of Object.entries(tensors)) {
      outputs[name] = await tensor.data();
      tensor.delete();
    }
  } finally {
    images.delete();
  }
  return outputs;
}
