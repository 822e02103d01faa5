"""Ray, started for one job on this machine alone, or joined where a cluster runs."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from fused_ocr.archive.extra import needed
from fused_ocr.cli_runs import quiet
from fused_ocr.errors import ArchiveError

__all__ = ["joined", "room_for"]

_OBJECT_STORE = 100_000_000
"""Bytes of shared memory. Only names and Parquet parts go through it, no pixels."""

_LONGEST = 40
"""Characters of the path of the folder in which Ray makes a folder for its sockets."""

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # or it tells its makers of every start
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # of what native code writes to the terminal
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # or it warns that this will change
}

_LOOPBACK = {
    # Named after the systems on which it is so by itself: all sockets are bound to
    # 127.0.0.1. Elsewhere Ray listens on every network the machine is in.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}


@contextlib.contextmanager
def joined(address: str | None, workers: int) -> Iterator[None]:
    """Ray for the time of the block; what was started for it is ended after it.

    Args:
        address: of a cluster's head, ``host:port``, `auto`, or ``ray://host:port``;
            None starts Ray here, on loopback alone.
        workers: processors to offer where Ray is started here.

    Raises:
        ArchiveError: the cluster cannot be reached, or Ray does not start.
        MissingDependencyError: Ray is not installed.
    """
    for name, value in {**_QUIET, **({} if address else _LOOPBACK)}.items():
        os.environ.setdefault(name, value)  # read when Ray is imported
    with needed():
        import ray
        import ray.data
    with contextlib.ExitStack() as stack:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if address is None:
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(
                    prefix="ray", dir=_short(), ignore_cleanup_errors=True
                )
            )
            options.update(
                address="local",
                num_cpus=workers,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE,
                _node_ip_address="127.0.0.1",
                _temp_dir=folder,
            )
        else:
            options["address"] = address
        try:
            with quiet():  # native code tells that it was told to be quiet
                ray.init(**options)
        except Exception as error:  # has no common base class
            where = f"at {address}" if address else "here"
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ArchiveError(f"Ray cannot be used {where}: {reason}") from error
        try:
            _quiet_data()
            stack.enter_context(_interrupted_by(signal.SIGTERM, signal.SIGHUP))
            yield
        finally:
            ray.shutdown()


def room_for(memory: int) -> int:
    """How many readers of one processor and so many bytes the cluster has room for."""
    import ray

    room = sum(
        int(
            min(
                node["Resources"].get("CPU", 0),
                node["Resources"].get("memory", 0) // memory,
            )
        )
        for node in ray.nodes()
        if node["Alive"]
    )
    return max(1, room)


@contextlib.contextmanager
def _interrupted_by(*signals: signal.Signals) -> Iterator[None]:
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


def _quiet_data() -> None:
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    # It tells of every lost block with a traceback; what is lost is told by `Flow`.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)


def _short() -> str:
    """A folder for temporary files: the usual one, unless its path is long."""
    usual = tempfile.gettempdir()
    return "/tmp" if len(usual) > _LONGEST and os.path.isdir("/tmp") else usual
