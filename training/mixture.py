"""Several streams of examples in one, each with its share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from fused_ocr.errors import ConfigError

from .examples import Example

__all__ = ["Mixture", "shares_of"]


@dataclasses.dataclass(frozen=True)
class Mixture:
    """The example of an index, from one of several sources; picklable.

    Attributes:
        sources: at least one.
        shares: how often each is drawn from, before normalisation.
        seed: another seed, another order.
    """

    sources: Sequence[Callable[[int], Example]]
    shares: Sequence[float]
    seed: int = 0

    def __call__(self, index: int) -> Example:
        """The example of an index."""
        ends = np.cumsum(self.shares) / np.sum(self.shares)
        draw = np.random.default_rng([self.seed, 7, index]).random()
        return self.sources[int(np.searchsorted(ends, draw, "right"))](index)


def shares_of(sizes: Sequence[int], shares: Sequence[float]) -> list[float]:
    """How often to draw from sets of data: as the caller says, or by their sizes.

    Args:
        sizes: how much is in each set.
        shares: one for each set, or none at all.

    Raises:
        ConfigError: there are shares, and not one positive number for each set.
    """
    if not shares:
        return [float(size) for size in sizes]
    if len(shares) != len(sizes) or min(shares) <= 0:
        raise ConfigError(
            f"Give a positive --share for each of the {len(sizes)} --annotations, in "
            f"their order, or none. Received: {list(shares)}."
        )
    return list(shares)
