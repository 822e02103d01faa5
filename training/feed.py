"""Examples made in worker processes, in an order that is the same in every run.

An example is a function of its index alone, so a run that goes on at index i sees just
what an uninterrupted one would have seen.
"""

from __future__ import annotations

import collections
import itertools
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

__all__ = ["ordered"]

_make: Callable[[int], Any] | None = None


def ordered(
    make: Callable[[int], Any], *, start: int = 0, workers: int = 1, ahead: int = 48
) -> Iterator[Any]:
    """`make(start)`, `make(start + 1)`, ... for ever, made ahead in other processes.

    Args:
        make: picklable; gives the example of an index.
        start: the first index.
        workers: processes; 0 makes them here.
        ahead: how many examples may be ready before they are asked for.

    Yields:
        The examples in the order of their indices.
    """
    if workers == 0:
        yield from map(make, itertools.count(start))
        return
    # A fresh interpreter: a fork of a process in which TensorFlow runs may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _initialise, (make,)) as pool:
        waiting: collections.deque[Future[Any]] = collections.deque()
        index = start
        try:
            while True:
                while len(waiting) < ahead:
                    waiting.append(pool.submit(_call, index))
                    index += 1
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _initialise(make: Callable[[int], Any]) -> None:
    global _make  # noqa: PLW0603 - a worker process is one maker for all its life
    _make = make


def _call(index: int) -> Any:
    if _make is None:
        raise RuntimeError("The worker was not initialised; use ordered().")
    return _make(index)
