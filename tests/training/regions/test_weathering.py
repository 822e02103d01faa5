"""Weather: colours stay colours, and what is transparent stays so."""

import numpy as np

from fused_ocr.training.regions.cutout import Cutout
from fused_ocr.training.regions.weathering import emboss, weather, worn


def board():
    cutout = Cutout((41, 97))
    cutout.box((8, 10, 33, 87), (200, 190, 60), radius=5)
    return cutout


def test_weather_keeps_the_cover():
    changed = 0
    for seed in range(40):
        cutout, before = board(), board()
        weather(np.random.default_rng(seed), cutout)
        assert (cutout.cover == before.cover).all()
        assert (cutout.pixels[cutout.cover == 0] == 0).all()
        assert cutout.pixels.min() >= 0
        assert (cutout.pixels <= 255 * cutout.cover[..., None] + 0.01).all()
        changed += np.abs(cutout.pixels - before.pixels).max() > 60
    assert 5 < changed < 40


def test_an_embossed_rim_is_lit_from_the_upper_left():
    cutout = board()
    ink = np.zeros((41, 97), np.uint8)
    ink[15:25, 30:50] = 255
    emboss(cutout, ink, 0.5)
    plain = board().pixels
    apart = (cutout.pixels - plain)[..., 0]
    assert apart[14, 29] > 20 and apart[25, 50] < -20
    assert apart[20, 40] == 0 and apart[5, 5] == 0


def test_worn_ink_loses_a_part():
    ink = np.full((60, 200), 255, np.uint8)
    lost = [
        (worn(np.random.default_rng(seed), ink, 0.1) < 255).mean() for seed in range(10)
    ]
    assert 0.02 < np.mean(lost) < 0.25


def test_a_cutout_mixes_by_opacity_and_cover():
    cutout = Cutout((3, 5))
    mask = np.full((3, 5), 255, np.uint8)
    cutout.paint(mask, (100, 100, 100), opacity=0.5)
    assert np.allclose(cutout.cover, 0.5) and np.allclose(cutout.pixels, 50)
    cutout.paint(mask, (200, 0, 0), corner_yx=(1, 2), opacity=0.5)
    assert np.allclose(cutout.pixels[2, 4], (125, 25, 25))
    assert np.allclose(cutout.cover[2, 4], 0.75) and np.allclose(cutout.cover[0], 0.5)
    # A corner outside cuts the mask off, and one far away paints nothing.
    cutout.paint(mask, (0, 0, 255), corner_yx=(-2, -4))
    assert cutout.pixels[0, 0, 2] == 255 and cutout.pixels[0, 1, 2] == 50
    cutout.paint(mask, (0, 0, 255), corner_yx=(9, 9))
