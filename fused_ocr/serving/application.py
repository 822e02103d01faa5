"""The application of Ray Serve: readers, and what a cluster puts in front of them.

Each model is a deployment of its own, whose replicas decode photos in threads and read
them together. `fused-ocr serve` answers HTTP itself and asks these; on a cluster
(RayService) the deployment `Http` does the same behind Ray Serve's proxy.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from fused_ocr.errors import ImageError
from fused_ocr.extras import needed
from fused_ocr.images import read_image
from fused_ocr.serving.answers import Outputs, Shapes
from fused_ocr.serving.batching import Batching
from fused_ocr.serving.limits import Limits
from fused_ocr.serving.loading import LoadedModel, NewestVersion
from fused_ocr.serving.routes import Photo, Request
from fused_ocr.serving.versions import ServedModel, find_models

__all__ = ["Answer", "Http", "ModelReplica", "build", "deployment"]

_Read = tuple[Outputs | str, int] | Exception
"""What a photo gave, and how many were read together, once for each time; or what
failed."""

_LOOK_EVERY = 1.0
"""Seconds between looks for a new version."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a replica says.

    Attributes:
        version: that is served.
        shapes: type and shape of each output of a photo.
        results: the outputs of each photo, or why it cannot be read; None if the
            version asked for is not served.
        batches: how many photos were read together, once for each time.
        states: of all versions, see `NewestVersion`.
    """

    version: int
    shapes: Shapes
    results: tuple[Outputs | str, ...] | None
    batches: tuple[int, ...]
    states: dict[int, tuple[str, str]]


class ModelReplica:
    """A process that reads with one model.

    Args:
        model: which.
        limits: of the server.
        threads: that it may use.
    """

    def __init__(self, model: ServedModel, limits: Limits, threads: int) -> None:
        _use_threads(threads)
        self._limits = limits
        lite = threads if model.path.endswith(".tflite") else None
        self._newest = NewestVersion(model, limits.batch_size, lite)
        if model.version is None:
            self._newest.watch(_LOOK_EVERY)
        self._decoding = concurrent.futures.ThreadPoolExecutor(threads)
        # Photos that are decoded: a batch that is read and the next one.
        self._room = asyncio.Semaphore(2 * limits.batch_size)
        self._reading = concurrent.futures.ThreadPoolExecutor(1)
        self._read_soon = Batching(self._read, limits.batch_size, limits.batch_wait / 2)

    async def predict(self, asked: Sequence[Request]) -> list[Answer | BaseException]:
        """Answers to requests, or what failed.

        A photo that is no image does not disturb the others of its request.
        """
        answers = (self._predict(*one) for one in asked)
        return await asyncio.gather(*answers, return_exceptions=True)

    async def state(self) -> Answer:
        """What is served, and that this replica answers."""
        return self._answer(self._newest.current)

    async def _predict(self, photos: Sequence[Photo], version: int | None) -> Answer:
        model = self._newest.current
        if version not in (None, model.version):
            return self._answer(model)
        found = await asyncio.gather(
            *(self._one(model, photo, i) for i, photo in enumerate(photos))
        )
        return self._answer(
            model,
            tuple(result for result, _ in found),
            tuple(size for _, size in found if size),
        )

    async def _one(
        self, model: LoadedModel, photo: Photo, index: int
    ) -> tuple[Outputs | str, int]:
        async with self._room:
            loop = asyncio.get_running_loop()
            try:
                pixels = await loop.run_in_executor(
                    self._decoding, self._decoded, photo, f"photo {index}"
                )
            except ImageError as error:
                return str(error), 0
            except MemoryError:
                return f"photo {index}: there is no memory to decode it.", 0
            found = await self._read_soon((model, pixels))
            if isinstance(found, Exception):
                raise found
            return found

    async def _read(self, batch: list[tuple[LoadedModel, Any]]) -> list[_Read]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reading, _read_all, batch)

    def _decoded(self, photo: Photo, name: str) -> Any:
        return read_image(photo, name=name, max_pixels=self._limits.max_pixels)

    def _answer(
        self,
        model: LoadedModel,
        results: tuple[Outputs | str, ...] | None = None,
        batches: tuple[int, ...] = (),
    ) -> Answer:
        states = dict(self._newest.states)
        return Answer(model.version, model.shapes, results, batches, states)


def _read_all(batch: list[tuple[LoadedModel, Any]]) -> list[_Read]:
    """Read a batch, by the version each photo began with."""
    results: dict[int, _Read] = {}
    for model in {id(model): model for model, _ in batch}.values():
        places = [i for i, (own, _) in enumerate(batch) if own is model]
        try:
            found = model.read([batch[i][1] for i in places])
        except Exception as error:
            if len(batch) > 1:  # one may be to blame
                return [_read_all([one])[0] for one in batch]
            # TensorFlow's own cannot be sent to another process.
            return [RuntimeError(f"{type(error).__name__}: {error}")]
        for i, outputs in zip(places, found, strict=True):
            results[i] = (outputs, len(places) if i == places[0] else 0)
    return [results[i] for i in range(len(batch))]


def _use_threads(threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        import tensorflow as tf
    except ImportError:  # only a .tflite file may be needed
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:  # it runs already: one process, several models
        return


def deployment(
    model: ServedModel,
    limits: Limits,
    *,
    replicas: int,
    threads: int,
) -> Any:
    """A model as an application of Ray Serve.

    Args:
        model: which.
        limits: of the server.
        replicas: processes that read.
        threads: of each.
    """
    with needed("The server", "serve"):
        from ray import serve
    return serve.deployment(
        name=model.name,
        num_replicas=replicas,
        ray_actor_options={"num_cpus": threads},
        # All that the front lets in, and questions of state: were replicas full, Ray
        # Serve would try them again after ever longer pauses, in which they idle.
        max_ongoing_requests=limits.queue + 2,
        # The front lets no more photos in, so this holds with several fronts alone.
        max_queued_requests=limits.queue,
        health_check_period_s=2.0,
        health_check_timeout_s=30.0,
        graceful_shutdown_timeout_s=limits.timeout,
        max_constructor_retry_count=2,
    )(ModelReplica).bind(model, limits, threads)


class Http:
    """Answers HTTP behind Ray Serve's proxy.

    Args:
        limits: of the server.
        replicas: of each model.
        names: of the models.
        handles: of their deployments, in the same order.
    """

    def __init__(
        self, limits: Limits, replicas: int, names: Sequence[str], *handles: Any
    ) -> None:
        from fused_ocr.serving.front import Front

        self._front = Front(dict(zip(names, handles, strict=True)), limits, replicas)

    async def __call__(self, request: Any) -> Any:
        """Answer a request of Starlette's."""
        return await self._front.answer(request)


def build(options: dict[str, Any]) -> Any:
    """The whole application, for `serve run` and RayService.

    Args:
        options: `model` (see `find_models`), `replicas`, `threads`, and the fields of
            `Limits`. The front sends to as many replicas as are said here, so this is
            the place to say it, not `num_replicas` of a deployment.
    """
    with needed("The server", "serve"):
        from ray import serve
    options = dict(options)
    models, _ = find_models(options.pop("model"), options.pop("name", None))
    size = {
        "replicas": int(options.pop("replicas", 1)),
        "threads": int(options.pop("threads", 1)),
    }
    limits = Limits(**options)
    readers = {one.name: deployment(one, limits, **size) for one in models}
    front = serve.deployment(
        name="http",
        ray_actor_options={"num_cpus": 0.1},
        max_ongoing_requests=4 * limits.queue,
    )
    return front(Http).bind(limits, size["replicas"], tuple(readers), *readers.values())
