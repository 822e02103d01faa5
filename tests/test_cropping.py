"""The crop layer against hand-made values, numpy, TensorFlow's operator, and Pillow."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import check_layer
from PIL import Image, ImageDraw, ImageFont
from tflite_checks import converted

from fused_ocr.config import CropConfig
from fused_ocr.cropping import CropResize

GREY = np.array([0.2989, 0.5870, 0.1140])
# tf.image.rgb_to_grayscale's weights; their sum is 0.9999, not 1.
GREY_SUM = 0.9999

EXACT = {"square": False, "grow": 1.0}
"""Settings under which the box is cut as it is."""


def cut(image, boxes, *, count=None, sizes=None, **config):
    """The crops (N, h, w), 0..255, of one photo's boxes."""
    boxes = np.asarray(boxes, np.float32).reshape(1, -1, 4)
    count = np.array([boxes.shape[1] if count is None else count], np.int32)
    layer = CropResize(CropConfig(**{"size_yx": (4, 4), **EXACT, **config}))
    sizes = None if sizes is None else np.array([sizes], np.int32)
    return layer(np.asarray(image)[None], boxes, count, sizes).numpy()[0, ..., 0] * 255


def ramp(height, width, *, y=None, x=1.0):
    """I[y, x] = y * W + x in all three channels, unless told otherwise."""
    slope = width if y is None else y
    plane = slope * np.arange(height)[:, None] + x * np.arange(width)[None]
    return np.repeat(plane[..., None], 3, -1).astype(np.float32)


def noise_photo(height, width, seed=0):
    """Like a photo: noise at scales of 1 to 64 pixels, the coarse ones strongest."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for scale in (1, 2, 4, 8, 16, 32, 64):
        small = (max(2, width // scale), max(2, height // scale))
        planes = [
            Image.fromarray(rng.normal(0, 1, small[::-1]).astype(np.float32)).resize(
                (width, height), Image.Resampling.BICUBIC
            )
            for _ in range(3)
        ]
        total += np.stack([np.asarray(p) for p in planes], -1) * scale**0.7
    return np.clip(128 + total * 60 / total.std(), 0, 255).astype(np.uint8)


def text_photo(height, width, *, tall=48):
    """Sharp dark strokes on white: the hardest case for a filter."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for row, y in enumerate(range(0, height, tall * 5 // 4)):
        text = "0123456789 ABC"[row % 5 :] * 4
        draw.text((7, y), text, (20, 10, 60), ImageFont.load_default(tall))
    return np.asarray(image)


def boxes_inside(rng, count, height, width, *, cell=(1.0, 6.0), size_yx=(9, 7)):
    """Boxes whose cells all lie well inside the photo."""
    sides = rng.uniform(*cell, (count, 2)) * size_yx
    margin = 1.0 + sides / np.array(size_yx)
    room = np.array([height, width]) - sides - 2 * margin
    sides = np.minimum(sides, sides + room - 1)
    room = np.maximum(room, 1)
    corner = margin + rng.uniform(0, 1, (count, 2)) * room
    return np.concatenate([corner, corner + sides], 1).astype(np.float32)


def sampled(image, box, size_yx, *, antialias):
    """The rule of the layer, once more, in plain loops and float64; (h, w), 0..255."""
    grey = np.asarray(image, np.float64) @ GREY

    def weights(start, end, cells, pixels):
        matrix = np.zeros((cells, pixels))
        cell = (end - start) / cells
        for j in range(cells):
            centre = start + (j + 0.5) * cell - 0.5
            if antialias:
                reach = max(cell, 1.0)
                taps = range(int(np.floor(centre - reach)), int(centre + reach) + 2)
            else:
                reach, centre = 1.0, min(max(centre, 0.0), pixels - 1.0)
                taps = range(int(centre), int(centre) + 2)
            for tap in taps:
                weight = max(0.0, 1.0 - abs(tap - centre) / reach)
                matrix[j, min(max(tap, 0), pixels - 1)] += weight  # border continued
        return matrix / matrix.sum(1, keepdims=True)

    y1, x1, y2, x2 = (float(v) for v in box)
    rows = weights(y1, y2, size_yx[0], grey.shape[0])
    columns = weights(x1, x2, size_yx[1], grey.shape[1])
    return rows @ grey @ columns.T


