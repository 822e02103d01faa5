"""Rectified crops against hand-made values, numpy, Pillow, and upright crops."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import check_layer
from PIL import Image
from test_cropping import GREY, GREY_SUM, boxes_inside, noise_photo, ramp, text_photo
from tflite_checks import converted

from fused_ocr.config import CropConfig
from fused_ocr.cropping import CropResize
from fused_ocr.rectification import (
    RectifyQuads,
    box_around,
    corners_of,
    known_corners,
)

EXACT = {"square": False, "grow": 1.0}
"""Settings under which the quadrilateral is cut as it is."""


def cut(image, places, *, count=None, sizes=None, **config):
    """Crops (N, h, w), 0..255, of one photo's quadrilaterals, or of its boxes."""
    places = np.asarray(places, np.float32)[None]
    count = np.array([places.shape[1] if count is None else count], np.int32)
    config = CropConfig(**{"size_yx": (4, 4), **EXACT, **config})
    layer = (RectifyQuads if places.ndim == 4 else CropResize)(config)
    sizes = None if sizes is None else np.array([sizes], np.int32)
    crops = layer(np.asarray(image)[None], places, count, sizes)
    return crops.numpy()[0, ..., 0] * 255


def upright(boxes):
    """Boxes (N, 4) as quadrilaterals (N, 4, 2)."""
    y1, x1, y2, x2 = np.asarray(boxes, np.float32).T
    return np.stack([y1, x1, y1, x2, y2, x2, y2, x1], -1).reshape(-1, 4, 2)


def turned(centre, sides, degrees):
    """A rectangle (4, 2) of a height and a width, turned clockwise."""
    angle = np.deg2rad(degrees)
    down = np.array([np.cos(angle), -np.sin(angle)]) * sides[0] / 2
    right = np.array([np.sin(angle), np.cos(angle)]) * sides[1] / 2
    corners = [-down - right, right - down, down + right, down - right]
    return np.array(centre) + np.array(corners)


def seen(rng, centre, sides, *, steep=0.15):
    """A rectangle seen at an angle: convex corners (4, 2), clockwise."""
    shift = rng.uniform(-steep, steep, (4, 2)) * np.array(sides)
    return turned(centre, sides, rng.uniform(-30, 30)) + shift


# --- independent: eight linear equations, float64 -------------------------------------


