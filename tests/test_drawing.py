"""Drawings: right places, legible sizes, and nothing outside the picture."""

import numpy as np
import pytest
from PIL import Image

from fused_ocr.drawing import CHARACTER_COLOUR, INK, READING_COLOUR, draw
from fused_ocr.errors import ImageFormatError
from fused_ocr.result import Character, Reading

GREY = 90


def photo(height, width):
    return np.full((height, width, 3), GREY, np.uint8)


def reading(box, text="407", characters=()):
    return Reading(text, 0.98, box, "number", characters)


def places(picture, colour):
    """(y, x) of every pixel of a colour."""
    return np.argwhere((np.asarray(picture) == colour).all(axis=-1))


def test_no_readings_change_nothing():
    image = photo(401, 503)
    np.testing.assert_array_equal(np.asarray(draw(image, [])), image)


@pytest.mark.parametrize(
    ("size_yx", "size_xy"),
    [
        ((1, 1), (400, 400)),
        # 400 / 64 = 6.25: the next whole factor is 7.
        ((48, 64), (448, 336)),
        ((101, 399), (798, 202)),
        ((400, 300), (300, 400)),
        ((3000, 4000), (4000, 3000)),
        ((1, 20000), (20000, 1)),
        ((20000, 1), (1, 20000)),
    ],
)
def test_small_photos_are_enlarged_by_a_whole_factor(size_yx, size_xy):
    height, width = size_yx
    picture = draw(photo(height, width), [reading((0, 0, height, width))])
    assert (picture.size, picture.mode) == (size_xy, "RGB")


def test_the_frame_is_outside_the_box():
    box = (100, 200, 141, 273)
    picture = draw(photo(401, 503), [reading(box)], characters=False)
    y1, x1, y2, x2 = box
    inside = np.asarray(picture)[y1:y2, x1:x2]
    np.testing.assert_array_equal(inside, photo(y2 - y1, x2 - x1))
    # Side sqrt(401 * 503) = 449, so a thin line is round(449 / 600) = 1 pixel, the
    # yellow one lies 3 to 4 pixels outside the box, the black rim around it.
    row, column = (y1 + y2) // 2, (x1 + x2) // 2
    for at in ((row, x1 - 3), (row, x2 + 3), (y2 + 3, column), (y1 - 4, column)):
        assert picture.getpixel(at[::-1]) == READING_COLOUR
    for at in ((row, x1 - 5), (row, x2 + 4), (y2 + 1, column), (y1 - 2, column)):
        assert picture.getpixel(at[::-1]) == INK


def test_characters_can_be_left_out():
    part = Character("4", 0.9, (110, 210, 130, 225))
    readings = [reading((100, 200, 141, 273), characters=(part,))]
    drawn = places(draw(photo(401, 503), readings), CHARACTER_COLOUR)
    # One pixel outside the character's pixels 110..129 and 210..224.
    assert drawn.min(axis=0).tolist() == [109, 209]
    assert drawn.max(axis=0).tolist() == [130, 225]
    bare = draw(photo(401, 503), readings, characters=False)
    assert len(places(bare, CHARACTER_COLOUR)) == 0


def test_boxes_follow_the_enlarging():
    # 100 x 140 is enlarged by ceil(400 / 140) = 3, so pixel edges go to 3 times theirs.
    part = Character("4", 0.9, (20, 30, 40, 50))
    readings = [reading((20, 30, 40, 50), characters=(part,))]
    drawn = places(draw(photo(100, 140), readings), CHARACTER_COLOUR)
    assert drawn.min(axis=0).tolist() == [59, 89]
    assert drawn.max(axis=0).tolist() == [120, 150]


@pytest.mark.parametrize("size", [(401, 503), (1501, 2003), (3000, 4000)])
def test_lines_and_labels_follow_the_size_of_the_photo(size):
    height, width = size
    box = (0.5 * height, 0.4 * width, 0.6 * height, 0.6 * width)
    yellow = places(draw(photo(height, width), [reading(box)]), READING_COLOUR)
    # The label is the only yellow above the frame; its height is its text's, some
    # 1/32 of the photo's side, and a margin.
    label_height = box[0] - yellow[:, 0].min()
    assert 0.025 * height < label_height < 0.1 * height


def label_of(text):
    """The pixels of a label that had all the place it wanted: above its frame."""
    picture = draw(photo(401, 503), [reading((200, 200, 230, 280), text)])
    # The rim of the frame begins 5 pixels above the box.
    above = np.asarray(picture)[:195]
    yellow = places(above, READING_COLOUR)
    (top, left), (bottom, right) = yellow.min(axis=0), yellow.max(axis=0)
    return above[top : bottom + 1, left : right + 1]


@pytest.mark.parametrize(
    "box",
    [
        (0, 0, 30, 30),
        (0, 473, 30, 503),
        (371, 0, 401, 30),
        (371, 473, 401, 503),
        (0, 0, 401, 503),
        (0, 0, 0, 0),
        (401, 503, 401, 503),
        (-50, -60, 900, 900),
    ],
)
@pytest.mark.parametrize("text", ["", "407", "4" * 300, "fünf\nzwei", "東京"])
def test_labels_stay_inside_the_picture(box, text):
    picture = draw(photo(401, 503), [reading(box, text)])
    assert picture.size == (503, 401)
    # A filled label with its text: yellow pixels, and ones darker than the photo.
    assert len(places(picture, READING_COLOUR)) > 200
    assert (np.asarray(picture).max(axis=-1) < GREY).sum() > 20
    if len(text) < 300:  # what is wider than the picture at any size is cut off
        label = label_of(text)
        height, width = label.shape[:2]
        pixels = np.asarray(picture)
        assert any(
            np.array_equal(pixels[y : y + height, x : x + width], label)
            for y, x in places(picture, READING_COLOUR)
        )


def test_labels_do_not_cover_other_readings():
    # The second reading is where the first one's label would be: right above it.
    below, above = reading((200, 200, 230, 280)), reading((150, 200, 190, 280))
    picture = np.asarray(draw(photo(401, 503), [below, above]))
    for y1, x1, y2, x2 in ((200, 200, 230, 280), (150, 200, 190, 280)):
        np.testing.assert_array_equal(picture[y1:y2, x1:x2], photo(y2 - y1, x2 - x1))


def test_any_source_is_drawn_on(tmp_path):
    image = photo(401, 503)
    Image.fromarray(image).save(tmp_path / "photo.png")
    expected = np.asarray(draw(image, [reading((100, 200, 141, 273))]))
    for source in (tmp_path / "photo.png", Image.fromarray(image)):
        picture = draw(source, iter([reading((100, 200, 141, 273))]))
        np.testing.assert_array_equal(np.asarray(picture), expected)


def test_what_is_no_image():
    with pytest.raises(ImageFormatError, match="image: not an image: NoneType"):
        draw(None, [])
