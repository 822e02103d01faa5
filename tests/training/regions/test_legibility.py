"""What is left of strokes: all of what is untouched, little of what is spoilt."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from fused_ocr.training.regions.cutout import Cutout
from fused_ocr.training.regions.flat_region import FlatRegion, corners
from fused_ocr.training.regions.legibility import legibility
from fused_ocr.training.regions.placed import Placed

SIZE = (81, 135)
QUAD = corners((20, 25, 60, 105))
GREY = np.array([128.0, 128.0, 128.0])
TALL = 32.0
RNG = np.random.default_rng(0)
STROKES = (RNG.random((5, 10)) < 0.5).repeat(8, 0).repeat(8, 1)  # 40 x 80 pixels


def drawn(ink=30.0, paper=220.0):
    """A plate of random strokes, an eighth to a quarter of its characters wide."""
    cutout = Cutout(SIZE)
    cutout.cover[20:60, 25:105] = 1
    cutout.pixels[20:60, 25:105] = np.where(STROKES, ink, paper)[..., None]
    return cutout


def picture(cutout, behind=GREY):
    ground = behind * (1 - cutout.cover[..., None])
    return np.rint(cutout.pixels + ground).astype(np.uint8)


def left(image, cutout=None, pose=None, behind=GREY):
    cutout = drawn() if cutout is None else cutout
    pose = np.eye(3) if pose is None else pose
    return legibility(image, cutout, pose, QUAD, TALL, behind)


def blurred(image, radius):
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def test_what_is_untouched_is_whole():
    assert left(picture(drawn())) > 0.99


def test_neither_contrast_nor_light_matter():
    # A correlation: a factor and an offset change nothing but what rounding does.
    dim = (picture(drawn()) * 0.3 + 20).astype(np.uint8)
    assert left(dim) > 0.98


def test_inverted_strokes_are_other_strokes():
    assert left(255 - picture(drawn())) < -0.95


def test_nothing_is_left_of_an_even_surface():
    assert abs(left(np.full((*SIZE, 3), 128, np.uint8))) < 0.05


def test_the_more_is_spoilt_the_less_is_left():
    plain = picture(drawn())
    soft = [left(blurred(plain, radius)) for radius in (1, 4, 8)]
    assert soft[0] > 0.9 and soft[0] > soft[1] + 0.05 and soft[1] > soft[2] + 0.1
    noise = RNG.normal(0, 1, plain.shape)
    grainy = [
        left(np.clip(plain + amount * noise, 0, 255).astype(np.uint8))
        for amount in (10, 100, 400)
    ]
    assert grainy[0] > 0.9 and grainy[0] > grainy[1] > grainy[2] + 0.1


def test_few_pixels_are_no_strokes():
    plain = Image.fromarray(picture(drawn()))
    for pixels, seen in ((20, True), (3, False)):  # a character's height
        size = [max(1, round(side * pixels / TALL)) for side in plain.size]
        coarse = plain.resize(size, Image.Resampling.BOX)
        image = np.asarray(coarse.resize(plain.size, Image.Resampling.BILINEAR))
        assert (left(image) > 0.8) == seen


def test_a_region_is_looked_at_through_its_pose():
    # Half as large and moved: the picture is what the pose makes of the cutout.
    small = Image.fromarray(picture(drawn())).reduce((3, 3))
    scene = Image.new("RGB", (101, 77), (128, 128, 128))
    scene.paste(small, (31, 17))
    pose = np.array([[1 / 3, 0, 31], [0, 1 / 3, 17], [0, 0, 1.0]])
    image = np.asarray(scene)
    assert left(image, pose=pose) > 0.95
    aside = pose + np.array([[0, 0, 4], [0, 0, 0], [0, 0, 0]])
    assert left(image, pose=aside) < 0.5


def test_what_is_transparent_shows_the_ground():
    # Strokes alone, on a light wall: inverted, if the ground were taken for black.
    cutout = drawn(ink=100.0)
    cutout.cover[20:60, 25:105] = STROKES
    cutout.pixels *= cutout.cover[..., None]
    wall = np.array([200.0, 210.0, 190.0])
    assert left(picture(cutout, wall), cutout, behind=wall) > 0.98
    assert left(picture(cutout, wall), cutout, behind=np.zeros(3)) < -0.9


@pytest.mark.parametrize(("scale", "legible"), [(0.3, False), (1.0, True)])
def test_large_characters_are_legible_whatever_is_around(scale, legible):
    flat = FlatRegion(drawn(), QUAD, "AB", TALL, 50.0)
    one = Placed(flat, np.diag([scale, scale, 1.0]))
    assert one.high_enough and one.readable
    assert one.legible(np.full((*SIZE, 3), 128, np.uint8), GREY) == legible
    assert one.legible(picture(drawn()), GREY) or scale < 1
