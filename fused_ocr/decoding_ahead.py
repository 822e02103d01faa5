"""Photos that threads decode while those before are read."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from fused_ocr.errors import ImageError
from fused_ocr.images import bytes_at_once, read_image, source_name

__all__ = ["HELD_PIXELS", "decoded_ahead", "run_ahead"]

HELD_PIXELS = 40_000_000
"""Decoded photos that wait have at most about so many pixels: 120 MB."""

_THREADS = min(4, os.cpu_count() or 1)
"""Reading takes processors, too."""


def decoded_ahead(
    sources: Iterator[Any], max_pixels: int
) -> Generator[tuple[str, Any], None, None]:
    """Names and pixels of photos, in order.

    An iterator is asked for a few photos more than were taken, but what a source is
    then is what is decoded: paths and files are read at once, and may be gone with the
    iterator's next turn.

    Args:
        sources: see `read_image`.
        max_pixels: refuse larger photos.

    Yields:
        What errors call a photo; and uint8 (H, W, 3), or its `ImageError`.

    Raises:
        Exception: what the iterator raises, after the photos before it.
    """
    pool = ThreadPoolExecutor(_THREADS)

    def begun() -> Iterator[Future[tuple[str, Any]]]:
        for index, source in enumerate(sources):
            name = source_name(source, index)
            try:
                # The first is waited for anyway, and often the only one.
                encoded = bytes_at_once(source, name) if index else None
            except ImageError as error:
                yield _done((name, error))
                continue
            if encoded is None:
                yield _done(_attempt(source, name, max_pixels))
            else:
                yield pool.submit(_attempt, encoded, name, max_pixels)

    try:
        yield from run_ahead(begun(), 1, 2 * _THREADS)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def run_ahead(futures: Iterator[Future[Any]], least: int, most: int) -> Iterator[Any]:
    """Results in order, of futures that begin when they are asked for.

    Args:
        futures: of photos, or of names and photos; of errors as well.
        least: so many are begun before the first is waited for.
        most: the same, once photos have come and were small.

    Raises:
        Exception: what the iterator raises, after the results before it.
    """
    ahead: deque[Future[Any]] = deque()
    broken: Exception | None = None
    more, known = True, 0  # pixels of the largest photo so far
    while True:
        room = max(least, min(most, HELD_PIXELS // known)) if known else least
        while more and len(ahead) < room:
            future = None
            try:
                future = next(futures, None)
            except Exception as error:
                broken = error
            if future is None:
                more = False
            else:
                ahead.append(future)
        if not ahead:
            if broken:
                raise broken
            return
        result = ahead.popleft().result()
        photo = result[1] if isinstance(result, tuple) else result
        if isinstance(photo, np.ndarray):
            known = max(known, photo.size // 3)
        yield result


def _attempt(source: Any, name: str, max_pixels: int) -> tuple[str, Any]:
    try:
        return name, read_image(source, name=name, max_pixels=max_pixels)
    except ImageError as error:
        return name, error


def _done(result: tuple[str, Any]) -> Future[tuple[str, Any]]:
    future: Future[tuple[str, Any]] = Future()
    future.set_result(result)
    return future
