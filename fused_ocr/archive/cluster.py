"""Ray, started for one job on this machine alone, or joined where a cluster runs."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Iterator

from fused_ocr.cli_runs import quiet
from fused_ocr.errors import ArchiveError
from fused_ocr.extras import needed
from fused_ocr.local_ray import LOOPBACK, QUIET, interrupted_by, ray_here

__all__ = ["joined", "room_for"]

_OBJECT_STORE = 100_000_000
"""Bytes of shared memory. Only names and Parquet parts go through it, no pixels."""


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
    for name, value in {**QUIET, **({} if address else LOOPBACK)}.items():
        os.environ.setdefault(name, value)
    with needed("An archive", "archive,tf"):
        import ray
        import ray.data
    with contextlib.ExitStack() as stack:
        try:
            if address is None:
                stack.enter_context(ray_here(workers, _OBJECT_STORE))
            else:
                with quiet():  # native code tells that it was told to be quiet
                    ray.init(address, log_to_driver=False, logging_level="ERROR")
                stack.callback(ray.shutdown)
        except Exception as error:  # has no common base class
            where = f"at {address}" if address else "here"
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise ArchiveError(f"Ray cannot be used {where}: {reason}") from error
        _quiet_data()
        stack.enter_context(interrupted_by(signal.SIGTERM, signal.SIGHUP))
        yield


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


def _quiet_data() -> None:
    from ray.data import DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    # It tells of every lost block with a traceback; what is lost is told by `Flow`.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