# --- no boxes -------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [0, 1, 3])
@pytest.mark.parametrize("antialias", [False, True])
def test_photo_without_boxes(slots, antialias):
    crops = cut(noise_photo(21, 33), np.zeros((slots, 4)), count=0, antialias=antialias)
    assert crops.shape == (slots, 4, 4)
    assert not crops.any()


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_rows_past_the_count_are_exactly_zero(count, antialias):
    boxes = [[3, 4, 12, 14]] * 3
    crops = cut(
        np.full((31, 45, 3), 255, np.uint8), boxes, count=count, antialias=antialias
    )
    assert not crops[count:].any()
    assert (crops[:count] > 254).all()


def test_counts_differ_within_a_batch():
    photos = np.stack([noise_photo(31, 45, seed) for seed in range(3)])
    boxes = boxes_inside(np.random.default_rng(1), 12, 31, 45, cell=(1, 2)).reshape(
        3, 4, 4
    )
    layer = CropResize(CropConfig(size_yx=(9, 7), **EXACT))
    together = layer(photos, boxes, np.array([0, 4, 1], np.int32)).numpy()
    assert together.shape == (3, 4, 9, 7, 1)
    for b, count in enumerate([0, 4, 1]):
        alone = layer(photos[b : b + 1], boxes[b : b + 1], np.array([count], np.int32))
        # Sums are taken over other numbers of (zero) taps, so the last bit may differ.
        np.testing.assert_allclose(together[b], alone[0], atol=1e-6)
        assert not together[b, count:].any()


def test_count_above_the_rows_is_all_rows():
    crops = cut(noise_photo(21, 33), [[3, 4, 12, 14]], count=5)
    assert crops.shape == (1, 4, 4) and crops.all()


# --- golden ---------------------------------------------------------------------------

# On the ramp of 5x7 a pixel is I[y, x] = 7 y + x. A cell centred at (y, x), edges in
# pixels, is at the index (y - 0.5, x - 0.5), so its value is 7 (y - 0.5) + x - 0.5.
GOLDEN = [
    # 1x1 cells on whole pixels: the pixels themselves, rows 1 and 2, columns 2 to 5.
    ((1, 2, 3, 6), (2, 4), [[9, 10, 11, 12], [16, 17, 18, 19]]),
    # Cells of 2x3, centres y = 1, 3 and x = 1.5, 4.5: 7 * 0.5 + 1, 7 * 0.5 + 4, ...
    ((0, 0, 4, 6), (2, 2), [[4.5, 7.5], [18.5, 21.5]]),
    # One cell, the whole photo: its middle pixel is row 2, column 3.
    ((0, 0, 5, 7), (1, 1), [[17]]),
    # Half a pixel each: centres y = 2.25, 2.75 and x = 3.25, 3.75.
    ((2, 3, 3, 4), (2, 2), [[15, 15.5], [18.5, 19]]),
    # Over the border: centres y = -0.5 and 0.5, both row 0; x = 0.5.
    ((-1, 0, 1, 1), (2, 1), [[0], [0]]),
    # Zero height: every cell at y = 2, between the rows 1 and 2.
    ((2, 3, 2, 4), (2, 1), [[13.5], [13.5]]),
]


@pytest.mark.parametrize(("box", "size_yx", "expected"), GOLDEN)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_ramp(box, size_yx, expected, dtype):
    crops = cut(ramp(5, 7).astype(dtype), [box], size_yx=size_yx, antialias=False)
    np.testing.assert_allclose(crops[0], np.array(expected) * GREY_SUM, atol=1e-3)


def test_colours_are_weighed():
    # One pixel of each colour: the weights themselves.
    image = np.zeros((1, 3, 3), np.uint8)
    image[0, range(3), range(3)] = 200
    crops = cut(image, [[0, 0, 1, 3]], size_yx=(1, 3))
    np.testing.assert_allclose(crops[0, 0], 200 * GREY, atol=1e-3)


