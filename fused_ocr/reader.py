"""The reader: `load` an artefact, `predict` whatever a photo comes as."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import numpy.typing as npt

from fused_ocr.artefact import Description, find_artefact, shipped_models
from fused_ocr.decoding_ahead import decoded_ahead
from fused_ocr.errors import ConfigError, FusedOcrError, ImageError
from fused_ocr.images import MAX_PIXELS, Source, iterate, read_image, source_name
from fused_ocr.result import Character, Reading, Readings
from fused_ocr.runtimes import KerasRuntime, Outputs, Runtime, open_runtime

if TYPE_CHECKING:
    from fused_ocr.explaining.explanation import Explanation

__all__ = ["Reader", "load", "readings_of"]

_MAX_BATCH_PIXELS = 40_000_000
"""A batch is cut short where its pictures would together have more pixels: 120 MB."""

_WINDOW = 4
"""How many batches of photos are looked over at once for photos of like size."""


def load(name_or_path: str | os.PathLike[str], *, threads: int | None = None) -> Reader:
    """Load a reader.

    Args:
        name_or_path: a shipped model's name (`digits`), a `.keras` or `.tflite` file,
            or the folder of a SavedModel. It needs nothing else: alphabet, sizes and
            thresholds are inside.
        threads: that run a `.tflite` file; LiteRT's choice if left out.

    Raises:
        ArtefactNotFoundError: there is no such model.
        ArtefactDamagedError: it is incomplete, corrupt, or none of ours.
        ArtefactVersionError: a newer version of the library wrote it.
        ConfigError: there are threads for a model that runs in TensorFlow.
        MissingDependencyError: TensorFlow, or LiteRT for a `.tflite` file, is not
            installed.
    """
    path = find_artefact(name_or_path)
    reader = Reader(open_runtime(path, threads))
    name = os.fspath(name_or_path)
    # Another process may have the library, and its models, in another place.
    reader._origin = (name if name in shipped_models() else path.absolute(), threads)
    return reader


def _load_again(name_or_path: str | Path, threads: int | None) -> Reader:
    """What another process makes of a reader: once, however often it is sent."""
    try:
        there = find_artefact(name_or_path).stat()
        return _loaded(name_or_path, threads, (there.st_ino, there.st_mtime_ns))
    except (FusedOcrError, OSError) as error:
        return _Unloaded(error)


@functools.lru_cache(maxsize=4)
def _loaded(
    name_or_path: str | Path,
    threads: int | None,
    _version: tuple[int, int],  # what was written anew is loaded anew
) -> Reader:
    return load(name_or_path, threads=threads)


class Reader:
    """Reads photos with a loaded model.

    One that `load` gave goes to other processes as the model's name or path, which they
    load themselves, once. TensorFlow does not run in a fork: start them with
    ``multiprocessing.get_context("spawn")``, or use a `.tflite` file.

    Args:
        model: a Keras model from `fuse`, or a runtime.

    Attributes:
        description: what the model knows: alphabet, labels, configuration.
        card: its model card, Markdown.
    """

    def __init__(self, model: Any) -> None:
        self._runtime: Runtime = model if hasattr(model, "run") else KerasRuntime(model)
        self.description: Description = self._runtime.description
        self.card: str = self._runtime.card
        self._origin: tuple[Any, int | None] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        if self._origin is None:
            raise TypeError(
                "This reader was made of a model in memory, which other processes "
                "cannot load. Save it with fused_ocr.saving.save_model, and load that."
            )
        return _load_again, self._origin

    def __copy__(self) -> Reader:
        return self  # nothing of it changes

    def __deepcopy__(self, _: Any) -> Reader:
        return self

    @overload
    def predict(
        self,
        source: str | os.PathLike[str] | bytes,
        *,
        batch_size: int = ...,
        max_pixels: int = ...,
    ) -> Readings: ...

    @overload
    def predict(
        self,
        source: Any,
        *,
        batch_size: int = ...,
        max_pixels: int = ...,
        on_error: Literal["raise", "return"] = ...,
    ) -> Any: ...

    def predict(
        self,
        source: Source | Iterable[Source],
        *,
        batch_size: int = 8,
        max_pixels: int = MAX_PIXELS,
        on_error: Literal["raise", "return"] = "raise",
    ) -> Any:
        """Read one photo, or many.

        Args:
            source: see `read_image` for what a photo may be; or an iterable of photos,
                of whatever sizes, or an array (B, H, W, 3).
            batch_size: how many photos the model reads at once.
            max_pixels: refuse larger photos.
            on_error: what a photo that cannot be read does: `raise` its `ImageError`,
                or `return` the error in the photo's place while the others are read.

        Returns:
            `Readings` for one photo; for many a list, one for each in the same order.

        Raises:
            ImageError: a photo cannot be read (its subclasses say why), with
                ``on_error="raise"``.
            ConfigError: `batch_size` is below 1, or `on_error` is something else.
        """
        photos, single = iterate(source)
        results = self.stream(
            photos, batch_size=batch_size, max_pixels=max_pixels, on_error=on_error
        )
        return next(results) if single else list(results)

    def stream(
        self,
        sources: Source | Iterable[Source],
        *,
        batch_size: int = 8,
        max_pixels: int = MAX_PIXELS,
        on_error: Literal["raise", "return"] = "raise",
    ) -> Iterator[Any]:
        """Read any number of photos one after another, holding a few of them.

        These are four batches and a few that threads decode meanwhile, and 200 million
        pixels, or more where large photos follow small ones. Arguments and errors are
        those of `predict`; one photo is a stream of one. An iterator may have been
        asked for a few photos more when an error is raised.

        Returns:
            An iterator of `Readings`, or with ``on_error="return"`` of an `ImageError`
            in the place of each photo that cannot be read, in order.
        """
        _need_whole("batch_size", batch_size)
        _need_whole("max_pixels", max_pixels)
        if on_error not in ("raise", "return"):
            raise ConfigError(
                f"on_error must be 'raise' or 'return'. Received: {on_error!r}."
            )
        photos, _ = iterate(sources)
        return self._stream(photos, batch_size, max_pixels, on_error)

    def explain(self, source: Source, *, max_pixels: int = MAX_PIXELS) -> Explanation:
        """Why one photo is read as it is: some seconds, for a score of looks at it.

        Args:
            source: see `read_image`.
            max_pixels: refuse larger photos.

        Returns:
            What is read, what the detector found likely and why it was left out (of a
            Keras model; exported ones keep that to themselves), and what is read in the
            photo turned, mirrored, in parts, in a border, or in another light. Prints
            itself, draws itself, and goes to JSON.

        Raises:
            ImageError: the photo cannot be read.
            ConfigError: `max_pixels` is below 1.

        >>> print(load("plates").explain("car.jpg"))  # doctest: +SKIP
        """
        from fused_ocr.explaining.explanation import explain  # loads Pillow's font code

        _need_whole("max_pixels", max_pixels)
        name = source_name(source, 0)
        image = read_image(source, name=name, max_pixels=max_pixels)
        return explain(
            image,
            name,
            functools.partial(self.predict, max_pixels=sys.maxsize),
            self.description,
            self._runtime.scale,
            getattr(self._runtime, "candidates", None),
        )

    def _stream(
        self, photos: Iterator[Any], batch_size: int, max_pixels: int, on_error: str
    ) -> Iterator[Any]:
        """The same, from photos apart."""
        window: list[tuple[int, str, Any]] = []
        pixels = 0
        try:
            with contextlib.closing(decoded_ahead(photos, max_pixels)) as ahead:
                for index, (name, photo) in enumerate(ahead):
                    if not isinstance(photo, ImageError):
                        pixels += photo.shape[0] * photo.shape[1]
                    elif on_error == "raise":
                        raise photo
                    window.append((index, name, photo))
                    if (
                        len(window) == batch_size * _WINDOW
                        or pixels >= _MAX_BATCH_PIXELS * _WINDOW
                    ):
                        full, window, pixels = window, [], 0
                        yield from self._read_window(full, batch_size)
        except Exception:  # a photo's, or what the caller's own iterator raises
            yield from self._read_window(window, batch_size)
            raise
        yield from self._read_window(window, batch_size)

    def _read_window(
        self, window: list[tuple[int, str, Any]], batch_size: int
    ) -> list[Any]:
        """The results of some photos, or errors in their places, in order."""
        results: dict[int, Any] = {
            i: photo for i, _, photo in window if isinstance(photo, ImageError)
        }
        photos = [one for one in window if one[0] not in results]
        # Photos of like size together: little is padded.
        photos.sort(key=lambda one: one[2].shape)
        for batch in _batches(photos, batch_size):
            found = self._run([image for _, _, image in batch])
            for row, (index, name, image) in enumerate(batch):
                results[index] = readings_of(found, row, self.description, image, name)
        return [results[index] for index, _, _ in window]

    def _run(self, images: list[npt.NDArray[np.uint8]]) -> Outputs:
        shapes = {image.shape for image in images}
        if len(images) == 1:
            return self._runtime.run(
                images[0][None]
            )  # a view: large photos stay uncopied
        if len(shapes) == 1:
            return self._runtime.run(np.stack(images))
        sizes = np.array([image.shape[:2] for image in images], np.int32)
        padded = np.zeros((len(images), *sizes.max(0), 3), np.uint8)
        for place, image in zip(padded, images, strict=True):
            place[: image.shape[0], : image.shape[1]] = image
        return self._runtime.run(padded, sizes)

    def __repr__(self) -> str:
        alphabet, labels = self.description.alphabet, self.description.labels
        return f"Reader(alphabet={alphabet!r}, labels={list(labels)!r})"


class _Unloaded(Reader):
    """A reader that could not be loaded where it was sent, and says so when it is used.

    An error while it arrives would end a worker before anybody hears of it, and who
    sent it would wait for ever.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, _: str) -> Any:  # nothing that a reader has is there
        raise self._error

    def __repr__(self) -> str:
        return f"Reader({self._error!r})"


