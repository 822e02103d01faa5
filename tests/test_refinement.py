"""Corners looked at again: where they go, by hand, and the network that is carried."""

import keras
import numpy as np
import pytest
import stand_ins
import tensorflow as tf
from layer_checks import check_layer
from test_rectification import turned, upright
from tflite_checks import converted

from fused_ocr.boxes import clip
from fused_ocr.config import CropConfig, RefinerConfig
from fused_ocr.errors import ArtefactDamagedError
from fused_ocr.freezing import frozen
from fused_ocr.recognition.cut_as import cut_of
from fused_ocr.refinement import (
    CornerHead,
    RefineCorners,
    build_refiner,
    crop_for,
    need_refiner,
)

UPRIGHT = np.array([(0.25, 0.2), (0.25, 0.8), (0.75, 0.8), (0.75, 0.2)])
"""What a head without weights says."""


def saying(corners, **config):
    """A refiner that says the same corners of every crop."""
    refiner = build_refiner(RefinerConfig(width=2, **config))
    head = refiner.get_layer("corners")
    kernel, bias = head.get_weights()
    head.set_weights([kernel * 0, np.ravel(corners - UPRIGHT) + bias])
    return refiner


def refined(refiner, places, *, steps=1, count=None, photo=(151, 203), sizes=None):
    """Boxes (N, 4) and corners (N, 4, 2) of a black photo's places."""
    if isinstance(photo, tuple):
        photo = np.zeros((*photo, 3), np.uint8)
    places = np.asarray(places, np.float32)[None]
    count = np.array([places.shape[1] if count is None else count], np.int32)
    sizes = None if sizes is None else np.array([sizes], np.int32)
    found = RefineCorners(refiner, steps)(photo[None], places, count, sizes)
    return tuple(one.numpy()[0] for one in found)


# --- by hand --------------------------------------------------------------------------

# The box is 40 high and 80 wide around (60, 100). A crop of 48x96 has its shape, and
# grown 1.5 times it covers 60x120 from (30, 40) on.
BOX = (40, 60, 80, 140)


def test_one_look():
    boxes, quads = refined(saying(UPRIGHT), [BOX])
    # From (30 + 15, 40 + 24) to (30 + 45, 40 + 96): 30x72.
    np.testing.assert_allclose(boxes, [(45, 64, 75, 136)], atol=1e-3)
    np.testing.assert_allclose(quads, upright(boxes), atol=1e-3)


def test_each_corner_goes_its_own_way():
    said = np.array([(0.25, 0.2), (0.1, 0.85), (0.7, 0.95), (0.9, 0.05)])
    boxes, quads = refined(saying(said), [BOX])
    expected = [(45, 64), (36, 142), (72, 154), (84, 46)]
    np.testing.assert_allclose(quads, [expected], atol=1e-3)
    np.testing.assert_allclose(boxes, [(36, 46, 84, 154)], atol=1e-3)


def test_two_looks():
    said = np.array([(0.2, 0.1), (0.2, 0.8), (0.7, 0.8), (0.7, 0.1)])
    # The first look: from (30 + 12, 40 + 12) to (30 + 42, 40 + 96), which is 30x84
    # around (57, 94). 84 / 96 pixels a cell, and 1.5 times as much, is 63x126 from
    # (25.5, 31) on. The second: from there (12.6, 12.6) to (44.1, 100.8).
    boxes, _ = refined(saying(said), [BOX])
    np.testing.assert_allclose(boxes, [(42, 52, 72, 136)], atol=1e-3)
    boxes, quads = refined(saying(said), [BOX], steps=2)
    np.testing.assert_allclose(boxes, [(38.1, 43.6, 69.6, 131.8)], atol=1e-3)
    np.testing.assert_allclose(quads, upright(boxes), atol=1e-3)


@pytest.mark.parametrize("degrees", [20, 90, 200])
def test_turned_regions_are_looked_at_turned(degrees):
    said = np.array([(0.25, 0.2), (0.1, 0.85), (0.7, 0.95), (0.9, 0.05)])
    _, quads = refined(saying(said), [turned((60, 100), (40, 80), degrees)])
    start, right, _, down = turned((60, 100), (60, 120), degrees)
    expected = start + said @ np.array([down - start, right - start])
    np.testing.assert_allclose(quads, [expected], atol=1e-3)


def test_another_size_and_margin():
    # 40 pixels on 16 rows: 2.5 a cell, and twice as much is 80x160 from (20, 20) on.
    refiner = saying(UPRIGHT, size_yx=(16, 32), grow=2.0)
    boxes, _ = refined(refiner, [BOX])
    np.testing.assert_allclose(boxes, [(40, 52, 80, 148)], atol=1e-3)


