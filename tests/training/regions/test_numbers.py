"""House numbers and bibs: what they read, and corners that enclose just that."""

import numpy as np
import pytest
from region_fonts import PRINT

from fused_ocr.alphabet import ALPHANUMERIC, DIGITS
from fused_ocr.errors import ConfigError
from fused_ocr.training.regions import bibs, houses, meters
from fused_ocr.training.regions.bibs import draw_bib
from fused_ocr.training.regions.houses import draw_house_number, house_number


def plainly(monkeypatch, *modules):
    """No dirt, and no light but the even one."""
    for module in modules:
        monkeypatch.setattr(module, "weather", lambda *a, **k: None)


def test_house_numbers():
    texts = [house_number(np.random.default_rng(i), ALPHANUMERIC) for i in range(400)]
    digits = [text.rstrip("ABCDEF") for text in texts]
    assert {len(d) for d in digits} == {1, 2, 3, 4, 5}
    assert all(d.isdigit() and d[0] != "0" for d in digits)
    suffixed = sum(text != d for text, d in zip(texts, digits, strict=True))
    assert 10 < suffixed < 80
    assert all(len(t) - len(d) <= 1 for t, d in zip(texts, digits, strict=True))
    for seed in range(50):
        assert house_number(np.random.default_rng(seed), DIGITS).isdigit()


@pytest.mark.parametrize("draw", [draw_house_number, draw_bib])
def test_numbers_need_digits(draw):
    with pytest.raises(ConfigError, match=r"need digits\. Received: 'ABC'"):
        draw(np.random.default_rng(0), PRINT, "ABC")


@pytest.mark.parametrize("seed", range(25))
def test_the_corners_of_a_house_number_enclose_its_ink(monkeypatch, seed):
    inks = []
    plainly(monkeypatch, houses)
    # Which way it is put up does not matter for the corners; the ink is what is noted.
    for name in ("_fixed", "_tiles", "_enamel"):
        monkeypatch.setattr(houses, name, lambda rng, cutout, ink, *a: inks.append(ink))
    flat = draw_house_number(np.random.default_rng(seed), PRINT, "123456789", tall=61)
    (ink,) = inks
    y, x = np.nonzero(ink >= 90)
    quad = flat.quad_yx
    assert (quad >= 0).all() and (quad <= flat.cutout.size_yx).all()
    # Left and right edge are upright; upper and lower fall alike.
    assert quad[0, 1] == quad[3, 1] and quad[1, 1] == quad[2, 1]
    margin = 0.1 * 61
    assert x.min() - quad[0, 1] == pytest.approx(margin)
    assert quad[1, 1] - (x.max() + 1) == pytest.approx(margin)
    slope = (quad[1, 0] - quad[0, 0]) / (quad[1, 1] - quad[0, 1])
    above = y - (quad[0, 0] + slope * (x - quad[0, 1]))
    below = quad[3, 0] + slope * (x - quad[3, 1]) - y
    # The slope is that of the digits' middles, so that corners of slanted ones differ.
    reach = abs(slope) * 61
    assert -reach / 2 <= above.min() <= margin + reach + 1
    assert -reach / 2 <= below.min() - 1 <= margin + reach + 1


def test_first_digits_follow_benford():
    texts = [house_number(np.random.default_rng(i), DIGITS) for i in range(3000)]
    parts = [np.mean([text[0] == d for text in texts]) for d in "123456789"]
    # log10(1 + 1 / d): 30.1 % begin with 1, 17.6 % with 2, 4.6 % with 9.
    np.testing.assert_allclose(parts, np.log10(1 + 1 / np.arange(1, 10)), atol=0.03)


def test_digits_are_wide_or_narrow():
    parts = []
    for seed in range(200):
        flat = draw_house_number(np.random.default_rng(seed), PRINT, "8", tall=60)
        if len(flat.text) == 1:
            wide = flat.quad_yx[1, 1] - flat.quad_yx[0, 1]
            parts.append(wide / 60 - 0.2)  # without the margins
    # That of the font is 0.63.
    assert min(parts) < 0.4 and max(parts) > 0.85


