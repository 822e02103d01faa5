/** The reader as the page sees it: promises, WebGPU where it reads right, else Wasm. */

import { ReadingError } from "./errors.js";

export class Reader {
  /** `webgpu` or `wasm`, once a model is open. */
  accelerator;

  #worker;
  #kind;
  #waiting = new Map();
  #last = 0;
  #onProgress = () => {};

  /**
   * Open a model.
   *
   * A model that WebGPU takes has to read its sample there as Python does, or it runs in
   * Wasm: drivers differ, and a wrong string is worse than a slow one.
   *
   * @param {{file: string, bytes: number, webgpu: boolean, samples: {file: string, texts: string[]}[]}}
   *   model as in `models.json`.
   * @param {{onProgress?: (part: number) => void, only?: string}} options `only` is the
   *   one accelerator to try.
   * @throws {ReadingError} it does not load.
   */
  async open(model, { onProgress = () => {}, only } = {}) {
    this.#onProgress = onProgress;
    for (const accelerator of only ? [only] : await accelerators(model)) {
      try {
        this.#start(accelerator);
        const url = new URL(model.file, document.baseURI).href;
        await this.#ask({ open: { url, bytes: model.bytes, accelerator } });
        if (accelerator === "webgpu") await this.#check(model.samples);
        this.accelerator = accelerator;
        return;
      } catch (error) {
        if (accelerator === "webgpu" && !only) {
          console.info(`Not on WebGPU: ${error.message}`);
          failed.add("webgpu"); // no second try for the next model
          continue;
        }
        throw error.known
          ? error
          : new ReadingError(`The model did not load: ${error.message}.`);
      }
    }
  }

  /**
   * @param {Blob|ImageBitmap} photo a bitmap is given away, and comes back.
   * @returns {Promise<{readings: object[], sizeYx: number[], milliseconds: number,
   *   bitmap: ImageBitmap}>}
   * @throws {ReadingError} it is no photo.
   */
  read(photo) {
    return this.#ask({ photo }, photo instanceof Blob ? [] : [photo]);
  }

  async #check([sample]) {
    if (!sample) return; // a model of one's own, without photos
    const answer = await fetch(sample.file);
    const { readings, bitmap } = await this.read(await answer.blob());
    bitmap.close();
    const texts = readings.map((reading) => reading.text);
    if (texts.join("\n") !== sample.texts.join("\n")) {
      throw new Error(`it reads ${texts.join(", ")} for ${sample.texts.join(", ")}`);
    }
  }

  #start(kind) {
    if (this.#kind === kind) return;
    this.#worker?.terminate();
    this.#drop(new Error("the reader was started anew"));
    this.#kind = kind;
    this.#worker = new Worker(new URL("worker.js", import.meta.url));
    this.#worker.onmessage = ({ data }) => this.#heard(data);
    this.#worker.onerror = (event) => {
      this.#kind = undefined;
      this.#drop(new Error(event.message || "the reader stopped"));
    };
  }

  /** Nobody waits for ever. */
  #drop(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #ask(what, given = []) {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...what }, given);
    });
  }

  #heard({ id, done, failed: failure, progress }) {
    if (progress !== undefined) return this.#onProgress(progress);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (done) return waiting.resolve(done);
    const error = failure.known
      ? new ReadingError(failure.message)
      : new Error(failure.message);
    waiting.reject(Object.assign(error, { known: failure.known }));
  }
}

const failed = new Set();

async function accelerators(model) {
  if (!model.webgpu || failed.has("webgpu") || !navigator.gpu) return ["wasm"];
  // Without promises in Wasm a model is on the GPU as a whole or not at all.
  if (!("Suspending" in WebAssembly)) return ["wasm"];
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  return adapter ? ["webgpu", "wasm"] : ["wasm"];
}
