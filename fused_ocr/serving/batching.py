"""What waits while others are answered is asked together."""

from __future__ import annotations

import asyncio
import contextvars
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
        calls: of the function at once.
        patience: seconds after which an item need not wait for one of these to end.
            As many calls again take what has waited so long, and whole batches at once;
            None for no such calls.
        size_of: an item.
    """

    def __init__(
        self,
        function: Callable[[list[T]], Awaitable[Sequence[R]]],
        size: int,
        wait: float = 0.0,
        *,
        calls: int = 1,
        patience: float | None = None,
        size_of: Callable[[T], int] = _one,
    ) -> None:
        self._function, self._size, self._wait = function, size, wait
        self._calls, self._patience, self._size_of = calls, patience, size_of
        self._waiting: dict[asyncio.Future[R], T] = {}
        self._late: set[asyncio.Future[R]] = set()
        self._came = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, item: T) -> R:
        """The result of an item; what the function raises, all of a batch raise."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting[future] = item
        self._came.set()
        self._start()
        timer = None
        if self._patience is not None and future in self._waiting:
            timer = loop.call_later(self._patience, self._waited, future)
        try:
            return await future
        finally:
            if timer:
                timer.cancel()
            self._waiting.pop(future, None)  # if it was cancelled
            self._late.discard(future)

    def _waited(self, future: asyncio.Future[R]) -> None:
        if future in self._waiting:
            self._late.add(future)
            self._start()

    def _start(self) -> None:
        """Call, if it may be done now."""
        if self._may_run(len(self._running) + 1):
            # What one item was asked by, and is cancelled with, is not of the others.
            context = contextvars.Context()
            self._running.add(context.run(asyncio.create_task, self._run()))

    def _may_run(self, calls: int) -> bool:
        """Whether what waits is worth so many calls at once."""
        if calls <= self._calls:
            return bool(self._waiting)
        if self._patience is None or calls > 2 * self._calls:
            return False
        return self._full() or bool(self._late)

    def _full(self) -> bool:
        return sum(map(self._size_of, self._waiting.values())) >= self._size

    async def _run(self) -> None:
        try:
            while self._may_run(len(self._running)):
                await self._filled()
                await self._answered(self._taken())
        finally:
            self._running.discard(asyncio.current_task())  # type: ignore[arg-type]
            self._start()  # others go on, should this one have been cancelled

    async def _answered(self, batch: dict[asyncio.Future[R], T]) -> None:
        """Call the function with a batch, unless all of it was cancelled."""
        if not batch:
            return
        try:
            results = await self._function(list(batch.values()))
            for future, result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)
        except (Exception, asyncio.CancelledError) as error:
            told = error if isinstance(error, Exception) else RuntimeError(repr(error))
            for future in batch:
                if not future.done():
                    future.set_exception(told)
            if told is not error:
                raise

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
            self._late.discard(future)
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
