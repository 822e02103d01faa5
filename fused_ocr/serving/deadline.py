"""`asyncio.timeout`, which Python 3.10 does not have."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

__all__ = ["deadline"]


@contextlib.asynccontextmanager
async def deadline(seconds: float) -> AsyncIterator[None]:
    """Ends the block after so many seconds.

    Raises:
        asyncio.TimeoutError: it took longer.
    """
    task = asyncio.current_task()
    over = False

    def end() -> None:
        nonlocal over
        over = True
        if task is not None:
            task.cancel()

    timer = asyncio.get_running_loop().call_later(seconds, end)
    try:
        yield
    except asyncio.CancelledError:
        if over:
            raise asyncio.TimeoutError from None
        raise
    finally:
        timer.cancel()
