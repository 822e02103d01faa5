"""The server on this machine: Ray for the readers, uvicorn for the network.

On SIGTERM it takes no more connections, answers what it has taken, and ends Ray.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fused_ocr.cli_runs import quiet
from fused_ocr.errors import ArtefactError, ConfigError
from fused_ocr.extras import needed
from fused_ocr.local_ray import (
    LOOPBACK,
    QUIET,
    interrupted_by,
    processors_here,
    ray_here,
)
from fused_ocr.serving.application import deployment
from fused_ocr.serving.connection import patient_protocol
from fused_ocr.serving.front import Front
from fused_ocr.serving.limits import Limits
from fused_ocr.serving.versions import ServedModel

__all__ = ["Place", "serve"]

_OBJECT_STORE = 200_000_000
"""Bytes of shared memory, for calls and answers of more than 8 MB each."""

_REPLICAS = 4
"""By default at most: each takes the memory of TensorFlow and the model."""

_ENVIRONMENT = {
    **QUIET,
    **LOOPBACK,
    # Photos and answers are sent as they are, and not left in shared memory to be
    # fetched, which takes milliseconds; bytes.
    "RAY_max_direct_call_object_size": "8000000",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """Where a server runs, and how wide.

    Attributes:
        host: the address it listens at.
        port: 0 for any that is free.
        replicas: processes that read, for each model. Several of few threads read more
            photos a second than one of many, in more memory.
        threads: of each of them.
    """

    host: str = "127.0.0.1"
    port: int = 8501
    replicas: int
    threads: int

    @staticmethod
    def shared_out(replicas: int | None, threads: int | None) -> dict[str, int]:
        """This machine's processors as replicas and threads, what is None filled in."""
        processors = processors_here()
        replicas = replicas or max(1, min(_REPLICAS, processors // (threads or 1)))
        return {
            "replicas": replicas,
            "threads": threads or max(1, processors // replicas),
        }


def serve(
    models: Sequence[ServedModel],
    limits: Limits,
    place: Place,
    *,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Args:
        models: what to serve.
        limits: of requests.
        place: where.
        ready: is called with the server's URL when it answers.

    Raises:
        ArtefactError: a model cannot be loaded.
        ConfigError: the address cannot be listened at.
        MissingDependencyError: the extra `serve` is not installed.
    """
    os.environ.update({k: os.environ.get(k, v) for k, v in _ENVIRONMENT.items()})
    with needed("The server", "serve"):
        import uvicorn
    out = sys.stdout
    with contextlib.ExitStack() as stack:
        # Ray prints there what happens to its processes.
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        stack.enter_context(interrupted_by(signal.SIGTERM, signal.SIGINT))
        listener = stack.enter_context(_listening(place))
        stack.enter_context(_ray(len(models) * place.replicas * place.threads))
        handles = _deployed(models, limits, place)
        front = Front(handles, limits, place.replicas)
        config = uvicorn.Config(
            front,
            http=patient_protocol(limits.receive_timeout),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=int(limits.timeout + limits.receive_timeout) + 1,
        )
        server = uvicorn.Server(config)
        host, port = listener.getsockname()[:2]
        with contextlib.redirect_stdout(out):
            ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        _run(server, listener, front)


def _run(server: Any, listener: socket.socket, front: Front) -> None:
    import asyncio

    def end(*_: object) -> None:
        front.draining = True
        server.should_exit = True

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, end)
    # uvicorn's own handlers would end this process before Ray has ended.
    server.capture_signals = contextlib.nullcontext
    asyncio.run(server.serve(sockets=[listener]))


def _deployed(
    models: Sequence[ServedModel], limits: Limits, place: Place
) -> dict[str, Any]:
    """Handles of the models by name, each loaded."""
    from ray import serve

    with quiet():  # it tells that it starts
        # This process answers HTTP.
        serve.start(proxy_location="Disabled", logging_config={"log_level": "ERROR"})
    logging.getLogger("ray.serve").setLevel(logging.CRITICAL)
    handles = {}
    for model in models:
        app = deployment(
            model,
            limits,
            replicas=place.replicas,
            threads=place.threads,
        )
        try:
            handles[model.name] = serve.run(app, name=model.name, route_prefix=None)
        except Exception as error:
            raise ArtefactError(_why(model, error)) from error
    return handles


def _why(model: ServedModel, error: Exception) -> str:
    """The reason that a replica gave, out of its traceback."""
    from ray import serve

    said = str(error)
    with contextlib.suppress(Exception):
        status = serve.status().applications[model.name]
        said += "\n".join(one.message for one in status.deployments.values())
    named = [line for line in said.splitlines() if "fused_ocr.errors." in line]
    lines = named or [line for line in said.splitlines() if line.strip()]
    reason = lines[-1].split("Error: ", 1)[-1] if lines else type(error).__name__
    return f"{model.name} cannot be served: {reason.strip()}"


@contextlib.contextmanager
def _ray(processors: int) -> Iterator[None]:
    """Ray, and Ray Serve ended before it."""
    from ray import serve

    # One processor more, for Ray Serve's controller.
    with ray_here(processors + 1, _OBJECT_STORE):
        try:
            yield
        finally:
            with quiet(), contextlib.suppress(Exception):  # what is ended tells of it
                serve.shutdown()


@contextlib.contextmanager
def _listening(place: Place) -> Iterator[socket.socket]:
    """A socket at the address, before anything is loaded; it is closed in the end."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((place.host, place.port))
            listener.listen(256)
        except OSError as error:
            raise ConfigError(
                f"Cannot listen at {place.host}, port {place.port}: "
                f"{error.strerror or error}. Choose another --host or --port."
            ) from error
        yield listener
