"""Asks a replica, and another one if it dies: reading twice does no harm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fused_ocr.extras import needed
from fused_ocr.serving.deadline import deadline
from fused_ocr.serving.routes import RequestError

if TYPE_CHECKING:
    from fused_ocr.serving.application import Answer

__all__ = ["ask"]

_ATTEMPTS = 5
"""How often a request is tried: a photo that kills replicas must not kill for ever."""


async def ask(
    handle: Any,
    photos: list[Any],
    version: int | None,
    seconds: float,
    died: Callable[[], None],
) -> Answer:
    """What the replicas of a model say to photos.

    Args:
        handle: of the model's deployment.
        photos: files or pixels.
        version: the one that is asked for, or None for the newest.
        seconds: until there must be an answer.
        died: is called when a replica has died over it.

    Raises:
        RequestError: there is no answer: too many wait, time is over, or it failed.
    """
    deaths = 0
    try:
        async with deadline(seconds):
            while True:
                try:
                    answer: Answer = await handle.predict.remote(photos, version)
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
                    died()
                    await asyncio.sleep(0.2 * deaths)
    except asyncio.TimeoutError:
        # After a death it is the server's fault, and worth another try.
        raise RequestError(
            503 if deaths else 504,
            f"There was no answer in {seconds:g} s.",
            "timeout",
            5,
        ) from None


def _kind_of(error: Exception) -> str:
    with needed("The server", "serve"):
        from ray.exceptions import RayActorError
        from ray.serve import exceptions
    if isinstance(error, exceptions.BackPressureError):
        return "overload"
    gone = (
        RayActorError,
        exceptions.DeploymentUnavailableError,
        exceptions.ReplicaUnavailableError,
    )
    return "death" if isinstance(error, gone) else "failure"


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
