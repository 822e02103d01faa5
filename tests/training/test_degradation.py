"""Spoiled pictures stay pictures: size, type, repeatability, and readable contrast."""

import numpy as np
import pytest

from fused_ocr.training.backgrounds import background, clutter
from fused_ocr.training.degradation import degrade


def stripes(height=71, width=93, pitch=12):
    rows = (np.arange(height) // (pitch // 2)) % 2 * 200 + 25
    return np.repeat(np.repeat(rows[:, None, None], width, 1), 3, 2).astype(np.uint8)


@pytest.mark.parametrize("seed", range(25))
def test_degrade_keeps_what_matters(seed):
    image = stripes()
    before = image.copy()
    out = degrade(np.random.default_rng(seed), image, detail=24.0)
    again = degrade(np.random.default_rng(seed), image, detail=24.0)
    np.testing.assert_array_equal(out, again)
    np.testing.assert_array_equal(image, before)
    assert out.shape == image.shape and out.dtype == np.uint8
    # Strokes 6 pixels wide of characters 24 high are still seen.
    assert out.astype(float).mean(1).mean(-1).std() > 20


def test_haze_makes_pictures_flat_and_soft():
    image = stripes()
    seen = {haze: [] for haze in (0.0, 0.5, 1.0)}
    for seed in range(60):
        for haze, told in seen.items():
            rng = np.random.default_rng(seed)
            out = degrade(rng, image, detail=24.0, haze=haze).astype(float).mean((1, 2))
            contrast = np.quantile(out, 0.9) - np.quantile(out, 0.1)
            told.append((contrast, np.abs(np.diff(out)).max() / contrast))
    clear, half, hazy = (np.mean(told, 0) for told in seen.values())
    # 0.35 to 0.95 of the contrast is 0.65 on average.
    assert 0.5 < hazy[0] / clear[0] < 0.75
    assert hazy[1] < 0.85 * clear[1]
    assert hazy[0] < half[0] < clear[0] and hazy[1] < half[1] < clear[1]
    assert min(contrast for contrast, _ in seen[1.0]) > 30


@pytest.mark.parametrize("seed", range(12))
def test_backgrounds(seed, tmp_path):
    one, same = (background(np.random.default_rng(seed), (61, 47)) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    assert one.shape == (61, 47, 3) and one.dtype == np.uint8
    drawn = clutter(np.random.default_rng(seed), one)
    assert drawn.shape == one.shape
    np.testing.assert_array_equal(one, same)


def test_photos_are_used(tmp_path):
    from PIL import Image

    Image.new("RGB", (300, 200), (200, 30, 40)).save(tmp_path / "red.png")
    paths = [str(tmp_path / "red.png")]
    red = [
        np.abs(
            background(np.random.default_rng(i), (40, 56), paths) - [200.0, 30, 40]
        ).max()
        < 2
        for i in range(60)
    ]
    assert 20 < sum(red) < 45  # 55 of 100 are photos