def test_corners_said_outside_are_those_of_the_crop():
    said = np.array([(-0.5, -9.0), (0.25, 1.7), (2.0, 1.1), (0.75, -0.01)])
    _, quads = refined(saying(said), [BOX])
    expected = [(30, 40), (45, 160), (90, 160), (75, 40)]
    np.testing.assert_allclose(quads, [expected], atol=1e-3)


@pytest.mark.parametrize("sizes", [None, (70, 130)])
def test_boxes_end_at_the_photo_and_corners_do_not(sizes):
    # BOX, and the same 50 higher and 80 to the left: around (10, 20).
    photo = (70, 130) if sizes is None else (151, 203)
    places = [BOX, (-10, -20, 30, 60)]
    boxes, quads = refined(saying(UPRIGHT), places, photo=photo, sizes=sizes)
    around = [(45, 64, 75, 136), (-5, -16, 25, 56)]
    np.testing.assert_allclose(quads, upright(around), atol=1e-3)
    cut = [(45, 64, 70, 130), (0, 0, 25, 56)]
    np.testing.assert_allclose(boxes, cut, atol=1e-3)


def test_a_look_that_sees_converges():
    # It says where the bright pixels of a crop begin and end; a white region on black
    # is found from a box that is off, nearer the second time.
    photo = np.zeros((151, 203, 3), np.uint8)
    photo[52:79, 71:132] = 255
    places = np.array([[(44, 60, 80, 122)]], np.float32)

    def look(crops, _):
        bright = crops.numpy()[0, 0, ..., 0] > 0.5
        rows, columns = (np.flatnonzero(bright.any(axis)) for axis in (1, 0))
        y1, y2 = (rows[0] / 48, (rows[-1] + 1) / 48)
        x1, x2 = (columns[0] / 96, (columns[-1] + 1) / 96)
        return tf.constant([[[(y1, x1), (y1, x2), (y2, x2), (y2, x1)]]], tf.float32)

    layer = RefineCorners(saying(UPRIGHT), 3)
    boxes, _ = layer.refined(look, photo[None], places, np.array([1], np.int32))
    np.testing.assert_allclose(boxes[0], [(52, 71, 79, 132)], atol=0.7)


# --- rows, photos ---------------------------------------------------------------------


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


@pytest.fixture(scope="module")
def refiner():
    return stand_ins.refiner()


QUADS = np.array([turned((40, 60), (20, 44), 12), turned((50, 30), (30, 25), -40)])


def test_it_looks_at_what_is_there(refiner):
    one, other = (refined(refiner, QUADS, photo=noise(71, 97, seed=s)) for s in (1, 2))
    assert np.abs(one[1] - other[1]).max() > 1


def test_boxes_are_their_corners(refiner):
    boxes = [(20, 30, 41, 70), (5, 6, 50, 31)]
    photo = noise(71, 97)
    by_box, by_corners = (
        refined(refiner, places, photo=photo, steps=2)
        for places in (boxes, upright(boxes))
    )
    for one, other in zip(by_box, by_corners, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_rows_past_the_count_are_zero(refiner, count):
    photo = noise(71, 97)
    expected = refined(refiner, QUADS, photo=photo, steps=2)
    # Whatever stands in those that are not used.
    places = np.concatenate([QUADS[:count], np.full((3, 4, 2), np.nan)])
    found = refined(refiner, places, photo=photo, steps=2, count=count)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one[:count], other[:count], atol=1e-3)
        assert len(one) == count + 3 and not one[count:].any()


def test_the_box_is_around_the_corners(refiner):
    boxes, quads = refined(refiner, QUADS, photo=noise(71, 97), steps=2)
    expected = np.concatenate([quads.min(1), quads.max(1)], 1)
    np.testing.assert_array_equal(boxes, clip(expected, 71, 97))


def test_padding_is_not_looked_at(refiner):
    photo = noise(45, 61)
    padded = np.full((71, 97, 3), 255, np.uint8)
    padded[:45, :61] = photo
    alone = refined(refiner, QUADS, photo=photo)
    with_sizes = refined(refiner, QUADS, photo=padded, sizes=(45, 61))
    for one, other in zip(alone, with_sizes, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3)
    assert np.abs(refined(refiner, QUADS, photo=padded)[1] - alone[1]).max() > 0.1


