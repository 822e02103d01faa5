"""What waits while others are answered is asked together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["Batching"]

T = TypeVar("T")
R = TypeVar("R")


def _one(_: object) -> int:
    return 1


class Batching(Generic[T, R]):
    """Calls a function with as many items as have gathered.

    What is in a batch is decided when the function is free. Ray Serve's own
    `serve.batch` decides it when items come: under load, a line of batches of one.

    Args:
        function: of a list of items, to as many results.
        size: of a batch, at most; an item that is larger goes alone.
        wait: for others to fill a batch, seconds.
        calls: of the function at once, whatever has gathered.
        full_calls: beside these, with whole batches only.
        size_of: an item.
    """

    def __init__(
        self,
        function: Callable[[list[T]], Awaitable[Sequence[R]]],
        size: int,
        wait: float = 0.0,
        *,
        calls: int = 1,
        full_calls: int = 0,
        size_of: Callable[[T], int] = _one,
    ) -> None:
        self._function, self._size, self._wait = function, size, wait
        self._calls, self._full_calls, self._size_of = calls, full_calls, size_of
        self._waiting: dict[asyncio.Future[R], T] = {}
        self._came = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, item: T) -> R:
        """The result of an item; what the function raises, all of a batch raise."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting[future] = item
        self._came.set()
        if self._may_run(len(self._running) + 1):
            self._running.add(asyncio.create_task(self._run()))
        try:
            return await future
        finally:
            self._waiting.pop(future, None)  # if it was cancelled

    def _may_run(self, calls: int) -> bool:
        """Whether what waits is worth so many calls at once."""
        if calls <= self._calls:
            return bool(self._waiting)
        return calls <= self._calls + self._full_calls and self._full()

    def _full(self) -> bool:
        return sum(map(self._size_of, self._waiting.values())) >= self._size

    async def _run(self) -> None:
        while self._may_run(len(self._running)):
            await self._filled()
            batch = self._taken()
            if not batch:
                continue
            try:
                results = await self._function(list(batch.values()))
                for future, result in zip(batch, results, strict=True):
                    if not future.done():
                        future.set_result(result)
            except Exception as error:
                for future in batch:
                    if not future.done():
                        future.set_exception(error)
        self._running.discard(asyncio.current_task())  # type: ignore[arg-type]

    def _taken(self) -> dict[asyncio.Future[R], T]:
        """The first of those that wait, out of the line."""
        batch: dict[asyncio.Future[R], T] = {}
        left = self._size
        for future, item in self._waiting.items():
            left -= self._size_of(item)
            if left < 0 and batch:
                break
            batch[future] = item
        for future in batch:
            del self._waiting[future]
        return batch

    async def _filled(self) -> None:
        """Waits until there is a whole batch, or it has taken too long."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._wait
        while not self._full() and (left := end - loop.time()) > 0:
            self._came.clear()
            try:
                await asyncio.wait_for(self._came.wait(), left)
            except asyncio.TimeoutError:
                return