def homography(quad):
    """(3, 3), from (u, v, 1) to (x, y, 1), by solving for its eight unknowns."""
    rows, values = [], []
    for (u, v), (y, x) in zip([(0, 0), (1, 0), (1, 1), (0, 1)], quad, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
        values += [x, y]
    solved = np.linalg.solve(np.array(rows, np.float64), np.array(values, np.float64))
    return np.append(solved, 1.0).reshape(3, 3)


def project(matrix, u, v):
    """y and x of points u, v."""
    x, y, d = np.einsum("ij,j...->i...", matrix, np.stack([u, v, np.ones_like(u)]))
    assert (np.sign(d) == np.sign(d.flat[0])).all()
    return y / d, x / d


def bilinear(grey, y, x):
    """The photo at pixel edges y, x, its border continued."""
    height, width = grey.shape
    y, x = np.clip(y - 0.5, 0, height - 1), np.clip(x - 0.5, 0, width - 1)
    top, left = y.astype(int), x.astype(int)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    part_y, part_x = y - top, x - left
    upper = grey[top, left] * (1 - part_x) + grey[top, right] * part_x
    lower = grey[bottom, left] * (1 - part_x) + grey[bottom, right] * part_x
    return upper * (1 - part_y) + lower * part_y


def rectified(image, quad, size_yx, *, frame_yx=(1.0, 1.0), antialias=False):
    """The crop (h, w), 0..255; anti-aliased by 12x12 samples under a triangle."""
    grey, matrix = np.asarray(image, np.float64) @ GREY, homography(quad)

    def at(shift_y=0.0, shift_x=0.0):
        v, u = (
            0.5 + side * ((np.arange(n) + 0.5 + shift) / n - 0.5)
            for n, side, shift in zip(
                size_yx, frame_yx, (shift_y, shift_x), strict=True
            )
        )
        return np.stack(project(matrix, *np.meshgrid(u, v)))

    if not antialias:
        return bilinear(grey, *at())
    # Samples are bilinear, so the triangle is narrower than a cell's own pixels: their
    # variances add up.
    cell_y = np.linalg.norm(at(0.5, 0) - at(-0.5, 0), axis=0)
    cell_x = np.linalg.norm(at(0, 0.5) - at(0, -0.5), axis=0)
    reach_y, reach_x = (
        np.sqrt(1 - 1 / np.maximum(c, 1) ** 2) for c in (cell_y, cell_x)
    )
    shifts = (np.arange(12) + 0.5) / 6 - 1
    weights = (1 - np.abs(shifts)) / (1 - np.abs(shifts)).sum()
    total = np.zeros(size_yx)
    for shift_y, weight_y in zip(shifts, weights, strict=True):
        for shift_x, weight_x in zip(shifts, weights, strict=True):
            places = at(shift_y * reach_y.mean(), shift_x * reach_x.mean())
            total += weight_y * weight_x * bilinear(grey, *places)
    return total


# --- none -----------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [0, 1, 3])
@pytest.mark.parametrize("antialias", [False, True])
def test_photo_without_quads(slots, antialias):
    quads = np.zeros((slots, 4, 2))
    crops = cut(noise_photo(21, 33), quads, count=0, antialias=antialias)
    assert crops.shape == (slots, 4, 4)
    assert not crops.any()


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_rows_past_the_count_are_exactly_zero(count, antialias):
    quads = [turned((15, 20), (9, 14), 20)] * 3
    white = np.full((31, 45, 3), 255, np.uint8)
    crops = cut(white, quads, count=count, antialias=antialias)
    assert crops.shape == (3, 4, 4)
    assert not crops[count:].any()
    assert (crops[:count] > 254).all()


def test_what_stands_in_unused_rows_does_not_matter():
    quads = np.stack([turned((15, 20), (9, 14), 20)] * 3)
    quads[1:] = np.nan
    photos = np.stack([noise_photo(31, 45, seed) for seed in range(2)])
    layer = RectifyQuads(CropConfig(size_yx=(9, 7)))
    both = np.stack([quads, quads[[0, 0, 0]]]).astype(np.float32)
    crops = layer(photos, both, np.array([1, 3], np.int32)).numpy()
    assert np.isfinite(crops).all()
    assert not crops[0, 1:].any()


def test_counts_differ_within_a_batch():
    photos = np.stack([noise_photo(31, 45, seed) for seed in range(3)])
    rng = np.random.default_rng(1)
    quads = np.stack([seen(rng, (15, 22), (12, 20)) for _ in range(12)])
    quads = quads.reshape(3, 4, 4, 2).astype(np.float32)
    layer = RectifyQuads(CropConfig(size_yx=(9, 7), **EXACT))
    together = layer(photos, quads, np.array([0, 4, 1], np.int32)).numpy()
    assert together.shape == (3, 4, 9, 7, 1)
    for b, count in enumerate([0, 4, 1]):
        alone = layer(photos[b : b + 1], quads[b : b + 1], np.array([count], np.int32))
        np.testing.assert_allclose(together[b], alone[0], atol=1e-6)
        assert not together[b, count:].any()


# --- golden ---------------------------------------------------------------------------

# The trapezium (2, 2), (2, 10), (8, 8), (8, 4): its lower edge is half as long as the
# upper one, so twice as far away, and with denominators 1 above and 2 below the
# homogeneous coordinates are affine: y = (2 + (2 * 8 - 2) v) / (1 + v) and x = (2 +
# (10 - 2) u + (2 * 4 - 2) v) / (1 + v). In a crop of 2x2, u and v are 1/4 and 3/4:
# y = 5.5 / 1.25 above, 12.5 / 1.75 below; x = 5.5 / 1.25 and 9.5 / 1.25 above, 8.5 /
# 1.75 and 12.5 / 1.75 below.
TRAPEZIUM = np.array([(2, 2), (2, 10), (8, 8), (8, 4)], np.float32)
TRAPEZIUM_YX = [
    [(5.5 / 1.25, 5.5 / 1.25), (5.5 / 1.25, 9.5 / 1.25)],
    [(12.5 / 1.75, 8.5 / 1.75), (12.5 / 1.75, 12.5 / 1.75)],
]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_ramp(dtype):
    # I[y, x] = 13 y + x on 11x13; a place in pixel edges has the value at half less.
    image = ramp(11, 13).astype(dtype)
    crops = cut(image, [TRAPEZIUM], size_yx=(2, 2), antialias=False)
    values = (np.array(TRAPEZIUM_YX) - 0.5) @ [13, 1]
    np.testing.assert_allclose(crops[0], values * GREY_SUM, atol=1e-3)


def test_a_text_that_runs_down():
    # Its top left is the photo's top right: rows of the crop are columns, from the
    # right, and columns are rows. Pixels (0..2, 0..1) of the ramp 5x7.
    quad = [(0, 2), (3, 2), (3, 0), (0, 0)]
    crops = cut(ramp(5, 7), [quad], size_yx=(2, 3), antialias=False)
    expected = np.array([[1, 8, 15], [0, 7, 14]])
    np.testing.assert_allclose(crops[0], expected * GREY_SUM, atol=1e-3)


@pytest.mark.parametrize("antialias", [False, True])
def test_another_first_corner_turns_the_crop(antialias):
    photo = noise_photo(61, 95)
    quad = seen(np.random.default_rng(2), (30, 47), (30, 40))
    one, other = cut(photo, [quad, np.roll(quad, -1, 0)], antialias=antialias)
    np.testing.assert_allclose(np.rot90(one), other, atol=0.02)


# --- the upright layer ----------------------------------------------------------------


@pytest.mark.parametrize("settings", [EXACT, {"square": True, "grow": 1.3}])
@pytest.mark.parametrize("photo_yx", [(97, 151), (151, 97)])
@pytest.mark.parametrize("size_yx", [(9, 31), (28, 28), (1, 1)])
def test_equals_upright_crops(photo_yx, size_yx, settings):
    photo = noise_photo(*photo_yx)
    rng = np.random.default_rng(3)
    # Anywhere, partly outside.
    sides = rng.uniform(0.2, 3.0, (30, 2)) * size_yx
    corner = rng.uniform(-0.2, 0.9, (30, 2)) * photo_yx
    boxes = np.concatenate([corner, corner + sides], 1).astype(np.float32)
    settings = {**settings, "size_yx": size_yx, "antialias": False}
    ours = cut(photo, upright(boxes), **settings) / 255
    np.testing.assert_allclose(ours, cut(photo, boxes, **settings) / 255, atol=1e-4)


NEAR_UPRIGHT = {1: (0.2, 0.6), 1.5: (0.4, 2), 2: (0.2, 0.6), 3: (0.5, 2), 4: (1, 4)}
"""Mean absolute difference, of 255, from the upright layer's anti-aliased crops, of a
photo and of black print, by shrink. Measured: 0.03 and 0.2, 0.2 and 1.3, 0.03 and 0.2,
0.2 and 1.2, 0.5 and 2.7. Plain samples are 0.04 and 0.3, 0.6 and 4.6, 1.1 and 7.1, 1.7
and 9.5, 2.4 and 11 off."""


@pytest.mark.parametrize("shrink", NEAR_UPRIGHT)
@pytest.mark.parametrize("make", [noise_photo, text_photo])
def test_near_upright_crops_with_antialias(make, shrink):
    # Characters fill a crop in use, so the larger the shrink, the larger they are.
    tall = {} if make is noise_photo else {"tall": int(24 * shrink)}
    photo = make(331, 443, **tall)
    rng = np.random.default_rng(4)
    boxes = boxes_inside(
        rng, 12, 331, 443, cell=(shrink * 0.97, shrink * 1.03), size_yx=(28, 72)
    )
    theirs, soft, plain = (
        cut(photo, places, size_yx=(28, 72), antialias=antialias)
        for places, antialias in (
            (boxes, True),
            (upright(boxes), True),
            (upright(boxes), False),
        )
    )
    difference = np.abs(soft - theirs).mean()
    assert difference < NEAR_UPRIGHT[shrink][make is text_photo]
    assert shrink == 1 or difference < np.abs(plain - theirs).mean() / 3


@pytest.mark.parametrize("antialias", [False, True])
def test_growing_cells_take_one_sample(antialias):
    # Where a cell is smaller than a pixel there is nothing to smooth.
    photo = noise_photo(31, 45)
    quad = seen(np.random.default_rng(5), (15, 22), (8, 20))
    crops = cut(photo, [quad], size_yx=(28, 72), antialias=antialias)
    expected = rectified(photo, quad, (28, 72))
    np.testing.assert_allclose(crops[0], expected, atol=0.02)


def test_what_others_need_does_not_matter():
    # Edges of cells are read along an axis if some region shrinks along it.
    photo = text_photo(131, 243)
    sides = [(8, 20), (60, 20), (8, 160), (60, 160)]  # for crops of 24x72
    rng = np.random.default_rng(5)
    quads = np.array([seen(rng, (65, 120), one) for one in sides], np.float32)
    alone = [cut(photo, [quad], size_yx=(24, 72), antialias=True)[0] for quad in quads]
    for chosen in ([0, 1], [0, 2], [1, 2], [0, 1, 2, 3]):
        together = cut(photo, quads[chosen], size_yx=(24, 72), antialias=True)
        for i, crop in zip(chosen, together, strict=True):
            np.testing.assert_allclose(crop, alone[i], atol=1e-6)


# --- other implementations ------------------------------------------------------------


@pytest.mark.parametrize("photo_yx", [(97, 151), (151, 97)])
@pytest.mark.parametrize("grow", [1.0, 1.3, 0.7])
def test_equals_numpy(photo_yx, grow):
    photo = noise_photo(*photo_yx)
    rng = np.random.default_rng(6)
    # Some reach over the border.
    quads = [
        seen(rng, rng.uniform(0, 1, 2) * photo_yx, rng.uniform(10, 60, 2))
        for _ in range(20)
    ]
    quads = np.array(quads, np.float32)
    ours = cut(photo, quads, size_yx=(9, 17), grow=grow, antialias=False)
    for quad, crop in zip(quads, ours, strict=True):
        expected = rectified(photo, quad, (9, 17), frame_yx=(grow, grow))
        np.testing.assert_allclose(crop, expected, atol=0.02)


@pytest.mark.parametrize("shrink", [1.2, 2, 3])
@pytest.mark.parametrize(("make", "tolerance"), [(noise_photo, 0.5), (text_photo, 2.0)])
def test_near_a_dense_filter(make, tolerance, shrink):
    tall = {} if make is noise_photo else {"tall": int(24 * shrink)}
    photo = make(331, 443, **tall)
    rng = np.random.default_rng(7)
    for _ in range(4):
        centre = rng.uniform(0.4, 0.6, 2) * (331, 443)
        quad = seen(rng, centre, np.array([24, 72]) * shrink, steep=0.1)
        quad = quad.astype(np.float32)
        expected = rectified(photo, quad, (24, 72), antialias=True)
        soft = cut(photo, [quad], size_yx=(24, 72), antialias=True)
        plain = cut(photo, [quad], size_yx=(24, 72), antialias=False)
        difference = np.abs(soft - expected).mean()
        assert difference < tolerance
        assert difference < np.abs(plain - expected).mean() / 2


def test_equals_pillow():
    photo = noise_photo(97, 151)
    quad = seen(np.random.default_rng(14), (45, 70), (30, 80))
    # Pillow takes the homography from the crop's pixels, the last entry being 1.
    matrix = homography(quad) @ np.diag([1 / 40, 1 / 16, 1.0])
    theirs = Image.fromarray(photo).transform(
        (40, 16),
        Image.Transform.PERSPECTIVE,
        (matrix / matrix[2, 2]).ravel()[:8].tolist(),
        Image.Resampling.BILINEAR,
    )
    ours = cut(photo, [quad], size_yx=(16, 40), antialias=False)
    # Its pixels are whole numbers.
    np.testing.assert_allclose(ours[0], np.asarray(theirs) @ GREY, atol=1.01)


@pytest.mark.parametrize("seed", range(4))
def test_a_pasted_plate_is_rectified_back(seed):
    rng = np.random.default_rng(seed)
    height, width = 24, 96
    plate = text_photo(4 * height, 4 * width, tall=80)
    flat = np.asarray(Image.fromarray(plate).resize((width, height)).convert("L"))
    quad = seen(rng, (90, 130), (56, 200), steep=0.12)
    photo = noise_photo(181, 263).astype(np.float64)
    # Each pixel of the photo is seen from 4x4 places on the plate.
    back = np.linalg.inv(homography(quad))
    y, x = np.meshgrid(
        (np.arange(181 * 4) + 0.5) / 4, (np.arange(263 * 4) + 0.5) / 4, indexing="ij"
    )
    u, v, d = np.einsum("ij,j...->i...", back, np.stack([x, y, np.ones_like(x)]))
    u, v = u / d, v / d
    inside = ((u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)).astype(np.float64)
    looks = bilinear(plate @ GREY, v * 4 * height, u * 4 * width) * inside

    def pooled(values):
        return values.reshape(181, 4, 263, 4).mean((1, 3))[..., None]

    photo = (photo * (1 - pooled(inside)) + pooled(looks)).astype(np.uint8)
    inner = np.s_[2:-2, 2:-2]  # the plate's border has the photo beside it

    def off(place):
        crop = cut(photo, [place], size_yx=(height, width))[0]
        return np.abs(crop - flat)[inner].mean()

    # The photo itself is less sharp than print; measured: 7.3 to 7.7.
    found = off(quad)
    assert found < 9
    for shift in [(0, 1), (1, 0), (0, -1), (-1, 0)]:
        assert off(quad + shift) > found + 3
    assert off([*quad.min(0), *quad.max(0)]) > 5 * found


# --- square and grow ------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [0, 33, 90, 200])
@pytest.mark.parametrize(
    ("sides", "size_yx", "square", "stretch", "grow", "framed"),
    [
        ((8, 4), (4, 4), False, 1.0, 1.5, (12, 6)),
        ((8, 4), (4, 4), True, 1.0, 1.0, (8, 8)),
        ((8, 4), (4, 4), True, 1.0, 1.5, (12, 12)),
        ((4, 8), (4, 4), True, 1.0, 0.5, (4, 4)),
        # Two rows of two: 4 pixels a column, so as many a row.
        ((4, 8), (4, 2), True, 1.0, 1.0, (16, 8)),
        ((8, 4), (4, 2), True, 1.0, 1.0, (8, 4)),
        # Stretched 1.6 times: 2 pixels a row, 1.25 a column.
        ((8, 4), (4, 4), True, 1.6, 1.5, (12, 7.5)),
        ((4, 8), (4, 4), True, 3.0, 1.0, (4, 8)),
    ],
)
def test_square_and_grow_in_the_plane(
    sides, size_yx, square, stretch, grow, framed, degrees
):
    photo = ramp(43, 51, y=100.0)
    quads = [turned((21, 25), one, degrees) for one in (sides, framed)]
    settings = {"size_yx": size_yx, "antialias": False}
    frame = {"square": square, "stretch": stretch, "grow": grow}
    ours = cut(photo, quads[:1], **frame, **settings)
    np.testing.assert_allclose(ours, cut(photo, quads[1:], **settings), atol=0.05)


def test_growing_keeps_the_perspective():
    photo = ramp(31, 43)
    quad = TRAPEZIUM + 10
    ours = cut(photo, [quad], size_yx=(8, 6), grow=2.0, antialias=False)
    expected = rectified(photo, quad, (8, 6), frame_yx=(2.0, 2.0))
    np.testing.assert_allclose(ours[0], expected, atol=0.02)


# --- turned a quarter -----------------------------------------------------------------

HIGH = [(4, 9), (4, 14), (20, 14), (20, 9)]
"""16 pixels high, 5 wide: 3.2 times."""


@pytest.mark.parametrize("antialias", [False, True])
def test_what_is_high_lies_on_its_back(antialias):
    photo = noise_photo(31, 33)
    settings = {"square": False, "antialias": antialias}
    upright = cut(photo, [HIGH], size_yx=(24, 8), **settings)[0]
    turned_left = cut(photo, [HIGH], size_yx=(8, 24), turn=3.1, **settings)[0]
    # The photo's top is the crop's left, its right side the crop's top.
    np.testing.assert_allclose(turned_left, np.rot90(upright), atol=1e-5)
    as_it_is = cut(photo, [HIGH], size_yx=(24, 8), turn=3.3, **settings)[0]
    np.testing.assert_array_equal(as_it_is, upright)


def test_each_region_is_turned_for_itself():
    photo = noise_photo(31, 33)
    flat = [(4, 9), (4, 25), (9, 25), (9, 9)]
    settings = {"size_yx": (8, 24), "square": False}
    both = cut(photo, [flat, HIGH, flat], turn=2.0, **settings)
    upright = cut(photo, [flat, HIGH], **settings)
    np.testing.assert_array_equal(both[0], upright[0])
    np.testing.assert_array_equal(both[2], upright[0])
    assert np.abs(both[1] - upright[1]).max() > 0.1


def test_places_in_a_turned_crop():
    layer = RectifyQuads(CropConfig(size_yx=(8, 24), square=False, grow=1, turn=2.0))
    quads = np.array([[HIGH]], np.float32)
    # The crop's top left, a quarter along its top, and its middle.
    seen = np.array([[[(0, 0), (0, 0.25), (0.5, 0.5)]]], np.float32)
    places = layer.to_photo(quads, seen)
    np.testing.assert_allclose(places[0, 0], [(4, 14), (8, 14), (12, 11.5)], atol=1e-4)
    np.testing.assert_allclose(layer.to_crop(quads, places), seen, atol=1e-5)


# --- odd quadrilaterals ---------------------------------------------------------------

ODD = {
    "nothing": [(0, 0)] * 4,
    "a point": [(7, 9)] * 4,
    "no height": [(7, 3), (7, 20), (7, 20), (7, 3)],
    "a slanted line": [(3, 4), (9, 16), (9, 16), (3, 4)],
    "three corners on a line": [(2, 3), (2, 20), (8, 11.5), (14, 3)],
    "two corners in one": [(2, 3), (2, 20), (12, 20), (2, 3)],
    "crossing itself": [(2, 3), (12, 20), (2, 20), (12, 3)],
    "crossing itself, of no area": [(2, 3), (2, 20), (12, 3), (12, 20)],
    "a dent": [(2, 3), (2, 20), (6, 10), (14, 3)],
    "anticlockwise": [(2, 3), (12, 3), (12, 20), (2, 20)],
    "nearly a triangle": [(2, 3), (2, 20), (8, 11.6), (14, 3)],
    "over every edge": [(-10, -10), (-10, 60), (40, 3), (40, 2.9)],
    "outside": [(-30, 60), (-25, 70), (-30, 70), (-25, 60)],
    "huge": [(-1e5, -1e5), (1e5, 1e5), (-1e5, 1e5), (1e5, -1e5)],
}


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("square", [False, True])
def test_odd_quads_are_cut_as_the_box_around_them(square, antialias):
    photo = noise_photo(21, 33)
    quads = np.array(list(ODD.values()), np.float32)
    low, high = quads.min(1), quads.max(1)
    middle, half = (low + high) / 2, np.maximum(high - low, 1) / 2
    boxes = np.concatenate([middle - half, middle + half], -1)
    settings = {"square": square, "grow": 1.3, "antialias": antialias}
    crops = cut(photo, quads, **settings)
    assert crops.min() >= 0 and crops.max() <= 255.01
    others = [cut(photo, upright(boxes), **settings)]
    if not antialias:
        others.append(cut(photo, boxes, **settings))
    for other in others:
        for name, one, expected in zip(ODD, crops, other, strict=True):
            np.testing.assert_allclose(one, expected, atol=0.05, err_msg=name)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_no_number_gives_numbers(value, square, antialias):
    photo = noise_photo(21, 33)
    quads = np.stack([turned((10, 15), (6, 14), 10)] * 3).astype(np.float32)
    quads[0, 1, 0] = value
    quads[1] = value
    crops = cut(photo, quads, square=square, antialias=antialias)
    assert np.isfinite(crops).all()
    alone = cut(photo, quads[2:], square=square, antialias=antialias)
    np.testing.assert_allclose(crops[2], alone[0], atol=1e-3)


@pytest.mark.parametrize("square", [False, True])
def test_any_four_corners_give_numbers(square):
    rng = np.random.default_rng(8)
    scale = 10 ** rng.uniform(-6, 6, (500, 1, 1))
    quads = rng.normal(0, 1, (500, 4, 2)) * scale + rng.uniform(0, 30, (500, 1, 2))
    quads[::3] = np.round(quads[::3])  # of no area, often
    crops = cut(noise_photo(21, 33), quads, square=square, grow=1.3)
    assert np.isfinite(crops).all()
    assert crops.min() >= 0 and crops.max() <= 255.01


@pytest.mark.parametrize(("grow", "rectifies"), [(2.6, True), (2.8, False)])
def test_no_crop_reaches_the_camera(grow, rectifies):
    # The trapezium's denominators are 2/3 above and 4/3 below where the middle has 1,
    # so grown by g the smallest is 1 - g / 3, and 0.1 at g = 2.7.
    photo = ramp(31, 43)
    quad = TRAPEZIUM + 10
    settings = {"size_yx": (8, 6), "grow": grow, "antialias": False}
    if rectifies:
        expected = rectified(photo, quad, (8, 6), frame_yx=(grow, grow))
    else:
        expected = cut(photo, [[*quad.min(0), *quad.max(0)]], **settings)[0]
    ours = cut(photo, [quad], **settings)[0]
    np.testing.assert_allclose(ours, expected, atol=0.1)


@pytest.mark.parametrize("antialias", [False, True])
def test_the_border_goes_on_outside(antialias):
    photo = noise_photo(21, 33)
    photo[:3] = (10, 200, 90)  # as deep as the samples of a cell reach
    quad = turned((-12, 16), (10, 20), 15)
    crops = cut(photo, [quad], antialias=antialias)
    np.testing.assert_allclose(crops, np.array([10, 200, 90]) @ GREY, atol=1e-3)


def test_photo_of_one_pixel():
    quads = [turned((0.5, 0.5), (1, 2), 30)]
    crops = cut(np.full((1, 1, 3), 100, np.uint8), quads, size_yx=(3, 5))
    np.testing.assert_allclose(crops, 100 * GREY_SUM, atol=1e-3)


# --- sizes, binarize, float -----------------------------------------------------------


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("size", [(21, 33), (31, 20), (1, 1), (31, 45)])
def test_sizes_is_the_unpadded_photo(size, antialias):
    photo = noise_photo(31, 45)
    rng = np.random.default_rng(9)
    middles = (np.array(size) / 2, size, (5, 7))
    quads = [seen(rng, middle, (8, 14)) for middle in middles]
    settings = {"grow": 1.3, "antialias": antialias}
    padded = cut(photo, quads, sizes=size, **settings)
    alone = cut(photo[: size[0], : size[1]], quads, **settings)
    np.testing.assert_array_equal(padded, alone)


@pytest.mark.parametrize("antialias", [False, True])
def test_binarize_gives_only_0_and_1(antialias):
    photo = noise_photo(61, 95)
    quads = [seen(np.random.default_rng(10), (30, 47), (30, 40))]
    settings = {"size_yx": (9, 7), "antialias": antialias}
    soft = cut(photo, quads, **settings) / 255
    hard = cut(photo, quads, binarize=True, **settings) / 255
    assert set(np.unique(hard)) == {0.0, 1.0}
    sure = np.abs(soft - 0.5) > 1e-6
    np.testing.assert_array_equal(hard[sure], (soft > 0.5)[sure])


def test_uint8_and_float_photos_agree():
    photo = noise_photo(31, 45)
    quads = [seen(np.random.default_rng(11), (15, 22), (12, 20)) for _ in range(5)]
    np.testing.assert_array_equal(
        cut(photo, quads), cut(photo.astype(np.float32), quads)
    )


def test_config_or_its_dictionary():
    config = CropConfig(size_yx=(9, 7), grow=1.1)
    assert RectifyQuads(config.to_dict()).crop == RectifyQuads(config).crop == config


# --- places ---------------------------------------------------------------------------


def places(quads, points, *, back=False, **config):
    """Where points (N, K, 2) of the crops lie in the photo; or the way back."""
    layer = RectifyQuads(CropConfig(**{"size_yx": (4, 4), **EXACT, **config}))
    turn = layer.to_crop if back else layer.to_photo
    quads, points = (np.asarray(one, np.float32)[None] for one in (quads, points))
    return turn(quads, np.broadcast_to(points, (1, quads.shape[1], *points.shape[2:])))[
        0
    ].numpy()


def inside(rng, count=50):
    """Points (1, count, 2) of a crop, its corners among them."""
    points = rng.uniform(0, 1, (1, count, 2))
    points[0, :4] = [(0, 0), (0, 1), (1, 1), (1, 0)]
    return points


def projected(quad, points, frame_yx):
    """The same by eight linear equations, for a frame around the quadrilateral."""
    v, u = (0.5 + np.array(frame_yx) * (points - 0.5)).T
    return np.stack(project(homography(quad), u, v), -1)


def perspective_quads(rng, count=20):
    return np.array(
        [
            seen(rng, rng.uniform(0, 100, 2), rng.uniform(10, 60, 2))
            for _ in range(count)
        ],
        np.float32,
    )


def test_places_by_hand():
    # The middles of a 2x2 crop's cells, worked out above.
    points = [[(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]]
    found = places([TRAPEZIUM], points)
    np.testing.assert_allclose(found[0], np.reshape(TRAPEZIUM_YX, (4, 2)), atol=1e-5)
    back = places([TRAPEZIUM], [np.reshape(TRAPEZIUM_YX, (4, 2))], back=True)
    np.testing.assert_allclose(back, points, atol=1e-5)


@pytest.mark.parametrize("grow", [1.0, 1.3, 0.7])
def test_places_equal_numpy(grow):
    rng = np.random.default_rng(15)
    quads, points = perspective_quads(rng), inside(rng)
    found = places(quads, points, size_yx=(9, 17), grow=grow)
    for quad, one in zip(quads, found, strict=True):
        expected = projected(quad, points[0], (grow, grow))
        np.testing.assert_allclose(one, expected, atol=2e-3)


@pytest.mark.parametrize("degrees", [0, 33, 200])
@pytest.mark.parametrize(
    ("sides", "size_yx", "grow", "framed"),
    [
        ((8, 4), (4, 4), 1.0, (8, 8)),
        ((8, 4), (4, 4), 1.5, (12, 12)),
        # Four pixels a column, so as many a row.
        ((4, 8), (4, 2), 1.0, (16, 8)),
        # Half a pixel a column, and two thirds a row: 6 * 2 / 3 columns, grown twice.
        ((2, 3), (3, 6), 2.0, (4, 8)),
    ],
)
def test_places_in_squared_crops(sides, size_yx, grow, framed, degrees):
    points = inside(np.random.default_rng(16))
    quad = turned((21, 25), sides, degrees)
    found = places([quad], points, size_yx=size_yx, square=True, grow=grow)
    # Of a rectangle they are affine, from the framed one's top left on.
    start, right, _, down = turned((21, 25), framed, degrees)
    expected = start + points[0] @ np.array([down - start, right - start])
    np.testing.assert_allclose(found[0], expected, atol=1e-4)


def test_places_in_a_squared_perspective():
    # The trapezium's slanted edges are sqrt(40) long, its others 6 on average: a square
    # crop sees its whole height, and sqrt(40) / 6 of its width.
    points = inside(np.random.default_rng(17))
    found = places([TRAPEZIUM], points, square=True, grow=1.2)
    expected = projected(TRAPEZIUM, points[0], (1.2, 1.2 * np.sqrt(40) / 6))
    np.testing.assert_allclose(found[0], expected, atol=1e-4)


@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize("grow", [1.0, 1.5])
def test_the_way_back(square, grow):
    rng = np.random.default_rng(18)
    quads, points = perspective_quads(rng), inside(rng)
    settings = {"size_yx": (9, 17), "square": square, "grow": grow}
    there = places(quads, points, **settings)
    back = places(quads, there, back=True, **settings)
    np.testing.assert_allclose(back, np.repeat(points, len(quads), 0), atol=1e-4)
    if not square:
        # Its own corners are where the crop was grown from.
        low, high = 0.5 - 0.5 / grow, 0.5 + 0.5 / grow
        corners = places(quads, quads, back=True, **settings)
        expected = [[(low, low), (low, high), (high, high), (high, low)]] * len(quads)
        np.testing.assert_allclose(corners, expected, atol=1e-4)


def test_places_in_odd_quads_are_those_of_the_box():
    quads = np.array([*ODD.values(), TRAPEZIUM], np.float32)
    points = inside(np.random.default_rng(19))
    # The trapezium would reach the camera; see test_no_crop_reaches_the_camera.
    found = places(quads, points, grow=2.8)
    low, high = quads.min(1), quads.max(1)
    sides = np.maximum(high - low, 1)[:, None]
    expected = (low + high)[:, None] / 2 + 2.8 * sides * (points - 0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
    back = places(quads, found, back=True, grow=2.8)
    np.testing.assert_allclose(back, np.repeat(points, len(quads), 0), atol=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_places_in_what_is_no_number_are_numbers(value):
    quads = np.full((1, 4, 2), value)
    found = places(quads, inside(np.random.default_rng(20)), square=True, grow=1.5)
    # Taken for a point at 0, and for the box of a pixel around it.
    assert np.abs(found).max() == pytest.approx(0.75)


@pytest.mark.parametrize("square", [False, True])
def test_a_cell_shows_the_pixel_in_its_middle(square):
    photo = ramp(80, 130, y=13.0)
    rng = np.random.default_rng(21)
    quads = np.array([seen(rng, (40, 65), (20, 40)) for _ in range(6)], np.float32)
    settings = {"size_yx": (5, 9), "square": square, "grow": 1.3}
    crops = cut(photo, quads, antialias=False, **settings)
    y, x = np.meshgrid(
        (np.arange(5) + 0.5) / 5, (np.arange(9) + 0.5) / 9, indexing="ij"
    )
    middles = np.stack([y, x], -1).reshape(1, 45, 2)
    values = (places(quads, middles, **settings) - 0.5) @ [13, 1]
    np.testing.assert_allclose(crops.reshape(6, 45), values * GREY_SUM, atol=0.02)


def test_corners_and_boxes():
    boxes = np.array([[(2, 3, 14, 20)], [(-1, 0, 0.5, 7)]], np.float32)
    corners = corners_of(boxes)
    expected = [
        [[(2, 3), (2, 20), (14, 20), (14, 3)]],
        [[(-1, 0), (-1, 7), (0.5, 7), (0.5, 0)]],
    ]
    np.testing.assert_array_equal(corners, expected)
    np.testing.assert_array_equal(box_around(corners), boxes)
    slanted = np.array([[(4, 1), (2, 20), (12, 25), (15, 3)]], np.float32)
    np.testing.assert_array_equal(box_around(slanted), [(2, 1, 15, 25)])
    # One corner that is not known makes all four the box's.
    quads = np.stack([slanted, slanted])
    quads[1, 0, 2, 1] = np.nan
    known = known_corners(quads, boxes)
    np.testing.assert_array_equal(known, [slanted, expected[1]])


# --- TFLite ---------------------------------------------------------------------------


@pytest.mark.tflite
@pytest.mark.parametrize("turn", [None, 1.0])
@pytest.mark.parametrize("antialias", [False, True])
def test_converts_with_builtins_only(antialias, turn):
    layer = RectifyQuads(CropConfig(size_yx=(9, 17), antialias=antialias, turn=turn))
    crop = tf.function(
        lambda images, quads, count: {"crops": layer(images, quads, count)},
        input_signature=[
            tf.TensorSpec((1, 97, 131, 3), tf.uint8, "images"),
            tf.TensorSpec((1, 3, 4, 2), tf.float32, "quads"),
            tf.TensorSpec((1,), tf.int32, "count"),
        ],
    )
    run = converted(crop, layer)

    photo = noise_photo(97, 131)[None]
    rng = np.random.default_rng(12)
    quads = np.stack([
        seen(rng, (48, 65), (60, 20) if turn else (20, 60)),
        np.full((4, 2), np.nan),  # odd ones, too
        TRAPEZIUM[::-1] + 30,
    ])[None].astype(np.float32)  # fmt: skip
    # None, some and all, and none again; and a small one, which does not shrink.
    small = quads.copy()
    small[0, 0] = seen(rng, (48, 65), (15, 7) if turn else (7, 15))
    cases = [(0, quads), (1, quads), (1, small), (3, quads), (2, quads), (0, quads)]
    for count, quads in ((np.array([c], np.int32), q) for c, q in cases):
        theirs = run(images=photo, quads=quads, count=count)["crops"]
        # Places are rounded otherwise, by 1e-5 pixels or so.
        np.testing.assert_allclose(theirs, layer(photo, quads, count), atol=1e-4)
        assert not theirs[0, count[0] :].any()


# --- as a layer -----------------------------------------------------------------------


def test_layer():
    config = CropConfig(
        size_yx=(9, 7),
        square=False,
        stretch=1.5,
        grow=1.1,
        rectify=False,
        turn=2.0,
        antialias=False,
        binarize=True,
    )
    rng = np.random.default_rng(13)
    cases = [
        (
            rng.integers(0, 256, (2, *photo, 3), dtype=np.uint8).astype(dtype),
            rng.uniform(0, 30, (2, 3, 4, 2)).astype(np.float32),
            np.array(count, np.int32),
        )
        for photo, dtype, count in [
            ((32, 32), np.uint8, [3, 1]),
            ((31, 45), np.uint8, [0, 2]),
            ((45, 31), np.float32, [0, 0]),
        ]
    ]
    # With the sizes of the photos as well.
    cases.append((*cases[1], np.array([[31, 45], [7, 9]], np.int32)))
    check_layer(RectifyQuads, {"config": config}, cases)


def test_layer_of_unknown_size():
    layer = RectifyQuads(CropConfig(size_yx=(9, 7)))
    crops = layer(
        keras.Input((None, None, 3), dtype="uint8"),
        keras.Input((5, 4, 2)),
        keras.Input((), dtype="int32"),
    )
    assert crops.shape == (None, 5, 9, 7, 1)
