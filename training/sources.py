"""Sets of examples in memory: how often each is drawn from, and what is kept back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from .mixture import shares_of
from .patches import part

__all__ = ["drawn", "held_and_kept"]


class _Source(Protocol):
    """A frozen dataclass of arrays, one row an example."""

    @property
    def weight(self) -> float:
        """How often a batch draws from it."""

    def __len__(self) -> int: ...

    def part(self, keep: npt.NDArray[Any]) -> Any:
        """Some of the examples: a mask of bools, or indices."""


S = TypeVar("S", bound=_Source)


def drawn(sources: Sequence[S], count: int, rng: np.random.Generator) -> list[S]:
    """So many examples, from each source as often as its weight says."""
    weights = np.array([source.weight for source in sources], float)
    which = rng.choice(len(sources), count, p=weights / weights.sum())
    return [
        source.part(rng.integers(len(source), size=int((which == i).sum())))
        for i, source in enumerate(sources)
    ]


def held_and_kept(
    sources: Iterable[S], shares: Sequence[float], held: S | None
) -> tuple[list[S], list[S]]:
    """Examples for validation, and for training.

    Args:
        sources: as they are made: a set that is parted is not held as a whole, too.
        shares: how often to draw from each, or none, see `shares_of`.
        held: what is kept for validation; None for a part of each source.
    """
    back: list[Any] = []
    kept: list[Any] = []
    sizes = []
    for source in sources:
        n = len(source)
        sizes.append(n)
        kept.append(source if held is not None else source.part(part(n, held=False)))
        back.append(source.part(part(n, held=True)) if held is None else held)
    weights = shares_of(sizes, shares)
    for some in (back, kept):
        some[:] = [
            dataclasses.replace(one, weight=weight)
            for one, weight in zip(some, weights, strict=True)
        ]
    return back if held is None else [held], kept
