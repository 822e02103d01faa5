"""Reads a chunk of an archive: threads decode ahead, photos of one size go together.

The one rule it owns: every photo of a chunk gets its rows, whatever is wrong with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

import numpy as np
import numpy.typing as npt

from fused_ocr.archive.rows import error_row, reading_rows
from fused_ocr.decoding_ahead import HELD_PIXELS, run_ahead
from fused_ocr.errors import ImageDecodeError, ImageError
from fused_ocr.images import MAX_PIXELS, read_image

__all__ = ["ArchiveReader", "decode"]


class ArchiveReader:
    """A reader with threads that decode for it.

    Args:
        reader: a `Reader`, or what has its `predict`.
        batch_size: photos of one size that the model reads at once.
        min_score: readings with a lower score are left out, 0..1.
        max_pixels: refuse larger photos.
        decoders: threads that open and decode photos.
    """

    def __init__(
        self,
        reader: Any,
        *,
        batch_size: int = 8,
        min_score: float = 0.0,
        max_pixels: int = MAX_PIXELS,
        decoders: int = 2,
    ) -> None:
        self._reader = reader
        self._batch_size = batch_size
        self._min_score = min_score
        self._max_pixels = max_pixels
        self._decoders = decoders
        self._pool = ThreadPoolExecutor(decoders)

    def read(self, sources: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Read some photos.

        Args:
            sources: rows of `source_schema`.

        Returns:
            Rows of `row_schema`: those of one photo together, photos in the order of
            `sources`.
        """
        names = [source["photo"] for source in sources]
        rows: dict[int, list[dict[str, Any]]] = {}
        waiting: dict[tuple[int, ...], list[tuple[int, Any]]] = {}
        held = 0
        for index, photo in enumerate(self._decoded(sources)):
            if isinstance(photo, str):
                rows[index] = [error_row(names[index], photo)]
                continue
            waiting.setdefault(photo.shape, []).append((index, photo))
            held += photo.size // 3
            fullest = max(waiting, key=lambda shape: len(waiting[shape]))
            if len(waiting[fullest]) == self._batch_size or held > HELD_PIXELS:
                batch = waiting.pop(fullest)
                held -= sum(one.size // 3 for _, one in batch)
                self._read_batch(batch, names, rows)
        for batch in waiting.values():
            self._read_batch(batch, names, rows)
        return [row for index in range(len(sources)) for row in rows[index]]

    def _read_batch(
        self,
        batch: list[tuple[int, npt.NDArray[np.uint8]]],
        names: list[str],
        rows: dict[int, list[dict[str, Any]]],
    ) -> None:
        try:
            found = self._reader.predict(
                [photo for _, photo in batch],
                batch_size=self._batch_size,
                max_pixels=self._max_pixels,
                on_error="return",
            )
        except Exception as error:  # memory, or what the runtime raises
            if len(batch) == 1:
                index = batch[0][0]
                reason = f"{type(error).__name__}: {error}"
                rows[index] = [error_row(names[index], reason)]
            else:  # one of them, but which?
                for one in batch:
                    self._read_batch([one], names, rows)
            return
        for (index, _), readings in zip(batch, found, strict=True):
            if isinstance(readings, ImageError):
                rows[index] = [error_row(names[index], str(readings.args[0]))]
            else:
                kept = readings.filter(min_score=self._min_score)
                rows[index] = reading_rows(names[index], kept)

    def _decoded(self, sources: Sequence[dict[str, Any]]) -> Iterator[Any]:
        """The photos in order, uint8 (H, W, 3), or why there is none, in words."""
        begun = (self._pool.submit(_attempt, one, self._max_pixels) for one in sources)
        return run_ahead(begun, self._decoders, 2 * self._batch_size)


def decode(
    source: dict[str, Any], max_pixels: int = MAX_PIXELS
) -> npt.NDArray[np.uint8]:
    """Open and decode one photo of an archive.

    Args:
        source: a row of `source_schema`.
        max_pixels: refuse larger photos.

    Returns:
        uint8 (H, W, 3), RGB, upright.

    Raises:
        ImageError: it cannot be read.
    """
    name = source["photo"]
    if source["shard"] is not None:
        data = _member(source)
        return read_image(data, name=name, max_pixels=max_pixels)
    if "://" not in name:
        return read_image(name, max_pixels=max_pixels)
    with _opened(name) as file:
        return read_image(file, name=name, max_pixels=max_pixels)


def _attempt(source: dict[str, Any], max_pixels: int) -> Any:
    try:
        return decode(source, max_pixels)
    except ImageError as error:
        return str(error.args[0])
    except Exception as error:  # whatever an object store's client raises
        return f"{type(error).__name__}: {error}"


def _member(source: dict[str, Any]) -> bytes:
    with _opened(source["shard"]) as file:
        file.seek(source["offset"])
        data = file.read(source["size"])
    if len(data) < source["size"]:
        raise ImageDecodeError(
            f"its shard ends after {len(data)} of its {source['size']} bytes. Fetch or "
            "write the shard again.",
            source["photo"],
        )
    return data


def _opened(name: str) -> BinaryIO:
    if name.startswith("file://"):  # see `listing.photo_name`
        return open(os.fsdecode(unquote_to_bytes(name[len("file://") :])), "rb")
    if "://" not in name:
        return open(name, "rb")
    from fsspec.core import url_to_fs

    store, path = url_to_fs(name)
    file: BinaryIO = store.open(path, "rb")
    return file
