"""Several sizes of a frame: halved by means, and what is found put into one frame."""

import keras
import numpy as np
import pytest
import stand_ins
import tensorflow as tf
from layer_checks import check_layer

from fused_ocr.config import SelectionConfig
from fused_ocr.detection.octaves import Octaves, joined, look
from fused_ocr.detection.retinanet import halves_of
from fused_ocr.detection.selection import SelectDetections
from fused_ocr.errors import ConfigError
from fused_ocr.finding import up_to_boxes
from fused_ocr.fusion import describe, frozen_flow, parts_of
from fused_ocr.saving import save_model

EVERY = SelectionConfig(
    score_threshold=0.1, iou_threshold=1, nested_threshold=1, max_detections=210
)
"""All 168 anchors of a frame of 64x128 and the 42 of its half."""

CORNERS = (0.1, 0.2, 0.0, -0.3, 0.5, 0.1, -0.2, 0.4)


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)


@pytest.fixture(scope="module")
def twice():
    """A reader that looks at two sizes of its frame."""
    return stand_ins.reader_model(frame_yx=(64, 128), octaves=2)


def test_each_octave_is_half_the_one_before():
    frame = np.zeros((1, 4, 8, 3), np.float32)
    frame[0, :2, :2] = [[[8] * 3, [4] * 3], [[2] * 3, [2] * 3]]
    first, second, third = Octaves(3)(frame)
    np.testing.assert_array_equal(first, frame)
    assert second.shape == (1, 2, 4, 3) and third.shape == (1, 1, 2, 3)
    assert second[0, 0, 0].numpy().tolist() == [4] * 3  # (8 + 4 + 2 + 2) / 4
    assert third[0, 0, 0].numpy().tolist() == [1] * 3
    assert not second[0, 1:].numpy().any() and not third[0, 0, 1].numpy().any()


def test_what_a_smaller_octave_shows_is_put_into_the_frame():
    detector = stand_ins.detector(corners=CORNERS)
    frame, octaves = noise(1, 128, 256, 3), Octaves(3)
    found = look(detector, frame, octaves)
    start = 0
    for i, view in enumerate(octaves(frame)):
        alone = detector(view)
        # Of the smaller ones without the cells of 8x8 pixels, an anchor each.
        lowest = (0, 8 * 16, 4 * 8)[i]
        for name, value in alone.items():
            wanted = value[:, lowest:] * (1 if name == "scores" else 2**i)
            at = slice(start, start + wanted.shape[1])
            np.testing.assert_allclose(found[name][:, at], wanted, err_msg=name)
        start += wanted.shape[1]
    assert {value.shape[1] for value in found.values()} == {start}
    assert look(detector, frame, None)["boxes"].shape == detector(frame)["boxes"].shape


def test_chosen_anchors_of_all_octaves_are_decoded_alike():
    detector = stand_ins.detector(corners=CORNERS)
    frame_yx, octaves = (64, 128), Octaves(2)
    frames = noise(2, *frame_yx, 3)
    whole = look(detector, frames, octaves)
    select = SelectDetections(EVERY)
    geometry = np.array([[2.0, 1.5, 128, 192]] * 2, np.float32)
    expected = select(whole["boxes"], whole["scores"], geometry, whole["corners"])
    halves, decode = halves_of(detector, frame_yx, 2)
    views = zip(halves, octaves(frames), strict=True)
    given = joined([half(view) for half, view in views])
    found = select(
        given["boxes"], given["scores"], geometry, given["corners"], decode=decode
    )
    sides = np.ptp(expected["boxes"].numpy().reshape(-1, 2, 2), axis=1)
    assert sides.max() > 60  # of an anchor of 48 of the smaller octave
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-4, err_msg=name)


def test_what_fills_the_frame_is_found_in_the_smaller_octave(twice):
    photo = np.full((64, 128, 3), 20, np.uint8)
    photo[:, :64] = 240
    parts = parts_of(twice)
    sure = EVERY.replace(score_threshold=0.9)

    def largest(octaves):
        find = up_to_boxes(parts.detector, parts.letterbox, sure, octaves=octaves)
        boxes = find(photo[None])["boxes"].numpy()[0]
        return (boxes[:, 2:] - boxes[:, :2]).prod(1).max()

    # The largest anchor is 48 pixels wide, in the smaller octave 96 of the photo's,
    # of which the upper left quarter and a bit are inside.
    assert largest(None) <= 48 * 48
    assert largest(parts.octaves) > 60 * 60


def test_a_reader_keeps_its_octaves(twice, tmp_path):
    assert describe(twice).fusion.octaves == 2
    save_model(twice, tmp_path / "reader.keras")
    again = keras.saving.load_model(tmp_path / "reader.keras")
    assert describe(again) == describe(twice)
    photo = stand_ins.squares(90, 170)[None]
    expected = twice(photo)
    assert expected["count"].numpy()[0] > 0
    frozen = tf.function(frozen_flow(twice))
    for found in (again(photo), frozen(tf.constant(photo))):
        for name, value in found.items():
            np.testing.assert_allclose(value, expected[name], atol=1e-3, err_msg=name)
    assert parts_of(stand_ins.reader_model()).octaves is None


def test_the_smallest_octave_must_fit_the_strides():
    with pytest.raises(
        ConfigError, match=r"multiples of 64.*smallest octave.*Received: \(64, 96\)"
    ):
        stand_ins.reader_model(octaves=2)


def test_layer():
    sizes = [(8, 8), (8, 12), (4, 16)]
    check_layer(Octaves, {"count": 3}, [(noise(2, *size, 3),) for size in sizes])
