"""What runs an artefact: Keras, a SavedModel or LiteRT, behind one call."""

from __future__ import annotations

import contextlib
import functools
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fused_ocr.artefact import (
    Description,
    check_version,
    is_tflite,
    read_card,
    read_description,
    refuse_newer,
)
from fused_ocr.errors import (
    ArtefactDamagedError,
    ConfigError,
    FusedOcrError,
    MissingDependencyError,
)
from fused_ocr.lite import LiteRuntime
from fused_ocr.one_process import in_this_process

__all__ = [
    "LEAST",
    "MOST",
    "KerasRuntime",
    "Runtime",
    "SavedModelRuntime",
    "load_keras_model",
    "open_runtime",
]

LEAST = 0.02
"""Detector's score from which on something is a candidate."""

MOST = 64
"""Candidates of a photo, if the model does not take more itself."""

Outputs = dict[str, npt.NDArray[Any]]
"""The outputs of `AssembleCharacters` or `AssembleRegions`, by name."""


class Runtime(Protocol):
    """A loaded artefact.

    One whose stages can be looked at has a method `candidates`, too, as `KerasRuntime`.

    Attributes:
        description: what it says of itself.
        card: its model card, Markdown, perhaps empty.
    """

    description: Description
    card: str

    def run(
        self,
        images: npt.NDArray[np.uint8],
        sizes: npt.NDArray[np.int32] | None = None,
    ) -> Outputs:
        """Read a batch.

        Args:
            images: uint8 (B, H, W, 3).
            sizes: int32 (B, 2), the photos' own heights and widths where they are
                padded at the bottom and the right to one size; None if they are not.
        """

    def scale(self, height: int, width: int) -> float:
        """How many of its own pixels the detector sees for one of a photo."""


def open_runtime(
    path: Path, threads: int | None = None, *, lasting: bool = False
) -> Runtime:
    """Load a fused artefact.

    Args:
        path: of it.
        threads: that run a `.tflite` file.
        lasting: whether it will read so many photos that a longer start pays; see
            `KerasRuntime`.

    Raises:
        ArtefactError: see `find_artefact` and `check_version`; or it does not load.
        ConfigError: there are threads for TensorFlow, which has its own.
        MissingDependencyError: TensorFlow, or LiteRT, is not installed.
    """
    check_version(path)
    if threads is not None and (not isinstance(threads, int) or threads < 1):
        raise ConfigError(
            f"threads must be a whole number, at least 1. Received: {threads!r}."
        )
    if is_tflite(path):
        return LiteRuntime(path, threads)
    if threads is not None:
        raise ConfigError(
            f"threads is for .tflite files; {path.name} runs in TensorFlow, whose "
            "threads tf.config.threading sets for the whole process."
        )
    with _loading(path):
        if path.is_dir():
            return SavedModelRuntime(path)
        return KerasRuntime(load_keras_model(path), read_card(path), lasting=lasting)


def load_keras_model(path: Path) -> Any:
    """Load a `.keras` file of ours: a fused reader, a detector or a recogniser.

    Raises:
        ArtefactVersionError: it is newer than this library.
        ArtefactDamagedError: it does not load.
        MissingDependencyError: TensorFlow is not installed.
    """
    refuse_newer(path)
    with _loading(path):
        import keras

        # The layers register themselves when their modules are imported.
        import fused_ocr.fusion  # noqa: F401

        return keras.saving.load_model(path, compile=False)


@contextlib.contextmanager
def _loading(path: Path) -> Iterator[None]:
    """Turns whatever a loader raises into an error about the artefact."""
    try:
        import tensorflow  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f"Running {path.name} needs TensorFlow ({error}). Install it with: "
            "pip install 'fused-ocr[tf]'."
        ) from error
    in_this_process()
    try:
        yield
    except FusedOcrError:
        raise
    except Exception as error:  # a damaged file may make it raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ArtefactDamagedError(
            f"{path} does not load: {reason} Copy, download or export it again"
            f"{_other_keras(path)}."
        ) from error