def test_photos_of_a_batch_are_looked_at_alone(refiner):
    photos = np.stack([noise(71, 97, seed=seed) for seed in range(3)])
    places = np.stack([QUADS, QUADS[::-1], QUADS + 5]).astype(np.float32)
    counts = np.array([1, 0, 2], np.int32)
    together = RefineCorners(refiner)(photos, places, counts)
    for i, count in enumerate(counts):
        alone = refined(refiner, places[i], photo=photos[i], count=count, steps=2)
        for one, other in zip(together, alone, strict=True):
            np.testing.assert_allclose(one[i], other, atol=1e-3)


# --- the network ----------------------------------------------------------------------


@pytest.mark.parametrize("size_yx", [(48, 96), (16, 40)])
def test_build_refiner(size_yx, tmp_path):
    model = build_refiner(RefinerConfig(size_yx=size_yx, grow=1.7, width=3))
    assert model.name == "refiner" and model.input_shape == (None, *size_yx, 1)
    assert model.output_shape == (None, 4, 2)
    crop = CropConfig(size_yx=size_yx, square=True, grow=1.7)
    assert crop_for(RefinerConfig(size_yx=size_yx, grow=1.7)) == crop
    crops = np.random.default_rng(0).uniform(0, 1, (5, *size_yx, 1)).astype(np.float32)
    corners = model(crops).numpy()
    # Untrained it says about the same of everything, and nothing outside.
    assert np.abs(corners - UPRIGHT).max() < 0.15
    model.save(tmp_path / "refiner.keras")
    loaded = keras.saving.load_model(tmp_path / "refiner.keras")
    np.testing.assert_array_equal(loaded(crops), corners)
    assert cut_of(loaded) == cut_of(model) == crop


def test_the_width_is_the_first_stages():
    for width, channels in ((None, 16), (5, 5)):
        model = build_refiner(RefinerConfig(size_yx=(16, 16), width=width))
        assert model.get_layer("conv1").filters == channels


def test_other_models_are_no_refiners(refiner):
    need_refiner(refiner)
    for other in (stand_ins.recognizer(), stand_ins.detector()):
        with pytest.raises(ArtefactDamagedError, match=f"'{other.name}' is not a ref"):
            need_refiner(other)


# --- as layers ------------------------------------------------------------------------


def test_the_head_as_a_layer():
    rng = np.random.default_rng(4)
    cases = [(rng.normal(size=(b, f)).astype(np.float32),) for b, f in ((1, 5), (3, 7))]
    check_layer(CornerHead, {}, cases)


def test_layer(refiner):
    cases = [
        (
            noise(2, *photo).astype(dtype),
            np.stack([places, places[::-1]]).astype(np.float32),
            np.array(count, np.int32),
        )
        for photo, dtype, places, count in [
            ((64, 64), np.uint8, QUADS, [2, 1]),
            ((71, 97), np.uint8, np.array([(20, 30, 41, 70)] * 3), [0, 3]),
            ((97, 71), np.float32, QUADS, [0, 0]),
        ]
    ]
    # With the sizes of the photos as well.
    cases.append((*cases[1], np.array([[71, 97], [40, 50]], np.int32)))
    # Pixels, of which the network makes more than of its own numbers.
    check_layer(RefineCorners, {"refiner": refiner, "steps": 1}, cases, tolerance=1e-3)


@pytest.mark.tflite
def test_converts_with_builtins_only(refiner):
    layer = RefineCorners(refiner)
    # Variables lose their values in the converter; readers are exported as constants.
    crops = tf.TensorSpec((None, 3, 16, 32, 1), tf.float32)
    look = frozen(layer.look, [crops, tf.TensorSpec((None,), tf.int32)])
    refine = tf.function(
        lambda images, places, count: dict(
            zip(
                ("boxes", "quads"),
                layer.refined(look, images, places, count),
                strict=True,
            )
        ),
        input_signature=[
            tf.TensorSpec((1, 71, 97, 3), tf.uint8, "images"),
            tf.TensorSpec((1, 3, 4, 2), tf.float32, "places"),
            tf.TensorSpec((1,), tf.int32, "count"),
        ],
    )
    run = converted(refine, layer)
    photo = noise(1, 71, 97)
    places = np.concatenate([QUADS, np.full((1, 4, 2), np.nan)])[None]
    places = places.astype(np.float32)
    # None, some and all, and none again.
    for count in (np.array([c], np.int32) for c in (0, 1, 3, 2, 0)):
        theirs = run(images=photo, places=places, count=count)
        boxes, quads = layer(photo, places, count)
        np.testing.assert_allclose(theirs["boxes"], boxes, atol=0.01)
        np.testing.assert_allclose(theirs["quads"], quads, atol=0.01)
        assert not theirs["quads"][0, count[0] :].any()