def test_triangle_by_hand():
    # Rows 0 10 40 90 160 250, box rows 1..5, two cells of 2 pixels: centres at the
    # indices 1.5 and 3.5, reach 2. Weights of the rows 0..3 for the first cell are
    # 0.25 0.75 0.75 0.25, sum 2: (0 * .25 + 10 * .75 + 40 * .75 + 90 * .25) / 2 = 30,
    # and of the rows 2..5 for the second: (10 + 67.5 + 120 + 62.5) / 2 = 130.
    rows = np.array([0, 10, 40, 90, 160, 250], np.uint8)
    image = np.repeat(np.repeat(rows[:, None], 4, 1)[..., None], 3, -1)
    crops = cut(image, [[1, 0, 5, 4]], size_yx=(2, 1), antialias=True)
    np.testing.assert_allclose(
        crops[0, :, 0], np.array([30, 130]) * GREY_SUM, atol=1e-3
    )


# --- other implementations ------------------------------------------------------------


def crop_and_resize(image, boxes, size_yx):
    """TensorFlow's corner-aligned operator on corrected boxes, then its grey; 0..255.

    With edges a, b, n cells, N pixels and half a cell d: start = (a + d - 0.5) /
    (N - 1) and end = (b - d - 0.5) / (N - 1).
    """
    shape = np.array(image.shape[:2])
    half = (boxes[:, 2:] - boxes[:, :2]) / (2 * np.array(size_yx))
    start = (boxes[:, :2] + half - 0.5) / (shape - 1)
    end = (boxes[:, 2:] - half - 0.5) / (shape - 1)
    crops = tf.image.crop_and_resize(
        image[None].astype(np.float32),
        np.concatenate([start, end], 1).astype(np.float32),
        np.zeros(len(boxes), np.int32),
        size_yx,
    )
    return tf.image.rgb_to_grayscale(crops).numpy()[..., 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("photo_yx", [(97, 151), (151, 97), (128, 128)])
@pytest.mark.parametrize("size_yx", [(28, 28), (9, 7), (2, 13), (1, 1)])
def test_equals_crop_and_resize_without_antialias(photo_yx, size_yx, dtype):
    photo = noise_photo(*photo_yx).astype(dtype)
    rng = np.random.default_rng(2)
    most = 0.8 * min(photo_yx) / max(size_yx)
    boxes = boxes_inside(
        rng, 20, *photo_yx, cell=(0.2, min(6.0, most)), size_yx=size_yx
    )
    ours = cut(photo, boxes, size_yx=size_yx, antialias=False) / 255
    theirs = crop_and_resize(photo, boxes, size_yx) / 255
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("photo_yx", [(61, 95), (95, 61)])
def test_equals_numpy(photo_yx, antialias):
    photo = noise_photo(*photo_yx)
    rng = np.random.default_rng(3)
    # Anywhere, partly outside; up to 2.8 pixels a cell all pixels are read.
    sides = rng.uniform(0.05, 2.8, (40, 2)) * (9, 7)
    corner = rng.uniform(-10, 1, (40, 2)) + rng.uniform(0, 1, (40, 2)) * photo_yx
    boxes = np.concatenate([corner, corner + sides], 1).astype(np.float32)
    ours = cut(photo, boxes, size_yx=(9, 7), antialias=antialias)
    for box, crop in zip(boxes, ours, strict=True):
        expected = sampled(photo, box, (9, 7), antialias=antialias)
        np.testing.assert_allclose(crop, expected, atol=0.02)


PHOTO_TOLERANCE = 1.0
"""Mean absolute difference from Pillow, of 255; measured: 0.18, 0.53, 0.50, 0.54 for
boxes that shrink 2, 3, 5 and 8 times. Plain bilinear samples are 4.7 off (DESIGN.md).
"""

TEXT_TOLERANCE = 2.0
"""The same for black print on white. From three pixels a cell on not every pixel is
read, and here every edge has full contrast."""


@pytest.mark.parametrize("shrink", [2, 3, 5, 8])
@pytest.mark.parametrize(
    ("make", "tolerance"),
    [(noise_photo, PHOTO_TOLERANCE), (text_photo, TEXT_TOLERANCE)],
)
def test_near_pillow_when_shrinking(make, tolerance, shrink):
    # Characters fill a crop in use, so the larger the shrink, the larger they are.
    photo = make(331, 443) if make is noise_photo else make(331, 443, tall=22 * shrink)
    rng = np.random.default_rng(shrink)
    boxes = boxes_inside(
        rng, 12, 331, 443, cell=(shrink, min(8.0, shrink * 1.3)), size_yx=(28, 28)
    )
    theirs = []
    for y1, x1, y2, x2 in boxes.tolist():
        small = Image.fromarray(photo).resize(
            (28, 28), Image.Resampling.BILINEAR, (x1, y1, x2, y2)
        )
        theirs.append(np.asarray(small) @ GREY)
    ours = cut(photo, boxes, size_yx=(28, 28), antialias=True)
    plain = cut(photo, boxes, size_yx=(28, 28), antialias=False)
    difference = np.abs(ours - theirs).mean()
    assert difference < tolerance
    assert difference < np.abs(plain - theirs).mean() / 3


def test_antialias_is_no_worse_beside_a_far_larger_box():
    # How many taps are read is one number for the batch: a large box must not thin
    # those of a small one.
    photo = noise_photo(331, 443)
    small = boxes_inside(np.random.default_rng(4), 5, 331, 443, cell=(1, 2))
    alone = cut(photo, small, size_yx=(9, 7))
    beside = cut(photo, np.vstack([small, [[1, 1, 330, 440]]]), size_yx=(9, 7))[:-1]
    np.testing.assert_allclose(beside, alone, atol=1e-3)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("factor", [2, 3])
def test_scale_then_crop_is_crop_then_scale(factor, antialias):
    # On a slope both are exact: enlarging by the half-pixel rule keeps it a slope.
    photo = ramp(31, 45, y=3.0, x=2.0)
    large = tf.image.resize(photo, (31 * factor, 45 * factor)).numpy()
    boxes = boxes_inside(
        np.random.default_rng(5), 10, 31, 45, cell=(0.5, 1), size_yx=(9, 7)
    )
    first = cut(photo, boxes, size_yx=(9, 7), antialias=False)
    after = cut(large, boxes * factor, size_yx=(9, 7), antialias=antialias)
    # The triangle on pixels is no exact mean of a slope unless its centre falls well.
    np.testing.assert_allclose(after, first, atol=0.2 if antialias else 1e-3)


def test_scale_then_crop_on_a_smooth_photo():
    y, x = np.mgrid[:62, :90] / 15.0
    photo = np.repeat(127 + 100 * (np.sin(y) * np.cos(x))[..., None], 3, -1)
    small = tf.image.resize(photo, (31, 45), antialias=True).numpy()
    boxes = boxes_inside(
        np.random.default_rng(6), 10, 31, 45, cell=(1, 3), size_yx=(9, 7)
    )
    first = cut(photo.astype(np.float32), boxes * 2, size_yx=(9, 7))
    after = cut(small, boxes, size_yx=(9, 7))
    np.testing.assert_allclose(after, first, atol=4.0)
    assert np.abs(after - first).mean() < 1.0


# --- odd boxes ------------------------------------------------------------------------

ODD_BOXES = [
    ("empty", (0, 0, 0, 0)),
    ("point inside", (7, 9, 7, 9)),
    ("no height", (7, 3, 7, 20)),
    ("no width", (3, 9, 20, 9)),
    ("whole photo", (0, 0, 21, 33)),
    ("over every edge", (-10, -10, 40, 60)),
    ("outside, above", (-30, 5, -20, 15)),
    ("outside, right", (3, 50, 13, 60)),
    ("thinner than a pixel", (7.4, 3, 7.6, 30)),
    ("huge", (-1e5, -1e5, 1e5, 1e5)),
]


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("square", [False, True])
@pytest.mark.parametrize(("name", "box"), ODD_BOXES)
def test_odd_boxes_give_no_nan(name, box, square, antialias):
    photo = noise_photo(21, 33)
    crops = cut(photo, [box], square=square, grow=1.3, antialias=antialias)
    assert np.isfinite(crops).all()
    assert crops.min() >= 0 and crops.max() <= 255.01


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize(
    ("box", "border"),
    [
        ((-9, 12, -5, 13), (0, 12)),  # above: row 0 goes on
        ((26, 12, 30, 13), (20, 12)),
        ((7, -9, 8, -5), (7, 0)),
        ((7, 40, 8, 44), (7, 32)),
        ((-9, 40, -5, 44), (0, 32)),  # a corner
    ],
)
def test_the_border_goes_on_outside(box, border, antialias):
    photo = noise_photo(21, 33)
    # A stripe as wide as the triangle reaches, so that only the border's value counts.
    y, x = border
    photo[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2] = (10, 200, 90)
    crops = cut(photo, [box], size_yx=(1, 1), antialias=antialias)
    np.testing.assert_allclose(crops, np.array([10, 200, 90]) @ GREY, atol=1e-3)


def test_photo_of_one_pixel():
    crops = cut(np.full((1, 1, 3), 100, np.uint8), [[0, 0, 1, 1]], size_yx=(3, 5))
    np.testing.assert_allclose(crops, 100 * GREY_SUM, atol=1e-3)


# --- square and grow ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("box", "size_yx", "square", "grow", "framed"),
    [
        # Centre (10, 20), sides 8 and 4.
        ((6, 18, 14, 22), (4, 4), False, 1.0, (6, 18, 14, 22)),
        ((6, 18, 14, 22), (4, 4), False, 1.5, (4, 17, 16, 23)),  # 12 by 6
        ((6, 18, 14, 22), (4, 4), True, 1.0, (6, 16, 14, 24)),  # 8 by 8
        ((6, 18, 14, 22), (4, 4), True, 1.5, (4, 14, 16, 26)),  # 12 by 12
        ((6, 18, 14, 22), (4, 4), True, 0.5, (8, 18, 12, 22)),  # 4 by 4
        ((8, 16, 12, 24), (4, 4), True, 1.0, (6, 16, 14, 24)),  # the width decides
        # Crops of 4x2: as many pixels a cell both ways, so 8 / 4 rows give 2 columns
        # of 2 pixels, and the box of 4 columns is what it was.
        ((6, 18, 14, 22), (4, 2), True, 1.0, (6, 18, 14, 22)),
        # 4x2 and a box of 4 by 8: 4 pixels a column, so 4 rows of 4.
        ((8, 16, 12, 24), (4, 2), True, 1.0, (2, 16, 18, 24)),
    ],
)
def test_square_and_grow(box, size_yx, square, grow, framed):
    check_frame(box, framed, size_yx=size_yx, square=square, grow=grow)


