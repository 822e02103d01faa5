"""Examples: corners are known, or say so."""

import dataclasses
import pickle

import numpy as np
import pytest

from fused_ocr.errors import ConfigError
from fused_ocr.training.examples import Example

FRAME = np.zeros((32, 64, 3), np.uint8)


def example(count, **corners):
    return Example(
        FRAME, np.zeros((count, 4), np.float32), np.zeros(count, np.int64), **corners
    )


@pytest.mark.parametrize("count", [0, 3])
def test_corners_left_out_are_unknown(count):
    quads = example(count).quads_yx
    assert quads.shape == (count, 4, 2) and quads.dtype == np.float32
    assert np.isnan(quads).all()


def test_corners_are_kept():
    quads = np.arange(16, dtype=np.float32).reshape(2, 4, 2)
    made = example(2, quads_yx=quads)
    again = pickle.loads(pickle.dumps(dataclasses.replace(made, frame=FRAME + 1)))
    np.testing.assert_array_equal(again.quads_yx, quads)


@pytest.mark.parametrize("shape", [(0, 4, 2), (1, 4, 2), (2, 8), (2, 2, 4)])
def test_corners_of_another_number_are_refused(shape):
    with pytest.raises(ConfigError, match=r"2 boxes has corners \(2, 4, 2\), or none"):
        example(2, quads_yx=np.zeros(shape, np.float32))