def test_slanted_digits_by_hand():
    bar = np.zeros((40, 6), np.uint8)
    bar[:, 2:4] = 255
    for slant, top, foot in ((0.25, 12, 3), (-0.25, 3, 12)):
        slanted = houses._slanted(bar, slant)
        assert slanted.shape == (40, 16)
        columns = [np.average(np.arange(16), weights=slanted[y]) for y in (0, 39)]
        # Rows 0.5 and 39.5 pixels down; the middle of the bar is at 2.5.
        np.testing.assert_allclose(columns, (top, foot), atol=0.5)


def test_slanted_digits_reach_over_their_neighbours():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        masks, overlap = houses._digits(rng, PRINT, "77", 60)
        places, _ = houses._places(np.random.default_rng(0), masks, 60, overlap)
        if overlap > 10:
            gap = places[1][1] - places[0][1] - masks[0].shape[1]
            assert -overlap < gap < 0.4 * 60 - overlap
            break
    else:
        pytest.fail("no digits are slanted")


def test_digits_on_the_wall_differ_from_it(monkeypatch):
    plainly(monkeypatch, houses)
    for wall in (0.0, 60.0, 128.0, 190.0, 255.0):
        for seed in range(12):
            colours = []
            monkeypatch.setattr(
                houses,
                "near",
                lambda rng, colour, spread, c=colours: (
                    c.append(colour) or np.array(colour)
                ),
            )
            rng = np.random.default_rng(seed)
            ink = np.full((9, 9), 255, np.uint8)
            houses._fixed(rng, houses.Cutout((9, 9)), ink, 9.0, wall)
            assert abs(np.mean(colours[0]) - wall) > 75, (wall, colours)


@pytest.mark.parametrize("seed", range(12))
def test_the_windows_of_a_meter_have_its_digits(monkeypatch, seed):
    plainly(monkeypatch, meters)
    monkeypatch.setattr(meters, "_FACES", ((235, 235, 235),))
    monkeypatch.setattr(meters, "_DRUMS", ((10, 10, 60),))
    monkeypatch.setattr(meters, "_RED", (10, 10, 60))
    monkeypatch.setattr(meters, "_ink", lambda *_, **__: (60, 250, 60))
    flat = meters.draw_meter(np.random.default_rng(seed), PRINT, DIGITS, tall=50)
    assert flat.text.isdigit() and 4 <= len(flat.text) <= 6
    green = flat.cutout.pixels[..., 1] - flat.cutout.pixels[..., 2] > 90
    y, x = np.nonzero(green)
    (y1, x1), (y2, x2) = flat.quad_yx[[0, 2]]
    assert y1 <= y.min() and y.max() < y2 and x1 <= x.min() and x.max() < x2
    # As many windows, all of one width, as there are digits.
    high = y2 - y1
    middle = green[int(y1 + 0.3 * high) : int(y2 - 0.3 * high)]
    cells = np.array_split(np.arange(round(x1), round(x2)), len(flat.text))
    assert all(middle[:, cell].any() for cell in cells)
    assert y.max() + 1 - y.min() == pytest.approx(50, abs=14)


def test_meters_need_digits():
    with pytest.raises(ConfigError, match="Meters need digits"):
        meters.draw_meter(np.random.default_rng(0), PRINT, "AB")


@pytest.mark.parametrize("seed", range(12))
def test_the_corners_of_a_bib_enclose_the_wrinkled_number(monkeypatch, seed):
    plainly(monkeypatch, bibs)
    monkeypatch.setattr(bibs, "_INKS", ((250, 0, 0),))
    monkeypatch.setattr(bibs, "_CLOTH", ((240, 240, 240),))
    monkeypatch.setattr(bibs, "_BANDS", ((30, 60, 200),))
    flat = draw_bib(np.random.default_rng(seed), PRINT, DIGITS, width=251)
    assert flat.text.isdigit() and 1 <= len(flat.text) <= 6
    red = (flat.cutout.pixels[..., 0] - flat.cutout.pixels[..., 1]) > 110
    y, x = np.nonzero(red)
    (y1, x1), (y2, x2) = flat.quad_yx[[0, 2]]
    margin = 0.05 * flat.tall
    for found, wanted in (
        (y.min(), y1 + margin),
        (x.min(), x1 + margin),
        (y.max() + 1, y2 - margin),
        (x.max() + 1, x2 - margin),
    ):
        assert found == pytest.approx(wanted, abs=2)
