"""The machines that train together: who they are, how they meet, how one is missed."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf
from rich.console import Console

from fused_ocr.errors import ConfigError, TrainingFailedError

__all__ = ["MEETING", "STEP", "Cluster", "meet", "replicas", "strategy_named"]

MEETING = 1800.0
"""Seconds that a worker waits for the others to be started."""

STEP = 1800.0
"""Seconds that an exchange between workers may take. One that has died is missed by its
heartbeats within ten seconds; this is for one that lives and does nothing."""

_EXAMPLE = (
    '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """All workers, and which of them this process is.

    Attributes:
        addresses: `host:port` of each, the chief first.
        index: of this one among them.
    """

    addresses: tuple[str, ...]
    index: int

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Cluster:
        """As the variable TF_CONFIG says.

        Raises:
            ConfigError: it is missing, or says something else.
        """
        text = environ.get("TF_CONFIG", "")

        def wrong(why: str) -> ConfigError:
            return ConfigError(
                "The strategy multiworker needs TF_CONFIG, the same for all workers "
                f"but for the index: {_EXAMPLE}. {why} Received: {text!r}."
            )

        try:
            said = json.loads(text)
            jobs, task = said["cluster"], said["task"]
            own, index = str(task["type"]), int(task["index"])
            by_job = {job: [str(one) for one in jobs[job]] for job in jobs}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise wrong("It is missing, or is no such JSON.") from error
        strange = sorted({*by_job, own} - {"chief", "worker"})
        if strange:
            raise wrong(f"Jobs are chief and worker, not {', '.join(strange)}.")
        addresses = [*by_job.get("chief", []), *by_job.get("worker", [])]
        for address in addresses:
            if not address.rpartition(":")[2].isdecimal():
                raise wrong(f"{address!r} is no host:port.")
        if len(set(addresses)) < len(addresses):
            raise wrong("Two workers have the same address.")
        if not 0 <= index < len(by_job.get(own, [])):
            raise wrong(f"There is no {own} {index}.")
        before = len(by_job.get("chief", [])) if own == "worker" else 0
        return cls(tuple(addresses), before + index)


def meet(cluster: Cluster, seconds: float = MEETING) -> None:
    """Wait until every worker has been started.

    TensorFlow would wait, too, but for an hour, without a word and deaf to Ctrl-C.
    Each worker listens at its own address until all others have answered at theirs;
    who answers may already be TensorFlow's server of a worker that has gone on.

    Raises:
        TrainingFailedError: the own port is in use, or somebody did not come.
    """
    own = cluster.addresses[cluster.index]
    try:
        server = socket.create_server(("", _host_and_port(own)[1]))
    except OSError as error:
        raise TrainingFailedError(
            f"Worker {cluster.index} cannot listen at its address {own}: "
            f"{error.strerror}. End what uses the port, or give another in TF_CONFIG."
        ) from error
    missing = {i: a for i, a in enumerate(cluster.addresses) if i != cluster.index}
    end, told = time.monotonic() + seconds, False
    with server:
        while True:
            missing = {i: a for i, a in missing.items() if not _answers(a)}
            if not missing:
                return
            names = ", ".join(f"{i} ({a})" for i, a in missing.items())
            if time.monotonic() >= end:
                raise TrainingFailedError(
                    f"Worker {names} did not come within {seconds:g} seconds. Start "
                    "the same command on every machine of TF_CONFIG, and see that "
                    "they reach each other's ports."
                )
            if not told:
                Console(stderr=True).print(f"Waiting for worker {names}.")
                told = True
            time.sleep(min(0.5, seconds))


def _answers(address: str) -> bool:
    try:
        socket.create_connection(_host_and_port(address), timeout=2).close()
    except OSError:
        return False
    return True


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def strategy_named(name: str) -> tf.distribute.Strategy:
    """A `tf.distribute` strategy: `none`, `mirrored` (all GPUs) or `multiworker`.

    The last must be asked for before TensorFlow has done anything else, and waits for
    the other workers, see `meet`; asked for again it is the same one.

    Raises:
        ConfigError: another name, or no fit TF_CONFIG.
        TrainingFailedError: not all workers came.
    """
    if name == "none":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multiworker":
        return _multiworker(Cluster.from_environment())
    raise ConfigError(f"Strategies: none, mirrored, multiworker. Received: {name!r}.")


@functools.cache
def _multiworker(cluster: Cluster) -> tf.distribute.Strategy:
    meet(cluster)
    main = threading.current_thread() is threading.main_thread()
    handlers = {s: signal.getsignal(s) for s in (signal.SIGTERM,) if main}
    options = tf.distribute.experimental.CommunicationOptions(timeout_seconds=STEP)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(
            communication_options=options
        )
    except RuntimeError as error:
        raise ConfigError(
            "The strategy multiworker must be chosen before TensorFlow is used: call "
            f"strategy_named('multiworker') first ({error})."
        ) from error
    # TensorFlow takes SIGTERM for the notice of an eviction, and goes on.
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return strategy


@contextlib.contextmanager
def replicas(name: str) -> Iterator[tf.distribute.Strategy]:
    """The scope of a strategy; a worker that is gone is one clear error.

    Raises:
        TrainingFailedError: another worker has ended or cannot be reached.
    """
    strategy = strategy_named(name)
    with strategy.scope():
        try:
            yield strategy
        except tf.errors.OpError as error:
            if name != "multiworker" or not _of_another_worker(error):
                raise
            raise TrainingFailedError(
                "Another worker has ended or cannot be reached "
                f"({_reason(error.message.splitlines())}). Start the same command "
                "again on every machine: the run goes on from its last checkpoint."
            ) from error


def _of_another_worker(error: tf.errors.OpError) -> bool:
    gone = (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.CancelledError,
        tf.errors.DeadlineExceededError,
    )
    return isinstance(error, gone) or "Collective ops is aborted" in error.message


def _reason(lines: Sequence[str]) -> str:
    """What TensorFlow says in the one line that is not about its graph."""
    about = "Collective ops is aborted by: "
    for line in lines:
        if line.startswith(about):
            return line.removeprefix(about).strip(" :")
    return lines[0] if lines else "no reason given"
