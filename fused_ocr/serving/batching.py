"""Photos that wait while others are read are read together."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Batching"]

T = TypeVar("T")
R = TypeVar("R")


class Batching(Generic[T, R]):
    """Calls a function with as many items as have gathered, one batch at a time.

    What is in a batch is decided when the function is free. Ray Serve's own
    `serve.batch` decides it when items come: under load, a line of batches of one.

    Args:
        function: of a list of items, to as many results; it runs in a thread.
        size: items of a batch, at most.
        wait: for others to fill a batch, seconds.
    """

    def __init__(
        self, function: Callable[[list[T]], Sequence[R]], size: int, wait: float = 0.0
    ) -> None:
        self._function, self._size, self._wait = function, size, wait
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._waiting: dict[asyncio.Future[R], T] = {}
        self._came = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        """The result of an item; what the function raises, all of a batch raise."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting[future] = item
        self._came.set()
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        try:
            return await future
        finally:
            self._waiting.pop(future, None)  # if it was cancelled

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await self._filled()
            futures = list(itertools.islice(self._waiting, self._size))
            items = [self._waiting.pop(future) for future in futures]
            if not items:
                continue
            try:
                results = await loop.run_in_executor(
                    self._thread, self._function, items
                )
                for future, result in zip(futures, results, strict=True):
                    if not future.done():
                        future.set_result(result)
            except Exception as error:
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
        self._running = None

    async def _filled(self) -> None:
        """Waits until there is a whole batch, or it has taken too long."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._wait
        while len(self._waiting) < self._size and (left := end - loop.time()) > 0:
            self._came.clear()
            try:
                await asyncio.wait_for(self._came.wait(), left)
            except asyncio.TimeoutError:
                return
