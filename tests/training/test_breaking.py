"""Broken characters: two parts, the same bounds, the same for the same seed."""

import numpy as np
import pytest

from fused_ocr.training.breaking import broken
from fused_ocr.training.glyphs import INK, ArrayGlyphs, ChangedGlyphs, ink_box
from fused_ocr.training.material import Material


def five(height=60, width=40, thick=6):
    """A 5 of straight strokes, as a mask."""
    mask = np.zeros((height, width), np.uint8)
    middle = height // 2
    for y in (0, middle, height - thick):
        mask[y : y + thick] = 255
    mask[: middle + thick, :thick] = 255
    mask[middle:, -thick:] = 255
    return mask


def parts(mask):
    """How many pieces of ink there are, four neighbours each."""
    ink, count = mask >= INK, 0
    left = {tuple(at) for at in np.argwhere(ink)}
    while left:
        count, edge = count + 1, [left.pop()]
        while edge:
            y, x = edge.pop()
            for at in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if at in left:
                    left.remove(at)
                    edge.append(at)
    return count


def test_a_broken_one_has_parts_and_its_bounds():
    whole = five()
    made = [broken(np.random.default_rng(seed), whole) for seed in range(80)]
    assert parts(whole) == 1
    apart = [one for one in made if parts(one) > 1]
    assert len(apart) > 70
    for one in apart:
        assert one.dtype == np.uint8 and one.shape == whole.shape
        assert ink_box(one) == ink_box(whole)
        assert (one <= whole).all()  # ink goes, none comes
        assert 0.5 < (one >= INK).sum() / (whole >= INK).sum() < 1
    assert len({one.tobytes() for one in made}) > 70
    assert np.array_equal(broken(np.random.default_rng(7), whole), made[7])


@pytest.mark.parametrize(
    "mask", [np.zeros((9, 5), np.uint8), np.full((2, 1), 255, "u1")]
)
def test_what_cannot_be_broken_stays(mask):
    assert np.array_equal(broken(np.random.default_rng(0), mask), mask)


def test_only_what_is_trained_on_is_broken(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "fused_ocr.training.material.mnist_glyphs",
        lambda split, _: asked.append(split) or ArrayGlyphs(five()[None], ["5"]),
    )
    material = Material(None, ())
    trained = material.mnist("train")
    assert isinstance(trained, ChangedGlyphs) and trained.change is broken
    assert isinstance(material.mnist("unseen"), ArrayGlyphs)
    assert asked == ["train", "test"]
