"""What stands before the readers: takes requests in whole, asks, answers everything."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from fused_ocr.extras import needed
from fused_ocr.serving import answers
from fused_ocr.serving.asking import Replicas
from fused_ocr.serving.deadline import deadline
from fused_ocr.serving.limits import Gate, Limits
from fused_ocr.serving.metrics import Metrics
from fused_ocr.serving.routes import RequestError, Target, parse_predict, target_of

if TYPE_CHECKING:
    from fused_ocr.serving.application import Answer

__all__ = ["Front"]

_log = logging.getLogger(__name__)

_LARGE = 1_000_000
"""Bodies of more bytes are parsed in a thread; others are answered meanwhile."""

_HEALTHY = 30.0
"""A model that has said something in so many seconds is well."""


class Front:
    """Answers requests.

    Args:
        models: handles of the readers, by name: `predict` and `state`.
        limits: of the server.
        replicas: of each model.

    Attributes:
        draining: whether the server is about to end.
    """

    def __init__(
        self, models: Mapping[str, Any], limits: Limits, replicas: int
    ) -> None:
        self._limits, self.metrics = limits, Metrics()
        self._models = {
            name: Replicas(
                handle,
                limits,
                replicas,
                partial(self.metrics.error, name, "replica_died"),
            )
            for name, handle in models.items()
        }
        self._parsing = asyncio.Semaphore(1)
        self._gates = {name: Gate(limits.queue) for name in models}
        self._last: dict[str, tuple[float, Answer]] = {}
        self._held = 0
        self.draining = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        with needed("The server", "serve"):
            from starlette.requests import ClientDisconnect, Request
        if scope["type"] != "http":
            return
        with contextlib.suppress(ClientDisconnect):  # there is nobody to answer
            response = await self.answer(Request(scope, receive))
            await response(scope, receive, send)

    async def answer(self, request: Any) -> Any:
        """Answer a request of Starlette's with a response of Starlette's."""
        with needed("The server", "serve"):
            from starlette.requests import ClientDisconnect
            from starlette.responses import Response
        began, path, model = time.monotonic(), request.url.path, ""
        headers: dict[str, str] = {}
        try:
            target = target_of(request.method, path)
            if target is None:
                body, kind = await self._page(request.method, path)
            else:
                model = self._known(target)
                body, kind = await self._of_model(request, target), "application/json"
            status = 200
        except RequestError as error:
            status, kind = error.status, "application/json"
            body = answers.error_body(str(error))
            if error.retry_after is not None:
                headers["Retry-After"] = str(error.retry_after)
            self.metrics.error(model, error.kind)
        except ClientDisconnect:
            raise
        except Exception as error:  # a fault of ours: others are answered on
            _log.exception("%s %s", request.method, path)
            status, kind = 500, "application/json"
            body = answers.error_body(f"The server failed: {type(error).__name__}.")
            self.metrics.error(model, "failure")
        if path.endswith(":predict"):
            self.metrics.request(model, status, time.monotonic() - began)
        return Response(body, status, headers, media_type=kind)

    async def _page(self, method: str, path: str) -> tuple[bytes, str]:
        pages: dict[str, Callable[[], Awaitable[tuple[bytes, str]]]] = {
            "/": self._start,
            "/healthz": self._health,
            "/metrics": self._metrics,
            "/v1/models": self._names,
        }
        if path not in pages:
            raise RequestError(404, f"There is nothing at {path[:200]!r}.", "route")
        if method not in ("GET", "HEAD"):
            raise RequestError(405, f"{path} takes GET, not {method[:20]}.", "route")
        return await pages[path]()

    async def _start(self) -> tuple[bytes, str]:
        page = importlib.resources.files("fused_ocr.serving") / "page.html"
        return page.read_bytes(), "text/html"

    async def _metrics(self) -> tuple[bytes, str]:
        for name, gate in self._gates.items():
            self.metrics.waiting(name, gate.inside)
        return self.metrics.text()

    async def _names(self) -> tuple[bytes, str]:
        return answers.dumps({"models": sorted(self._models)}), "application/json"

    async def _health(self) -> tuple[bytes, str]:
        if self.draining:
            raise RequestError(503, "The server is about to end.", "health", 1)
        for name in self._models:
            await self._state(name)
        return b'{"status":"ok"}', "application/json"

    async def _of_model(self, request: Any, target: Target) -> bytes:
        if target.verb == "predict":
            return await self._predict(request, target)
        answer = await self._state(target.name)
        if target.verb == "metadata":
            if target.version not in (None, answer.version):
                raise _unknown(target)
            return answers.dumps(
                answers.metadata(target.name, answer.version, answer.shapes)
            )
        states = answer.states
        if target.version is not None:
            if target.version not in states:
                raise _unknown(target)
            states = {target.version: states[target.version]}
        return answers.dumps(answers.status(states))

    async def _predict(self, request: Any, target: Target) -> bytes:
        body = await self._body(request)
        held = len(body)
        try:
            if held > _LARGE:
                # One at a time: parsed, pixels take some twenty times their JSON.
                async with self._parsing:
                    asked = await asyncio.to_thread(
                        parse_predict, body, self._limits.max_photos
                    )
            else:
                asked = parse_predict(body, self._limits.max_photos)
            del body
            gate, count = self._gates[target.name], len(asked.photos)
            if not gate.enter(count):
                raise RequestError(
                    503,
                    f"{gate.inside} photos wait already; at most {gate.photos} may.",
                    "overload",
                    gate.retry_after,
                )
            try:
                answer = await self._models[target.name].predict(
                    (asked.photos, target.version)
                )
            finally:
                gate.leave(count)
        finally:
            self._held -= held
        self._last[target.name] = (time.monotonic(), answer)
        if answer.results is None:
            raise _unknown(target)
        self.metrics.answer(target.name, answer)
        return answers.predict_body(answer.results, answer.shapes, asked.form)

    async def _body(self, request: Any) -> bytearray:
        """The whole body; what it holds is counted until the caller gives it back."""
        most, body = self._limits.max_body, bytearray()
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > most:
            raise _too_long(most)
        try:
            async with deadline(self._limits.receive_timeout):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > most:
                        raise _too_long(most)
                    if self._held + len(chunk) > self._limits.max_held:
                        raise RequestError(
                            503, "Too many bytes wait already.", "overload", 1
                        )
                    body += chunk
                    self._held += len(chunk)
        except asyncio.TimeoutError:
            self._held -= len(body)
            raise RequestError(
                408,
                f"{len(body)} bytes came in {self._limits.receive_timeout:g} s, and "
                "not the whole request.",
                "slow",
            ) from None
        except BaseException:
            self._held -= len(body)
            raise
        return body

    async def _state(self, name: str) -> Answer:
        """What a model last said; it is asked, if it has time for that."""
        try:
            answer = await asyncio.wait_for(self._models[name].state(), 2.0)
            self._last[name] = (time.monotonic(), answer)
        except Exception as error:  # it is busy, or dead
            said, answer = self._last.get(name, (float("-inf"), None))  # type: ignore[assignment]
            if time.monotonic() - said > _HEALTHY:
                raise RequestError(
                    503, f"Model {name} does not answer.", "health", 5
                ) from error
        return answer

    def _known(self, target: Target) -> str:
        if target.name not in self._models:
            raise _unknown(target)
        return target.name


def _too_long(most: int) -> RequestError:
    return RequestError(
        413, f"The body has more than {most} bytes; send fewer photos.", "body"
    )


def _unknown(target: Target) -> RequestError:
    which = "" if target.version is None else f", version {target.version}"
    return RequestError(
        404, f"Servable not found for request: {target.name[:100]}{which}.", "route"
    )
