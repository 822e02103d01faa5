"""Sets in memory: drawn as often as their weights say, parted without a remainder."""

import dataclasses

import numpy as np
import pytest

from fused_ocr.errors import ConfigError
from fused_ocr.training.sources import drawn, held_and_kept


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Examples that are numbers."""

    values: np.ndarray
    weight: float = 1.0

    def __len__(self):
        return len(self.values)

    def part(self, keep):
        return dataclasses.replace(self, values=self.values[keep])


SETS = [Numbers(np.arange(100)), Numbers(np.arange(100, 145))]


def values(sources):
    return [source.values.tolist() for source in sources]


def weights(sources):
    return [source.weight for source in sources]


# --- drawn ----------------------------------------------------------------------------


def test_each_source_is_drawn_as_its_weight_says():
    sources = [
        Numbers(np.arange(10), 3.0),
        Numbers(np.arange(10, 15), 0.0),
        Numbers(np.arange(15, 18), 1.0),
    ]
    found = values(drawn(sources, 4000, np.random.default_rng(1)))
    assert sum(map(len, found)) == 4000 and found[1] == []
    assert len(found[0]) / 4000 == pytest.approx(3 / 4, abs=0.03)
    # Of a source all as often, and again and again.
    for some, whole in ((found[0], range(10)), (found[2], range(15, 18))):
        shares = [some.count(one) / len(some) for one in whole]
        np.testing.assert_allclose(shares, 1 / len(whole), atol=0.05)


def test_what_is_drawn_is_the_generators():
    one, again, other = (
        values(drawn(SETS, 20, np.random.default_rng(seed))) for seed in (4, 4, 5)
    )
    assert one == again != other


# --- parted ---------------------------------------------------------------------------


def test_parts_are_disjoint_and_whole():
    held, kept = held_and_kept(iter(SETS), (), None)
    # One in twenty, from the first on.
    assert values(held) == [[0, 20, 40, 60, 80], [100, 120, 140]]
    for source, one, other in zip(SETS, held, kept, strict=True):
        assert not set(one.values) & set(other.values)
        assert sorted([*one.values, *other.values]) == source.values.tolist()
    # Drawn from by their sizes.
    assert weights(held) == weights(kept) == [100, 45]


def test_one_example_alone_is_its_own_validation():
    held, kept = held_and_kept([Numbers(np.array([7]))], (), None)
    assert values(held) == values(kept) == [[7]]


def test_shares_are_the_callers():
    held, kept = held_and_kept(iter(SETS), (0.5, 2.0), None)
    assert weights(held) == weights(kept) == [0.5, 2.0]
    with pytest.raises(ConfigError, match="for each of the 2 --annotations"):
        held_and_kept(iter(SETS), (1.0,), None)


def test_what_is_held_may_be_given():
    own = Numbers(np.arange(900, 907), 8.0)
    held, kept = held_and_kept(iter(SETS), (0.5, 2.0), own)
    assert len(held) == 1 and held[0] is own
    assert values(kept) == values(SETS) and weights(kept) == [0.5, 2.0]
