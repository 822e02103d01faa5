"""Asks replicas, and others if they die: reading twice does no harm.

A call of Ray costs as much as a tenth of a photo, so requests that wait go together.
All of a call are answered with its slowest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fused_ocr.extras import needed
from fused_ocr.serving.batching import Batching
from fused_ocr.serving.deadline import deadline
from fused_ocr.serving.limits import Limits
from fused_ocr.serving.routes import Request, RequestError

if TYPE_CHECKING:
    from fused_ocr.serving.application import Answer

__all__ = ["Replicas"]

_ATTEMPTS = 5
"""How often a request is tried: a photo that kills replicas must not kill for ever."""

_PATIENCE = 0.25
"""Seconds; the time of two batches. What has waited so long is sent ahead."""

_LARGE = 1_000_000
"""Bytes of photos that count as one more: others should not wait until these are
decoded, and calls of some megabytes are sent as they are."""


class Replicas:
    """The replicas of a model.

    Args:
        handle: of its deployment.
        limits: of the server.
        count: of the replicas: so many calls are read at once, and as many more are
            sent ahead, to be decoded meanwhile.
        died: is called when a replica has died over a request.
    """

    def __init__(
        self, handle: Any, limits: Limits, count: int, died: Callable[[], None]
    ) -> None:
        self._handle, self._seconds, self._died = handle, limits.timeout, died
        self._with_others = Batching(
            self._together,
            limits.batch_size,
            limits.batch_wait / 2,  # the replica waits as long
            calls=count,
            patience=_PATIENCE,
            size_of=_size_of,
        )
        # After a death, one at a time: who killed then kills no others.
        self._alone = Batching(self._together, 1)

    async def state(self) -> Answer:
        """What one of them says of itself."""
        answer: Answer = await self._handle.state.remote()
        return answer

    async def predict(self, asked: Request) -> Answer:
        """What they say to photos.

        Raises:
            RequestError: there is no answer: too many wait, time is over, or it failed.
        """
        deaths = 0
        try:
            async with deadline(self._seconds):
                while True:
                    try:
                        send = self._alone if deaths else self._with_others
                        answer = await send(asked)
                        if isinstance(answer, Exception):
                            raise answer
                        return answer
                    except Exception as error:
                        kind = _kind_of(error)
                        if kind == "overload":
                            raise RequestError(
                                503, "Too many requests wait already.", kind, 1
                            ) from error
                        deaths += kind == "death"
                        if kind == "failure" or deaths == _ATTEMPTS:
                            raise RequestError(
                                500, f"Reading failed: {_last_line(error)}", "failure"
                            ) from error
                        self._died()
                        await asyncio.sleep(0.2 * deaths)
        except asyncio.TimeoutError:
            # After a death it is the server's fault, and worth another try.
            raise RequestError(
                503 if deaths else 504,
                f"There was no answer in {self._seconds:g} s.",
                "timeout",
                5,
            ) from None

    async def _together(self, asked: list[Request]) -> list[Answer | Exception]:
        # None waits longer for it; a replica that hangs does not hold a call for ever.
        async with deadline(self._seconds):
            answers: list[Answer | Exception] = await self._handle.predict.remote(asked)
            return answers


def _size_of(asked: Request) -> int:
    """Photos, large ones as several."""
    photos, _ = asked
    return (
        len(photos)
        + sum(
            photo.nbytes if isinstance(photo, np.ndarray) else len(photo)
            for photo in photos
        )
        // _LARGE
    )


def _kind_of(error: Exception) -> str:
    with needed("The server", "serve"):
        from ray.exceptions import OutOfMemoryError, RayActorError
        from ray.serve import exceptions
    if isinstance(error, exceptions.BackPressureError):
        return "overload"
    gone = (
        RayActorError,
        OutOfMemoryError,  # by which Ray ended it
        exceptions.DeploymentUnavailableError,
        exceptions.ReplicaUnavailableError,
    )
    return "death" if isinstance(error, gone) else "failure"


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
