"""Which part of every batch is whose, so that all parts are the batch of one alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from fused_ocr.errors import ConfigError

from .cluster import Cluster

__all__ = ["OwnExamples", "Share", "joined", "rows_of"]


def rows_of(count: int, part: int, parts: int) -> slice:
    """The rows of one of several parts, as equal as can be."""
    return slice(count * part // parts, count * (part + 1) // parts)


@dataclasses.dataclass(frozen=True)
class Share:
    """One worker's of all.

    Attributes:
        worker: which.
        workers: how many there are.
    """

    worker: int = 0
    workers: int = 1

    @classmethod
    def under(cls, strategy: str) -> Share:
        """That of this process under a strategy of `strategy_named`."""
        if strategy != "multiworker":
            return cls()
        cluster = Cluster.from_environment()
        return cls(cluster.index, len(cluster.addresses))

    def of(self, count: int) -> int:
        """How many of the examples of a batch are this worker's.

        Raises:
            ConfigError: the workers' would not be equally many.
        """
        if count % self.workers:
            raise ConfigError(
                f"{self.workers} workers cannot share batches of {count} equally: "
                "choose a batch size that is a multiple of their number."
            )
        return count // self.workers


@dataclasses.dataclass(frozen=True)
class OwnExamples:
    """Counts through one worker's examples alone, those of others left out.

    Attributes:
        make: the example of an index among all; picklable.
        batch_size: of all workers together.
        share: this worker's.
    """

    make: Callable[[int], Any]
    batch_size: int
    share: Share

    def __call__(self, index: int) -> Any:
        """The example of an index among the own."""
        own = self.share.of(self.batch_size)
        batch, row = divmod(index, own)
        return self.make(batch * self.batch_size + self.share.worker * own + row)


def joined(batches: Sequence[Any], least: int) -> list[Any]:
    """Batches of at least so many examples: a smaller one goes to that before it.

    The mean over all examples stays what it was.

    Raises:
        ConfigError: all batches together are smaller.
    """
    kept: list[Any] = []
    for batch in batches:
        if kept and min(_size(batch), _size(kept[-1])) < least:
            kept[-1] = tf.nest.map_structure(_together, kept[-1], batch)
        else:
            kept.append(batch)
    if not kept or _size(kept[0]) < least:
        raise ConfigError(
            f"{least} replicas cannot validate on {_size(kept[0]) if kept else 0} "
            "examples: give more."
        )
    return kept


def _together(one: Any, other: Any) -> Any:
    return np.concatenate([np.asarray(one), np.asarray(other)])


def _size(batch: Any) -> int:
    return len(tf.nest.flatten(batch)[0])