@pytest.mark.parametrize(
    ("box", "size_yx", "stretch", "framed"),
    [
        # Centre (10, 20), sides 8 and 4: 4 cells of 2 pixels down, so 4 across of 1.
        ((6, 18, 14, 22), (4, 4), 2.0, (6, 18, 14, 22)),
        ((6, 18, 14, 22), (4, 4), 3.0, (6, 18, 14, 22)),  # no smaller than the box
        ((6, 18, 14, 22), (4, 4), 1.25, (6, 16.8, 14, 23.2)),  # 1.6 across
        # Crops of 4x12, three times as wide as the box's height: 2 pixels a cell down,
        # 0.8 across.
        ((6, 18, 14, 22), (4, 12), 2.5, (6, 15.2, 14, 24.8)),
        # A box of 4 by 24: 2 pixels a cell across, so at least 1 down, as it has.
        ((8, 8, 12, 32), (4, 12), 2.0, (8, 8, 12, 32)),
        ((9, 8, 11, 32), (4, 12), 2.0, (8, 8, 12, 32)),
    ],
)
def test_a_stretched_crop_grows_less(box, size_yx, stretch, framed):
    check_frame(box, framed, size_yx=size_yx, square=True, stretch=stretch)


def check_frame(box, framed, **settings):
    # A cell at (y, x) has the value 100 y + x, so its place is read off the value.
    photo = ramp(33, 41, y=100.0)
    ours = cut(photo, [box], **settings, antialias=False)
    expected = sampled(photo, framed, settings["size_yx"], antialias=False)
    np.testing.assert_allclose(ours[0], expected, atol=1e-2)