def _need_whole(name: str, value: Any) -> None:
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise ConfigError(
            f"{name} must be a whole number, at least 1. Received: {value!r}."
        )


_AGREED = 0.5
"""A length that is less likely than this is not that of the characters."""


def readings_of(
    outputs: Outputs,
    row: int,
    description: Description,
    image: npt.NDArray[np.uint8],
    name: str | None = None,
) -> Readings:
    """The readings of one photo of a batch.

    Args:
        outputs: of the model, by name.
        row: which photo.
        description: names the labels.
        image: the photo, uint8 (H, W, 3).
        name: what the photo is called.
    """
    readings = []
    for r in range(int(outputs["count"][row])):
        codes = outputs["codes"][row, r]
        characters = [
            Character(
                chr(codes[s]),
                outputs["char_scores"][row, r, s],
                tuple(outputs["char_boxes"][row, r, s].tolist()),
                tuple(
                    (chr(code), score)
                    for code, score in zip(
                        outputs["alt_codes"][row, r, s],
                        outputs["alt_scores"][row, r, s],
                        strict=True,
                    )
                    if code >= 0
                ),
            )
            for s in range(int((codes >= 0).sum()))
        ]
        readings.append(
            Reading(
                "".join(character.text for character in characters),
                outputs["score"][row, r],
                tuple(outputs["box"][row, r].tolist()),
                description.labels[outputs["label"][row, r]],
                tuple(characters),
                **_of_region(outputs, row, r, description),
            )
        )
    return Readings(readings, image.shape[:2], name, image)


def _of_region(
    outputs: Outputs, row: int, reading: int, description: Description
) -> dict[str, Any]:
    """What only models that find regions say."""
    if "quad" not in outputs:
        return {}
    least = description.fusion.assembly.min_readable
    readable = outputs["readable"][row, reading] >= least
    return {
        "quad": tuple(map(tuple, outputs["quad"][row, reading].tolist())),
        "readable": readable,
        "doubtful": readable and outputs["agreement"][row, reading] < _AGREED,
    }


def _batches(photos: list[Any], batch_size: int) -> Iterator[list[Any]]:
    """Cut sorted photos into batches that fit into memory."""
    batch: list[Any] = []
    height = width = 0
    for photo in photos:
        tall, wide = photo[2].shape[:2]
        height, width = max(height, tall), max(width, wide)
        if batch and (
            len(batch) == batch_size
            or (len(batch) + 1) * height * width > _MAX_BATCH_PIXELS
            or 2 * batch[0][2].shape[0] * batch[0][2].shape[1] < height * width
        ):
            yield batch
            batch, height, width = [], tall, wide
        batch.append(photo)
    if batch:
        yield batch
