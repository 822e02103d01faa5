"""Varied characters: another shape, about the same size, the same for the same seed."""

import numpy as np
import pytest

from fused_ocr.training.glyphs import INK
from fused_ocr.training.variation import _bent, _stroked, varied


def ring(height=60, width=40, thick=8):
    mask = np.zeros((height, width), np.uint8)
    mask[2:-2, 2:-2] = 255
    mask[2 + thick : -2 - thick, 2 + thick : -2 - thick] = 0
    return mask


def drawn(seed, mask):
    return varied(np.random.default_rng(seed), mask)


def test_it_is_varied_and_stays_what_it_is():
    whole = ring()
    made = [drawn(seed, whole) for seed in range(60)]
    shapes = {one.tobytes() for one in made}
    assert len(shapes) > 50
    for one in made:
        assert one.dtype == np.uint8 and 0.8 < len(one) / 58 < 1.25
        ink = one >= INK
        assert 0.12 < ink.mean() < 0.85
        # Still a ring: its middle is empty, and ink is on all four sides of it.
        y, x = (n // 2 for n in ink.shape)
        assert not ink[y, x]
        for side in (ink[:y, x], ink[y:, x], ink[y, :x], ink[y, x:]):
            assert side.any()
    widths = [one.shape[1] for one in made]
    assert min(widths) < 33 and max(widths) > 43
    assert np.array_equal(drawn(3, whole), made[3])


def test_strokes_by_hand():
    from PIL import Image

    image = Image.fromarray(np.pad(ring(), 10))
    sums = {
        int((np.asarray(_stroked(np.random.default_rng(i), image)) > 127).sum())
        for i in range(30)
    }
    plain = int((np.asarray(image) > 127).sum())
    assert min(sums) < plain < max(sums) and min(sums) >= 0.55 * plain
    low = Image.fromarray(np.full((12, 9), 255, np.uint8))
    assert _stroked(np.random.default_rng(0), low) is low  # too low to tell


def test_bent_by_nothing_is_the_same():
    from PIL import Image

    image = Image.fromarray(np.pad(ring(), 10))
    same = np.asarray(_bent(np.random.default_rng(0), image, 0.0), int)
    assert np.abs(same - np.asarray(image, int)).max() <= 1


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (6, 2), (9, 1)])
def test_tiny_and_empty_masks(shape):
    for fill in (0, 255):
        for seed in range(20):
            made = drawn(seed, np.full(shape, fill, np.uint8))
            assert made.ndim == 2