def _other_keras(path: Path) -> str:
    """Which Keras wrote a `.keras` file, if that is newer than the one here."""
    import keras

    try:
        with zipfile.ZipFile(path) as archive:
            written = json.loads(archive.read("metadata.json"))["keras_version"]
        there, here = (
            [int(part) for part in re.findall(r"\d+", version)[:3]]
            for version in (written, keras.__version__)
        )
    except Exception:  # of a damaged file any
        return ""
    if there <= here:
        return ""
    return f"; Keras {written} wrote it, and {keras.__version__} is installed"


class KerasRuntime:
    """A Keras model from `fuse`, in this process.

    Args:
        model: from `fuse`.
        card: its model card.
        lasting: whether the weights are made constants: that takes one to three
            seconds and 200 MB, and then a twentieth less for each photo.
    """

    def __init__(self, model: Any, card: str = "", *, lasting: bool = False) -> None:
        in_this_process()
        import tensorflow as tf

        from fused_ocr.fusion import describe, frozen_flow, quick_flow

        self.description = describe(model)
        self.card = card
        self.model = model
        self.scale = self.description.fusion.scale
        images = tf.TensorSpec((None, None, None, 3), tf.uint8)
        sizes = tf.TensorSpec((None, 2), tf.int32)
        flow = frozen_flow(model) if lasting else quick_flow(model)
        # The signatures are fixed, so another size of photo does not trace again. To
        # look for Python's `if` and `while`, of which there are none, takes 0.3 s.
        self._plain = tf.function(flow, input_signature=[images], autograph=False)
        self._padded = tf.function(
            flow, input_signature=[images, sizes], autograph=False
        )

    def run(
        self,
        images: npt.NDArray[np.uint8],
        sizes: npt.NDArray[np.int32] | None = None,
    ) -> Outputs:
        """See `Runtime`."""
        in_this_process()
        found = self._plain(images) if sizes is None else self._padded(images, sizes)
        return {name: value.numpy() for name, value in found.items()}

    def candidates(self, image: npt.NDArray[np.uint8]) -> dict[str, Any]:
        """All that may be something in a photo, read or not.

        Args:
            image: uint8 (H, W, 3).

        Returns:
            A dictionary, n rows in each array, the likeliest first: ``boxes`` (n, 4),
            ``scores`` (n,), ``quads`` (n, 4, 2), if there are corners, and what the
            recogniser gives: ``characters`` (n, S, A), and perhaps other heads.
        """
        found = self._candidates(image[None])
        count = int(found["count"][0])
        read = found.pop("read")
        found |= read if isinstance(read, dict) else {"characters": read}
        return {
            name: np.asarray(rows)[0, :count]
            for name, rows in found.items()
            if name != "count" and rows is not None
        }

    @functools.cached_property
    def _candidates(self) -> Any:
        import tensorflow as tf

        from fused_ocr.fusion import candidates_flow

        flow = candidates_flow(self.model, LEAST, MOST)
        images = tf.TensorSpec((None, None, None, 3), tf.uint8)
        return tf.function(flow, input_signature=[images], autograph=False)


class SavedModelRuntime:
    """A SavedModel from `fused-ocr export`.

    Args:
        folder: of the SavedModel.
    """

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self.description = read_description(folder)
        self.card = read_card(folder)
        self.scale = self.description.fusion.scale
        # The signatures live as long as what loaded them.
        self._loaded = tf.saved_model.load(str(folder))
        signatures = self._loaded.signatures
        for name in ("serving_default", "serving_padded"):
            if name not in signatures:
                raise ArtefactDamagedError(
                    f"The SavedModel {folder} has no signature {name!r}; it has "
                    f"{sorted(signatures)}. Export it again with `fused-ocr export`."
                )
        self._plain = signatures["serving_default"]
        self._padded = signatures["serving_padded"]
        self._tensor = tf.constant

    def run(
        self,
        images: npt.NDArray[np.uint8],
        sizes: npt.NDArray[np.int32] | None = None,
    ) -> Outputs:
        """See `Runtime`."""
        in_this_process()
        pixels = self._tensor(images)
        found = (
            self._plain(images=pixels)
            if sizes is None
            else self._padded(images=pixels, sizes=self._tensor(sizes))
        )
        return {name: value.numpy() for name, value in found.items()}
