"""Other looks at a photo: what is shown, and where it is in the photo itself."""

import numpy as np
import pytest

from fused_ocr.explaining.views import Look, looks_at
from fused_ocr.result import Reading, Readings

PAPER, INK = 100, 220
BOX = (12, 50, 22, 68)
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
    return Readings([Reading("8", 0.7, box)], picture.shape[:2])


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
    (one,) = looks(block())[name].read(finds_block)
    assert one.box == BOX and one.text == "8" and one.score == 0.7
    y1, x1, y2, x2 = BOX
    assert sorted(one.quad) == sorted([(y1, x1), (y1, x2), (y2, x2), (y2, x1)])


def test_the_corners_keep_their_order_from_the_texts_top_left():
    # Seen upside down, the text's top left is the photo's bottom right.
    (one,) = looks(block())["turned upside down"].read(finds_block)
    assert one.quad[0] == (BOX[2], BOX[3]) and one.quad[1] == (BOX[2], BOX[1])


def test_turned_is_turned():
    # To the left: the top right corner of the photo becomes the top left.
    photo = block(box=(0, 90, 10, 100))
    ((left, _),) = looks(photo)["turned a quarter to the left"].pictures
    ((right, _),) = looks(photo)["turned a quarter to the right"].pictures
    assert left.shape == right.shape == (100, 60, 3)
    assert (left[:10, :10] == INK).all() and (right[-10:, -10:] == INK).all()
    ((negative, _),) = looks(photo)["as a negative"].pictures
    assert negative[0, 0, 0] == 255 - PAPER


def test_a_border_around():
    ((picture, back),) = looks(block())["half as large, in a grey border"].pictures
    assert picture.shape == (120, 200, 3)
    np.testing.assert_array_equal(picture[30:90, 50:150], block())
    assert picture[0, 0].tolist() == [127, 127, 127]
    assert back(30.0, 50.0) == (0.0, 0.0)


def test_a_large_photo_is_halved_for_its_border():
    photo = np.full((2000, 2001, 3), PAPER, np.uint8)
    photo[400:800, 1000:1200] = INK
    look = looks(photo)["half as large, in a grey border"]
    ((picture, _),) = look.pictures
    assert picture.shape == (2000, 2003, 3)  # 1000 x 1001, and half of it on each side
    (one,) = look.read(finds_block)
    np.testing.assert_allclose(one.box, (400, 1000, 800, 1200), atol=1)


def test_parts_are_for_what_they_show_larger():
    # In a frame as large as the photo, which enlarges nothing, parts show no more.
    assert list(looks(block(), lambda *_: 1.0)) == NAMES[2:]


def test_parts_overlap_and_what_they_cut_does_not_count():
    # Halves of 60 with a fifth more are 36 high: the parts' rows are 0-36 and 24-60,
    # columns 0-60 and 40-100. This block lies whole in the left parts alone.
    photo = block(box=(26, 38, 34, 57))
    look = looks(photo)["in 2x2 overlapping parts"]
    shapes = [picture.shape for picture, _ in look.pictures]
    assert shapes == [(36, 60, 3)] * 4
    found = look.read(finds_block)
    assert [one.box for one in found] == [(26, 38, 34, 57)]


def test_the_surest_of_two_at_one_place_stays():
    image = np.zeros((20, 20, 3), np.uint8)
    both = [(image, lambda y, x: (y, x)), (image, lambda y, x: (y + 1, x))]
    scores = iter([0.4, 0.6])

    def predict(_):
        score = next(scores)
        rows = [Reading("17", score, (2, 2, 8, 18)), Reading("", 0.9, (0, 0, 1, 1))]
        return Readings(rows, (20, 20))

    found = Look("so", "", both).read(predict)
    assert [(one.text, one.score, one.box[0]) for one in found] == [("17", 0.6, 3)]
