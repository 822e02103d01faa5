"""Glyphs: tight masks of the height asked for, and halves that share no family."""

import pathlib
import shutil

import matplotlib as mpl
import numpy as np
import pytest

from fused_ocr.errors import ConfigError
from fused_ocr.training.glyphs import (
    ArrayGlyphs,
    ChangedGlyphs,
    FontGlyphs,
    find_fonts,
    ink_box,
)

BUNDLED = pathlib.Path(mpl.get_data_path()) / "fonts" / "ttf"
"""matplotlib brings fonts along, so that no machine is without."""

DEJAVU = str(BUNDLED / "DejaVuSans.ttf")


@pytest.mark.parametrize(
    ("mask", "bounds"),
    [
        (np.zeros((0, 0)), None),
        (np.zeros((4, 5)), None),
        (np.full((4, 5), 89), None),  # ink begins at 90
        (np.full((4, 5), 90), (0, 0, 4, 5)),
    ],
)
def test_ink_box(mask, bounds):
    assert ink_box(mask.astype(np.uint8)) == bounds


def test_ink_box_of_one_pixel():
    mask = np.zeros((5, 7), np.uint8)
    mask[2, 4] = 255
    assert ink_box(mask) == (2, 4, 3, 5)
    assert ink_box(mask, threshold=256) is None


def stroke_pictures():
    """A 1 as an upright stroke of 20x6, and a 7 of two strokes."""
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 4:24, 11:17] = 255
    images[1, 4:8, 6:22] = 255
    images[1, 4:24, 18:22] = 255
    return images


@pytest.mark.parametrize("height", [6, 20, 57])
@pytest.mark.parametrize(("character", "shape"), [("1", 6 / 20), ("7", 16 / 20)])
def test_array_glyphs_are_as_tall_as_asked(character, shape, height):
    source = ArrayGlyphs(stroke_pictures(), ["1", "7"], sharpen=(1.0, 1.0))
    rng = np.random.default_rng(0)
    assert source.style(rng) == 0
    mask = source.draw(rng, character, height, 0)
    assert mask.dtype == np.uint8 and mask.max() > 200
    y1, x1, y2, x2 = ink_box(mask)
    assert y2 - y1 == pytest.approx(height, abs=max(1, height / 12))
    assert x2 - x1 == pytest.approx(height * shape, abs=max(1, height / 12))


def test_array_glyphs_without_a_picture():
    source = ArrayGlyphs(stroke_pictures(), ["1", "7"])
    with pytest.raises(
        ConfigError, match=r"No picture of '3'; there are: \['1', '7'\]"
    ):
        source.draw(np.random.default_rng(0), "3", 20, 0)


def test_an_empty_picture_is_an_empty_mask():
    source = ArrayGlyphs(np.zeros((1, 28, 28), np.uint8), ["1"])
    mask = source.draw(np.random.default_rng(0), "1", 20, 0)
    assert mask.shape[0] == 20 and not mask.any()


@pytest.mark.parametrize("height", [6, 24, 100])
@pytest.mark.parametrize("character", ["1", "8", "0", "W"])
def test_font_glyphs_are_as_tall_as_asked(character, height):
    source = FontGlyphs([DEJAVU])
    rng = np.random.default_rng(0)
    mask = source.draw(rng, character, height, source.style(rng))
    y1, x1, y2, x2 = ink_box(mask)
    assert y2 - y1 == pytest.approx(height, abs=max(2, height / 15))
    # Cut tight: one soft pixel at most around the ink.
    assert y1 <= 1 and x1 <= 1 and mask.shape[0] - y2 <= 1 and mask.shape[1] - x2 <= 1


def test_the_style_is_the_font():
    paths = [DEJAVU, str(BUNDLED / "DejaVuSerif-Bold.ttf")]
    source = FontGlyphs(paths)
    rng = np.random.default_rng(0)
    assert {source.style(rng) for _ in range(20)} == {0, 1}
    one, other = (source.draw(rng, "5", 40, style) for style in (0, 1))
    assert one.shape != other.shape or (one != other).any()
    np.testing.assert_array_equal(source.draw(rng, "5", 40, 0), one)


