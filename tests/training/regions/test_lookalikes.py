"""What detectors take for plates: as wide as asked for, and nothing to be read."""

import numpy as np
import pytest
from region_fonts import PRINT

from fused_ocr.training.regions import lookalikes
from fused_ocr.training.regions.lookalikes import (
    draw_badge,
    draw_lamp,
    draw_lookalike,
)

KINDS = {
    "bars": lookalikes._bars,
    "wheel": lookalikes._wheel,
    "lamp": lambda rng, wide: draw_lamp(rng, width=wide),
    "badge": lambda rng, wide: draw_badge(rng, PRINT, width=wide),
    "notice": lambda rng, wide: lookalikes._notice(rng, PRINT, wide),
    "any": lambda rng, wide: draw_lookalike(rng, PRINT, width=wide),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [30, 77.5, 300])
def test_size_and_cover(kind, width):
    for seed in range(12):
        flat = KINDS[kind](np.random.default_rng(seed), width)
        (y1, x1), (y2, x2) = flat.quad_yx[[0, 2]]
        assert x2 - x1 == round(width) and y2 - y1 >= 6
        height, wide = flat.cutout.size_yx
        assert 0 <= y1 < y2 <= height and 0 <= x1 < x2 <= wide
        assert flat.text == "" and flat.wide_cm > 0
        inside = flat.cutout.cover[int(y1) : int(y2), int(x1) : int(x2)]
        assert inside.mean() > 0.03


def test_they_are_decided_by_the_generator():
    one, again, other = (
        draw_lookalike(np.random.default_rng(s), PRINT) for s in (1, 1, 2)
    )
    assert np.array_equal(one.cutout.pixels, again.cutout.pixels)
    assert one.cutout.size_yx != other.cutout.size_yx or not np.array_equal(
        one.cutout.pixels, other.cutout.pixels
    )


def test_upright_bars_stand_apart():
    seen = 0
    for seed in range(40):
        flat = lookalikes._bars(np.random.default_rng(seed), 200)
        row = flat.cutout.cover[flat.cutout.size_yx[0] // 3, 2:-2] > 0.5
        starts = int((np.diff(row.astype(int)) == 1).sum()) + int(row[0])
        seen += starts >= 4
    assert seen > 10


def test_wheels_are_round():
    flat = lookalikes._wheel(np.random.default_rng(3), 100)
    cover = flat.cutout.cover
    assert cover[0, 0] == cover[-1, 0] == 0 and cover[50, 50] == 1
    assert cover.sum() == pytest.approx(np.pi * 50**2, rel=0.02)
