"""Running a `.tflite` file with LiteRT: no TensorFlow, one photo after another."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from fused_ocr.artefact import read_card, read_description
from fused_ocr.errors import ArtefactDamagedError, MissingDependencyError

__all__ = ["LiteRuntime", "fit"]

_GREY = 127
"""Beside and below a photo that has not the frame's shape."""

_PLACES = ("box", "char_boxes", "quad")
"""Outputs that are y, x, y, x, ... in pixels of the frame."""


class LiteRuntime:
    """A `.tflite` file from `fused-ocr export tflite`.

    Args:
        path: of the file.
        threads: that run it; LiteRT's choice if left out.

    Attributes:
        description: what it says of itself.
        card: its model card.
        frame_yx: height and width of the frame that it takes, pixels.

    Raises:
        ArtefactDamagedError: it is truncated, or none of ours.
        MissingDependencyError: LiteRT is not installed.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingDependencyError(
                f"Running {path.name} needs LiteRT ({error}). Install it with: "
                "pip install 'fused-ocr[lite]'."
            ) from error
        self.description = read_description(path)
        self.card = read_card(path)
        try:
            self._interpreter = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
            self._run = self._interpreter.get_signature_runner()
            (images,) = self._run.get_input_details().values()
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ArtefactDamagedError(
                f"{path} does not load: {reason} Copy, download or export it again."
            ) from error
        self._alone = threading.Lock()  # an interpreter in two threads crashes
        height, width = (int(side) for side in images["shape"][1:3])
        self.frame_yx = (height, width)
        # The network enlarges or shrinks the frame for its detector.
        self._seen = self.description.fusion.scale(height, width)
        self._most = self.description.fusion.max_enlargement / self._seen

    def run(
        self,
        images: npt.NDArray[np.uint8],
        sizes: npt.NDArray[np.int32] | None = None,
    ) -> dict[str, npt.NDArray[Any]]:
        """Read a batch, photo by photo; places are those of the photos themselves.

        Args:
            images: uint8 (B, H, W, 3).
            sizes: int32 (B, 2), see `fused_ocr.runtimes.Runtime`.
        """
        found = []
        for i, image in enumerate(images):
            photo = image if sizes is None else image[: sizes[i, 0], : sizes[i, 1]]
            frame, scale_yx = fit(photo, self.frame_yx, self._most)
            with self._alone:
                outputs = self._run(images=frame[None])
            limits_yx = np.array(photo.shape[:2], np.float32)
            for name in _PLACES:
                if name in outputs:
                    pairs = outputs[name].reshape(*outputs[name].shape[:-1], -1, 2)
                    pairs = pairs / scale_yx
                    if name != "quad":  # corners may lie outside of the photo
                        pairs = np.minimum(pairs, limits_yx)
                    outputs[name] = pairs.reshape(outputs[name].shape)
            found.append(outputs)
        return {name: np.concatenate([one[name] for one in found]) for name in found[0]}

    def scale(self, height: int, width: int) -> float:
        """See `fused_ocr.runtimes.Runtime`."""
        fitted = min(self.frame_yx[0] / height, self.frame_yx[1] / width, self._most)
        return fitted * self._seen


def fit(
    photo: npt.NDArray[np.uint8],
    frame_yx: tuple[int, int],
    most: float = float("inf"),
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """A photo in a frame of fixed size: as large as it can be, at the top left.

    Args:
        photo: uint8 (H, W, 3).
        frame_yx: height and width of the frame, pixels.
        most: frame pixels a photo pixel, at most.

    Returns:
        The frame, uint8 (h, w, 3), grey where the photo is not; and frame pixels a
        photo pixel along y and x, float32 (2,). A photo of the frame's size is given
        back as it is.
    """
    height, width = photo.shape[:2]
    scale = min(frame_yx[0] / height, frame_yx[1] / width, most)
    fitted = tuple(
        max(1, min(limit, round(side * scale)))
        for side, limit in zip((height, width), frame_yx, strict=True)
    )
    factors = np.array((fitted[0] / height, fitted[1] / width), np.float32)
    if fitted != (height, width):
        small = Image.fromarray(photo).resize(
            fitted[::-1], Image.Resampling.BILINEAR, reducing_gap=3.0
        )
        photo = np.asarray(small)
    if fitted == tuple(frame_yx):
        return photo, factors
    frame = np.full((*frame_yx, 3), _GREY, np.uint8)
    frame[: fitted[0], : fitted[1]] = photo
    return frame, factors