def test_no_fonts():
    with pytest.raises(ConfigError, match=r"No fonts\. Give a folder"):
        FontGlyphs([])


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Twenty families of two faces each, in two folders."""
    folder = tmp_path_factory.mktemp("fonts")
    for i in range(20):
        (folder / str(i % 2)).mkdir(exist_ok=True)
        for face in ("Regular", "Bold"):
            shutil.copy(DEJAVU, folder / str(i % 2) / f"Family{i:02}-{face}.ttf")
    return folder


def test_the_halves_share_no_family(many):
    train, unseen = (find_fonts([many], split) for split in ("train", "unseen"))
    assert train == sorted(train) and unseen == sorted(unseen)
    assert len(train) + len(unseen) == 40 and train and unseen

    def families(paths):
        return {pathlib.Path(path).stem.split("-")[0] for path in paths}

    assert families(train).isdisjoint(families(unseen))
    # Both faces of a family are together.
    assert len(train) == 2 * len(families(train))
    # One of five, give or take what a checksum gives.
    assert len(families(train)) > len(families(unseen))


def test_the_halves_stay_when_fonts_go(many, tmp_path):
    unseen = find_fonts([many], "unseen")
    for path in unseen[:2]:
        shutil.copy(path, tmp_path)
    names = [pathlib.Path(path).name for path in unseen[:2]]
    assert [pathlib.Path(p).name for p in find_fonts([tmp_path], "unseen")] == names
    assert find_fonts([tmp_path], "train") == []


@pytest.mark.parametrize(
    ("characters", "found"),
    [
        ("0123456789", True),
        ("AB7", True),
        ("\u4e00\u4e8c", False),  # no Chinese in DejaVu: its boxes all look alike
        ("1\u4e00", False),  # one of them
        ("1 ", False),  # nothing is drawn for a space
        ("11", False),  # the same shape twice
    ],
)
def test_fonts_must_draw_the_characters(tmp_path, characters, found):
    shutil.copy(DEJAVU, tmp_path)
    both = find_fonts([tmp_path], "train", characters) + find_fonts(
        [tmp_path], "unseen", characters
    )
    assert len(both) == found


@pytest.mark.parametrize(
    ("font", "found"), [("cmr10", 1), ("cmmi10", 1), ("cmsy10", 0), ("cmex10", 0)]
)
def test_symbols_at_the_places_of_digits_are_no_digits(tmp_path, font, found):
    # TeX's: upright digits, old-style digits (29 to 45 rows), arrows and brackets.
    shutil.copy(BUNDLED / f"{font}.ttf", tmp_path)
    both = find_fonts([tmp_path], "train") + find_fonts([tmp_path], "unseen")
    assert len(both) == found


@pytest.mark.parametrize("name", ["D050000L", "Old Dingbats", "wingding2"])
def test_pictures_at_the_places_of_digits_are_no_digits(tmp_path, name):
    shutil.copy(DEJAVU, tmp_path / f"{name}.ttf")
    assert not find_fonts([tmp_path], "train") + find_fonts([tmp_path], "unseen")


@pytest.mark.parametrize("folder", ["empty", "missing", "damaged"])
def test_folders_without_fonts(tmp_path, folder):
    if folder != "missing":
        (tmp_path / folder).mkdir()
    if folder == "damaged":
        (tmp_path / folder / "broken.ttf").write_bytes(b"no font")
    assert find_fonts([tmp_path / folder], "train") == []
    assert find_fonts([tmp_path / folder], "unseen") == []


def test_other_splits_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"'train' or 'unseen'\. Received: 'test'"):
        find_fonts([tmp_path], "test")


def test_some_of_a_source_are_changed():
    class Plain:
        def has(self, characters):
            return characters == "0"

        def style(self, rng):
            return 7

        def draw(self, rng, character, height, style):
            assert (character, style) == ("0", 7)
            return np.full((height, 2), 255, np.uint8)

    def halved(rng, mask):
        return mask // 2

    rng = np.random.default_rng(0)
    some = ChangedGlyphs(Plain(), halved, 0.25)
    assert some.has("0") and not some.has("1") and some.style(rng) == 7
    drawn = [some.draw(rng, "0", 9, 7) for _ in range(400)]
    assert all(mask.shape == (9, 2) for mask in drawn)
    values = [int(mask.max()) for mask in drawn]
    assert set(values) == {127, 255} and 60 < values.count(127) < 140
