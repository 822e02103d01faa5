"""Roman digits: which fonts have them, and stems that grow while hairlines stay."""

import numpy as np
from region_fonts import PRINT

from fused_ocr.training.glyphs import FontGlyphs
from fused_ocr.training.regions import houses
from fused_ocr.training.regions.houses import draw_house_number
from fused_ocr.training.regions.roman import choose_roman, is_roman, swelled

SERIF = next(i for i, path in enumerate(PRINT.paths) if path.endswith("Serif.ttf"))


def test_a_serif_font_is_roman_and_a_sans_serif_is_not():
    for style in range(len(PRINT.paths)):
        assert is_roman(PRINT, style) == (style == SERIF)


def test_a_roman_font_is_chosen():
    chosen = {choose_roman(np.random.default_rng(i), PRINT) for i in range(30)}
    assert chosen == {SERIF}


def test_without_one_it_is_any():
    sans = FontGlyphs([p for p in PRINT.paths if "Sans" in p])
    chosen = {choose_roman(np.random.default_rng(i), sans) for i in range(30)}
    assert chosen == {0, 1}


def test_stems_swell_and_hairlines_do_not():
    mask = np.zeros((20, 6), np.uint8)
    mask[:, 1] = 255  # a stem of one column
    mask[10, 1:6] = 255  # and a hairline of one row
    grown = swelled(mask, 0.1)
    assert grown.shape == (20, 8)
    assert (grown[0] > 0).nonzero()[0].tolist() == [1, 2, 3]
    assert (grown[10] > 0).nonzero()[0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert (grown[:, 7] > 0).nonzero()[0].tolist() == [10]
    np.testing.assert_array_equal(swelled(mask, 0), mask)


def test_three_in_ten_house_numbers_are_roman(monkeypatch):
    chosen = []

    def choose(rng, fonts):
        chosen.append(choose_roman(rng, fonts))
        return chosen[-1]

    monkeypatch.setattr(houses, "choose_roman", choose)
    for seed in range(200):
        draw_house_number(np.random.default_rng(seed), PRINT, "1234", tall=30)
    assert 40 < len(chosen) < 80