# --- sizes, binarize, float -----------------------------------------------------------


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("size", [(21, 33), (31, 20), (1, 1), (31, 45)])
def test_sizes_is_the_unpadded_photo(size, antialias):
    photo = noise_photo(31, 45)
    boxes = [
        [0, 0, size[0], size[1]],
        [size[0] - 0.7, size[1] - 0.7, *size],
        [2, 3, 9, 11],
    ]
    padded = cut(photo, boxes, sizes=size, antialias=antialias, grow=1.3)
    alone = cut(photo[: size[0], : size[1]], boxes, antialias=antialias, grow=1.3)
    np.testing.assert_array_equal(padded, alone)


@pytest.mark.parametrize("antialias", [False, True])
def test_binarize_gives_only_0_and_1(antialias):
    photo = noise_photo(61, 95)
    boxes = boxes_inside(np.random.default_rng(7), 10, 61, 95, cell=(1, 4))
    soft = cut(photo, boxes, size_yx=(9, 7), antialias=antialias) / 255
    hard = cut(photo, boxes, size_yx=(9, 7), antialias=antialias, binarize=True) / 255
    assert set(np.unique(hard)) == {0.0, 1.0}
    sure = np.abs(soft - 0.5) > 1e-6
    np.testing.assert_array_equal(hard[sure], (soft > 0.5)[sure])


