"""Photos that threads decode while those before are read."""

from __future__ import annotations

import contextlib
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
"""Decoded photos that wait have about so many pixels, 120 MB, unless large ones follow
small ones."""

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
    names: deque[str] = deque()  # of those begun

    def begun() -> Iterator[Future[Any]]:
        for index, source in enumerate(sources):
            name = source_name(source, index)
            names.append(name)
            try:
                # The first is waited for anyway, and often the only one.
                encoded = bytes_at_once(source, name) if index else None
            except ImageError as error:
                yield _done(_alone(error))
                continue
            future = None
            if encoded is not None:
                with contextlib.suppress(RuntimeError):  # Python is about to end
                    future = pool.submit(_attempt, encoded, name, max_pixels)
            yield future or _done(_attempt(source, name, max_pixels))

    try:
        for photo in run_ahead(begun(), 1, 2 * _THREADS):
            yield names.popleft(), photo
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def run_ahead(futures: Iterator[Future[Any]], least: int, most: int) -> Iterator[Any]:
    """Results in order, of futures that begin when they are asked for.

    Args:
        futures: of photos, or of what there is instead. After one that is done
            already no other is begun before its result is taken.
        least: so many are begun before the first is waited for.
        most: the same, once photos have come and were small.

    Raises:
        Exception: what the iterator raises, after the results before it.
    """
    ahead: deque[Future[Any]] = deque()
    left = _to_the_end(futures)
    known = 0  # pixels of a photo, as large ones were of late
    while True:
        room = max(least, min(most, HELD_PIXELS // known)) if known else least
        while len(ahead) < room and (future := next(left, None)):
            ahead.append(future)
            if future.done():
                break
        if not ahead:
            return
        photo = ahead.popleft().result()
        if isinstance(photo, np.ndarray):
            known = max(photo.size // 3, known * 7 // 8)
        yield photo


def _to_the_end(futures: Iterator[Future[Any]]) -> Iterator[Future[Any]]:
    """The same; what the iterator raises is the last one's error."""
    try:
        yield from futures
    except Exception as error:
        future: Future[Any] = Future()
        future.set_exception(error)
        yield future


def _attempt(source: Any, name: str, max_pixels: int) -> Any:
    try:
        return read_image(source, name=name, max_pixels=max_pixels)
    except ImageError as error:
        return _alone(error)


def _alone(error: ImageError) -> ImageError:
    """The error without tracebacks: their frames would hold the whole file."""
    one: BaseException | None = error
    while one:
        one.__traceback__ = None
        one = one.__context__
    return error


def _done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future
