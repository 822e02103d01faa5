"""Several streams of examples, each as often as its share says."""

import numpy as np
import pytest

from fused_ocr.errors import ConfigError
from fused_ocr.training.mixture import Mixture, shares_of


def test_each_source_has_its_share():
    mixture = Mixture(
        (lambda i: ("a", i), lambda i: ("b", i), lambda i: ("c", i)), (3, 0, 1)
    )
    drawn = [mixture(i) for i in range(800)]
    names = [name for name, _ in drawn]
    assert [i for _, i in drawn] == list(range(800))
    assert names == [mixture(i)[0] for i in range(800)]
    assert names.count("b") == 0
    np.testing.assert_allclose(names.count("a") / 800, 0.75, atol=0.05)
    other = Mixture(mixture.sources, (3, 0, 1), seed=1)
    assert names != [other(i)[0] for i in range(800)]


def test_shares_are_the_sizes_or_the_callers():
    assert shares_of([10, 30], ()) == [10, 30]
    assert shares_of([10, 30], (0.5, 0.2)) == [0.5, 0.2]
    for wrong in ((0.5,), (0.5, 0.0), (1, 1, 1)):
        with pytest.raises(ConfigError, match="for each of the 2 --annotations"):
            shares_of([10, 30], wrong)