def test_uint8_and_float_photos_agree():
    photo = noise_photo(31, 45)
    boxes = boxes_inside(np.random.default_rng(8), 6, 31, 45, cell=(1, 2))
    np.testing.assert_array_equal(
        cut(photo, boxes), cut(photo.astype(np.float32), boxes)
    )


def test_config_or_its_dictionary():
    config = CropConfig(size_yx=(9, 7), grow=1.1)
    assert CropResize(config.to_dict()).crop == CropResize(config).crop == config


# --- TFLite ---------------------------------------------------------------------------


@pytest.mark.tflite
@pytest.mark.parametrize("antialias", [False, True])
def test_converts_with_builtins_only(antialias):
    layer = CropResize(CropConfig(size_yx=(9, 7), antialias=antialias))
    crop = tf.function(
        lambda images, boxes, count: {"crops": layer(images, boxes, count)},
        input_signature=[
            tf.TensorSpec((1, 61, 95, 3), tf.uint8, "images"),
            tf.TensorSpec((1, 5, 4), tf.float32, "boxes"),
            tf.TensorSpec((1,), tf.int32, "count"),
        ],
    )
    run = converted(crop, layer)

    photo = noise_photo(61, 95)[None]
    rng = np.random.default_rng(9)
    boxes = boxes_inside(rng, 5, 61, 95, cell=(0.5, 5))[None]
    # None, some and all; large boxes last, so that the number of taps changes.
    for count in (np.array([c], np.int32) for c in (0, 1, 3, 5, 0)):
        theirs = run(images=photo, boxes=boxes, count=count)["crops"]
        np.testing.assert_allclose(theirs, layer(photo, boxes, count), atol=1e-5)
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
    rng = np.random.default_rng(10)
    cases = [
        (
            rng.integers(0, 256, (2, *photo, 3), dtype=np.uint8).astype(dtype),
            rng.uniform(0, 30, (2, 3, 4)).astype(np.float32),
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
    check_layer(CropResize, {"config": config}, cases)


def test_layer_of_unknown_size():
    layer = CropResize(CropConfig(size_yx=(9, 7)))
    crops = layer(
        keras.Input((None, None, 3), dtype="uint8"),
        keras.Input((5, 4)),
        keras.Input((), dtype="int32"),
    )
    assert crops.shape == (None, 5, 9, 7, 1)
