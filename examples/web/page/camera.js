/** The camera as a stream of pictures. */

import { ReadingError } from "./errors.js";

const REFUSALS = {
  NotAllowedError:
    "The camera may not be used here. Allow it for this page in the browser's settings, " +
    "or choose a photo.",
  NotFoundError: "There is no camera here. Choose a photo.",
  NotReadableError: "The camera is in use by another program. Close it and try again.",
};

export class Camera {
  #video = Object.assign(document.createElement("video"), {
    muted: true,
    playsInline: true,
  });

  get on() {
    return this.#video.srcObject !== null;
  }

  /** The element to draw from. */
  get video() {
    return this.#video;
  }

  /** @throws {ReadingError} there is none, or it may not be used. */
  async start() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new ReadingError(
        "The camera needs a secure page: open this one by https, or on localhost.",
      );
    }
    try {
      this.#video.srcObject = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: {
          facingMode: "environment",
          width: { ideal: 1280 },
          height: { ideal: 720 },
        },
      });
      await this.#video.play();
    } catch (error) {
      this.stop();
      throw new ReadingError(
        REFUSALS[error.name] ?? `The camera did not start: ${error.message}.`,
      );
    }
  }

  stop() {
    for (const track of this.#video.srcObject?.getTracks() ?? []) track.stop();
    this.#video.srcObject = null;
  }

  /** What it sees now. */
  picture() {
    return createImageBitmap(this.#video);
  }
}
