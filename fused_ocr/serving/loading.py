"""The version that is served: loaded beside the one before, checked, then switched to.

Who has begun to read with the old one reads on with it; it goes when nobody does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fused_ocr.errors import ArtefactDamagedError, ArtefactError
from fused_ocr.runtimes import Runtime, open_runtime
from fused_ocr.serving.versions import ServedModel, fingerprint

__all__ = ["LoadedModel", "NewestVersion"]

_log = logging.getLogger(__name__)

_MAX_BATCH_PIXELS = 40_000_000
"""Photos of different sizes are padded to one; beyond this they go one by one."""

Outputs = dict[str, npt.NDArray[Any]]


def _opened(path: Path, threads: int | None) -> Runtime:
    return open_runtime(path, threads, lasting=True)


class LoadedModel:
    """A version, ready.

    Args:
        runtime: what runs it.
        version: its number.
        batch_size: photos that it will read at once.

    Attributes:
        version: its number.
        shapes: type and shape of each output of a photo.

    Raises:
        ArtefactDamagedError: it does not read.
    """

    def __init__(self, runtime: Runtime, version: int, batch_size: int) -> None:
        self._runtime, self.version = runtime, version
        # The first calls are slow: both ways of reading, and the largest batch.
        blank = np.zeros((480, 640, 3), np.uint8)
        try:
            outputs = self.read([blank])[0]
            if batch_size > 1:
                self.read([blank] * batch_size)
                self.read([blank] * (batch_size - 1) + [blank[:240]])
        except Exception as error:  # whatever a damaged model raises
            raise ArtefactDamagedError(
                f"Version {version} loads, but cannot read: {_line(error)}"
            ) from error
        self.shapes = {
            name: (value.dtype.name, value.shape) for name, value in outputs.items()
        }

    def read(self, photos: list[npt.NDArray[np.uint8]]) -> list[Outputs]:
        """Read photos together.

        Args:
            photos: uint8 (H, W, 3) each.

        Returns:
            The outputs of each, without the batch's axis.
        """
        sizes = np.array([photo.shape[:2] for photo in photos], np.int32)
        height, width = sizes.max(0)
        if len(photos) > 1 and len(photos) * height * width > _MAX_BATCH_PIXELS:
            return [self.read([photo])[0] for photo in photos]
        if (sizes == sizes[0]).all():
            batch = photos[0][None] if len(photos) == 1 else np.stack(photos)
            found = self._runtime.run(batch)
        else:
            padded = np.zeros((len(photos), height, width, 3), np.uint8)
            for place, photo in zip(padded, photos, strict=True):
                place[: photo.shape[0], : photo.shape[1]] = photo
            found = self._runtime.run(padded, sizes)
        found.pop("text", None)  # of a SavedModel; it is in the codes
        return [{name: v[i] for name, v in found.items()} for i in range(len(photos))]


class NewestVersion:
    """The newest version of a model that loads, looked after.

    Args:
        model: where its versions are.
        batch_size: photos that are read at once.
        threads: that run a `.tflite` file.
        opened: loads an artefact.

    Attributes:
        current: what is served.
        states: of all versions that were seen: the name of the state, what is wrong.

    Raises:
        ArtefactError: there is none that loads.
    """

    def __init__(
        self,
        model: ServedModel,
        batch_size: int,
        threads: int | None = None,
        opened: Callable[[Path, int | None], Runtime] = _opened,
    ) -> None:
        self._model, self._batch_size, self._threads = model, batch_size, threads
        self._open = opened
        self._seen: dict[int, Any] = {}  # what was there at the last look
        self._bad: dict[int, Any] = {}  # what did not load
        self.states: dict[int, tuple[str, str]] = {}
        first = None
        for version, path in sorted(model.versions().items(), reverse=True):
            try:
                self.current = self._load(version, path)
                break
            except ArtefactError as error:
                first = first or error
        else:
            raise first or ArtefactError(f"{model.path} has no version.")

    def look(self) -> bool:
        """Load and switch to the newest version if it is another one.

        A folder is taken when nothing in it has changed since the last look.

        Returns:
            Whether another version is served now.
        """
        there = self._model.versions()
        seen, self._seen = self._seen, {v: fingerprint(p) for v, p in there.items()}
        self.states = {v: s for v, s in self.states.items() if v in there}
        for version, path in sorted(there.items(), reverse=True):
            if version == self.current.version:
                break
            now = self._seen[version]
            if seen.get(version) != now or self._bad.get(version) == now:
                continue
            try:
                loaded = self._load(version, path)
            except ArtefactError as error:
                self._bad[version] = now
                _log.error("Not served: %s", error)
                continue
            self.states[self.current.version] = ("END", "")
            self.current = loaded
            return True
        self.states[self.current.version] = ("AVAILABLE", "")
        return False

    def watch(self, seconds: float) -> threading.Event:
        """Look every so many seconds, in a thread, until the returned event is set."""
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(seconds):
                try:
                    self.look()
                except Exception as error:  # a folder that is gone, a full disk
                    _log.error("Cannot look for new versions: %s", _line(error))

        threading.Thread(target=run, daemon=True, name="versions").start()
        return stop

    def _load(self, version: int, path: Path) -> LoadedModel:
        self.states[version] = ("LOADING", "")
        try:
            runtime = self._open(path, self._threads)
            loaded = LoadedModel(runtime, version, self._batch_size)
        except ArtefactError as error:
            self.states[version] = ("END", _line(error))
            raise
        self.states[version] = ("AVAILABLE", "")
        return loaded


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
