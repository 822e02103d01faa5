"""Ray on this machine alone: quiet, on loopback, ended with what asked for it."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Iterator

from fused_ocr.cli_runs import quiet

__all__ = ["LOOPBACK", "QUIET", "interrupted_by", "processors_here", "ray_here"]

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # or it tells its makers of every start
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # of what native code writes to the terminal
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or it warns that this will change
}
"""Environment variables, read when Ray is imported."""

LOOPBACK = {
    # Named after the systems on which it is so by itself: all sockets are bound to
    # 127.0.0.1. Elsewhere Ray listens on every network the machine is in.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
"""Environment variable, read when Ray is imported, for a Ray that nobody joins."""

_LONGEST = 40
"""Characters of the path of the folder in which Ray makes a folder for its sockets."""


def processors_here() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def ray_here(processors: int, object_store: int) -> Iterator[None]:
    """Ray for the time of the block. `QUIET` and `LOOPBACK` must be set before.

    Args:
        processors: that it may use.
        object_store: bytes of shared memory.
    """
    import ray

    with tempfile.TemporaryDirectory(
        prefix="ray", dir=_short(), ignore_cleanup_errors=True
    ) as folder:
        with quiet():  # native code tells that it was told to be quiet
            ray.init(
                address="local",
                num_cpus=processors,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                object_store_memory=object_store,
                _node_ip_address="127.0.0.1",
                _temp_dir=folder,
            )
        try:
            yield
        finally:
            with quiet():  # what is ended tells of it
                ray.shutdown()


@contextlib.contextmanager
def interrupted_by(*signals: signal.Signals) -> Iterator[None]:
    """Takes signals like Ctrl-C, so that nothing of Ray's is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {one: signal.signal(one, interrupt) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _short() -> str:
    """A folder for temporary files: the usual one, unless its path is long."""
    usual = tempfile.gettempdir()
    return "/tmp" if len(usual) > _LONGEST and os.path.isdir("/tmp") else usual
