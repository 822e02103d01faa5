"""Other looks at a photo: what is shown, and where it is in the photo itself."""

import numpy as np
import pytest

from fused_ocr.explaining.views import Look, Picture, looks_at
from fused_ocr.result import Character, Reading, Readings

PAPER, INK = 100, 220
BOX = (12, 45, 22, 63)
"""Of a bright block, yxyx, in a photo of 60 x 100."""

NAMES = [
    "in 2x2 overlapping parts",
    "in 3x3 overlapping parts",
    "turned a quarter to the left",
    "turned upside down",
    "turned a quarter to the right",
    "mirrored",
    "half as large, in a grey border",
    "with more contrast",
    "as a negative",
]


def block(height=60, width=100, box=BOX):
    photo = np.full((height, width, 3), PAPER, np.uint8)
    y1, x1, y2, x2 = box
    photo[y1:y2, x1:x2] = INK
    return photo


def finds_block(picture):
    """What differs most from the picture's most frequent grey, as one reading."""
    grey = picture[..., 0].astype(int)
    paper = np.bincount(grey.ravel()).argmax()
    far = np.abs(grey - paper) > 60
    if not far.any():
        return Readings([], picture.shape[:2])
    rows, columns = np.flatnonzero(far.any(1)), np.flatnonzero(far.any(0))
    box = (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
    part = (Character("8", 0.7, box),)
    return Readings([Reading("8", 0.7, box, characters=part)], picture.shape[:2])


def small_frame(height, width):
    return min(30 / height, 50 / width)


def looks(photo, scale=small_frame):
    return {look.name: look for look in looks_at(photo, scale)}


def test_the_looks():
    found = looks(block())
    assert list(found) == NAMES
    assert all(look.advice.endswith(".") for look in found.values())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_brought_back(name):
    (one,) = looks(block())[name].read(finds_block, (60, 100))
    assert one.box == BOX and one.text == "8" and one.score == 0.7
    assert one.characters[0].box == BOX
    y1, x1, y2, x2 = BOX
    assert sorted(one.quad) == sorted([(y1, x1), (y1, x2), (y2, x2), (y2, x1)])


def test_the_corners_keep_their_order_from_the_texts_top_left():
    # Seen upside down, the text's top left is the photo's bottom right.
    (one,) = looks(block())["turned upside down"].read(finds_block, (60, 100))
    assert one.quad[0] == (BOX[2], BOX[3]) and one.quad[1] == (BOX[2], BOX[1])


def test_turned_is_turned():
    # To the left: the top right corner of the photo becomes the top left.
    photo = block(box=(0, 90, 10, 100))

    def shown(name):
        (picture,) = looks(photo)[name].pictures
        return picture.pixels

    left = shown("turned a quarter to the left")
    right = shown("turned a quarter to the right")
    assert left.shape == right.shape == (100, 60, 3)
    assert (left[:10, :10] == INK).all() and (right[-10:, -10:] == INK).all()
    assert shown("as a negative")[0, 0, 0] == 255 - PAPER


def test_a_border_around():
    (picture,) = looks(block())["half as large, in a grey border"].pictures
    assert picture.pixels.shape == (120, 200, 3)
    np.testing.assert_array_equal(picture.pixels[30:90, 50:150], block())
    assert picture.pixels[0, 0].tolist() == [127, 127, 127]
    assert picture.back(30.0, 50.0) == (0.0, 0.0)


def test_what_is_read_in_the_border_is_cut_to_the_photo():
    # In the border look the photo is 30..90 and 50..150.
    look = looks(block())["half as large, in a grey border"]

    def predict(picture):
        over = Reading("12", 0.5, (20, 60, 50, 90))
        outside = Reading("9", 0.5, (0, 0, 20, 40))
        return Readings([over, outside], picture.shape[:2])

    (one,) = look.read(predict, (60, 100))
    assert one.box == (0, 10, 20, 40)


def test_a_large_photo_is_halved_for_its_border():
    photo = np.full((2000, 2001, 3), PAPER, np.uint8)
    photo[400:800, 1000:1200] = INK
    look = looks(photo)["half as large, in a grey border"]
    (picture,) = look.pictures
    # 1000 x 1001, and half of it on each side.
    assert picture.pixels.shape == (2000, 2003, 3)
    (one,) = look.read(finds_block, (2000, 2001))
    np.testing.assert_allclose(one.box, (400, 1000, 800, 1200), atol=1)


def test_parts_are_for_what_they_show_larger():
    # In a frame as large as the photo, which enlarges nothing, parts show no more.
    assert list(looks(block(), lambda *_: 1.0)) == NAMES[2:]


def test_parts_overlap_and_what_they_cut_does_not_count():
    # Halves of 60 with a fifth more are 36 high: the parts' rows are 0-36 and 24-60,
    # columns 0-60 and 40-100. This block lies whole in the left parts alone.
    photo = block(box=(26, 38, 34, 54))  # 2 from the upper part's edge, 6 from the side
    look = looks(photo)["in 2x2 overlapping parts"]
    assert [one.pixels.shape for one in look.pictures] == [(36, 60, 3)] * 4
    found = look.read(finds_block, (60, 100))
    assert [one.box for one in found] == [(26, 38, 34, 54)]


@pytest.mark.parametrize("box", [(0, 0, 8, 12), (52, 88, 60, 100), (0, 88, 8, 100)])
def test_the_photos_own_edges_cut_nothing(box):
    look = looks(block(box=box))["in 2x2 overlapping parts"]
    assert [one.box for one in look.read(finds_block, (60, 100))] == [box]


def test_a_text_that_goes_on_behind_a_cut_does_not_count():
    # The right parts begin at 40: a part of a text of height 8 that begins at 43 is
    # nearer to the cut than half of that; one that begins at 45 is not.
    def predict(left):
        def read(picture):
            rows = [Reading("12", 0.5, (10, left, 18, left + 12))]
            return Readings(rows, picture.shape[:2])

        return read

    right = [one for one in parts_of(block()) if one.cuts[1]]
    for left, whole in ((3, False), (5, True)):
        found = Look("", "", right[:1]).read(predict(left), (60, 100))
        assert bool(found) is whole


def parts_of(photo):
    return list(looks(photo)["in 2x2 overlapping parts"].pictures)


def test_which_edges_of_parts_cut_the_photo():
    assert [one.cuts for one in parts_of(block())] == [
        (False, False, True, True),
        (False, True, True, False),
        (True, False, False, True),
        (True, True, False, False),
    ]


@pytest.mark.parametrize(
    ("size", "names"),
    [
        # 20 times as long as high: often ten times.
        ((50, 1000), ["in 1x12 overlapping parts"] * 2),
        ((1000, 50), ["in 12x1 overlapping parts"] * 2),
        # 3 times: twice as many along, half as many across.
        ((100, 300), ["in 1x4 overlapping parts", "in 1x6 overlapping parts"]),
        ((100, 200), ["in 2x2 overlapping parts", "in 3x3 overlapping parts"]),
    ],
)
def test_strips_stay_whole_across(size, names):
    found = list(looks_at(np.zeros((*size, 3), np.uint8), small_frame))
    assert [look.name for look in found if "parts" in look.name] == names


def test_of_two_at_one_place_the_longer_stays_and_then_the_surer():
    def rows_of(*rows):
        pictures = [
            Picture(np.full((20, 40, 3), i, np.uint8), lambda y, x: (y, x))
            for i in range(len(rows))
        ]

        def predict(picture):
            return Readings([rows[picture[0, 0, 0]]], (20, 40))

        found = Look("so", "", pictures).read(predict, (20, 40))
        return [(one.text, one.score) for one in found]

    whole = Reading("40712", 0.58, (2, 2, 8, 30))
    rest = Reading("12", 0.71, (2, 19, 8, 30))
    again = Reading("40772", 0.66, (2, 2, 8, 31))
    elsewhere = Reading("9", 0.9, (12, 2, 18, 8))
    empty = Reading("", 0.9, (12, 20, 18, 30))
    assert rows_of(rest, whole, empty) == [("40712", 0.58)]
    assert rows_of(whole, again, elsewhere) == [("9", 0.9), ("40772", 0.66)]
