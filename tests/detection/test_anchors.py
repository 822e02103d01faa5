"""Anchors against keras-retinanet's and by hand; decoding inverts its targets."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_retinanet.utils.anchors import (
    AnchorParameters,
    anchors_for_shape,
    bbox_transform,
)
from layer_checks import check_layer

from fused_ocr.boxes import swap_xy
from fused_ocr.config import AnchorConfig
from fused_ocr.detection.anchors import DecodeBoxes, DecodeCorners, anchors_for_frame
from fused_ocr.detection.places import FrameGrid
from fused_ocr.errors import ConfigError

OTHER = AnchorConfig(
    levels=(3, 4, 5), sizes=(9.0, 25.0, 60.0), ratios=(0.4, 1.3), scales=(0.7, 1.1, 1.9)
)
"""No field at its default."""


@pytest.mark.parametrize("config", [AnchorConfig(), OTHER])
@pytest.mark.parametrize("frame", [(64, 64), (64, 192), (192, 64), (320, 128)])
def test_equals_keras_retinanet(frame, config):
    theirs = anchors_for_shape(
        (*frame, 3),
        pyramid_levels=list(config.levels),
        anchor_params=AnchorParameters(
            config.sizes,
            config.strides,
            np.array(config.ratios),
            np.array(config.scales),
        ),
    )
    ours = anchors_for_frame(*frame, config)
    assert ours.dtype == np.float32
    assert len(ours) == config.count * sum(
        (frame[0] // s) * (frame[1] // s) for s in config.strides
    )
    np.testing.assert_allclose(ours, swap_xy(theirs), atol=1e-4)


def test_by_hand():
    # A frame of 32x64 has 4x8 places at stride 8. Size 16, ratio 4 (height / width) at
    # the area 16 * 16: 32 high, 8 wide. The first centre is (4, 4), the next (4, 12),
    # the next row's first, the ninth, (12, 4). Ratio 1 is 16 by 16; scale 2 doubles.
    config = AnchorConfig(
        levels=(3, 4, 5), sizes=(16.0, 32.0, 64.0), ratios=(1.0, 4.0), scales=(1.0, 2.0)
    )
    anchors = anchors_for_frame(32, 64, config)
    assert anchors.shape == ((4 * 8 + 2 * 4 + 1 * 2) * 4, 4)
    places = anchors[: 4 * 8 * 4].reshape(4, 8, 4, 4)
    # The ratios run slower than the scales.
    np.testing.assert_allclose(
        places[0, 0],
        [(-4, -4, 12, 12), (-12, -12, 20, 20), (-12, 0, 20, 8), (-28, -4, 36, 12)],
        atol=1e-5,
    )
    np.testing.assert_allclose(
        places[0, 1] - places[0, 0], [(0, 8, 0, 8)] * 4, atol=1e-5
    )
    np.testing.assert_allclose(
        places[1, 0] - places[0, 0], [(8, 0, 8, 0)] * 4, atol=1e-5
    )
    # The last level's only row: centres (16, 16) and (16, 48).
    np.testing.assert_allclose(
        anchors[-8::4], [(-16, -16, 48, 48), (-16, 16, 48, 80)], atol=1e-5
    )


@pytest.mark.parametrize("frame", [(64, 80), (80, 64), (33, 64), (64, 1)])
def test_frames_that_do_not_divide_are_refused(frame):
    with pytest.raises(
        ConfigError, match=rf"multiple of 32.*P5.*Received: {frame[0]}x{frame[1]}"
    ):
        anchors_for_frame(*frame, OTHER)


@pytest.mark.parametrize("config", [AnchorConfig(), OTHER])
def test_decoding_inverts_keras_retinanets_targets(config):
    frame = (64, 128)
    anchors = anchors_for_frame(*frame, config)
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, (50, 100), (len(anchors), 2))
    boxes = np.concatenate([corner, corner + rng.uniform(2, 40, corner.shape)], 1)
    regression = bbox_transform(swap_xy(anchors), swap_xy(boxes))
    decoded = DecodeBoxes(config, ("a",))(
        [regression[None].astype(np.float32), np.zeros((1, *frame, 3), np.float32)]
    )
    np.testing.assert_allclose(decoded[0], boxes, atol=2e-3)


def test_no_regression_is_the_anchors():
    anchors = anchors_for_frame(64, 96, OTHER)
    decoded = DecodeBoxes(OTHER, ("a",))(
        [
            np.zeros((2, len(anchors), 4), np.float32),
            np.zeros((2, 64, 96, 3), np.float32),
        ]
    )
    np.testing.assert_allclose(decoded, np.stack([anchors] * 2), atol=1e-5)


def test_decoding_by_hand():
    # One shift of 1 at x2: a fifth of the anchor's width to the right.
    anchors = anchors_for_frame(64, 64, OTHER)
    regression = np.zeros((1, len(anchors), 4), np.float32)
    regression[0, 7, 2] = 1.0
    decoded = DecodeBoxes(OTHER, ("a",))(
        [regression, np.zeros((1, 64, 64, 3), np.float32)]
    ).numpy()[0]
    width = anchors[7, 3] - anchors[7, 1]
    np.testing.assert_allclose(decoded[7] - anchors[7], (0, 0, 0, width / 5), atol=1e-5)


def test_corners_by_hand():
    # The third anchor at the first place: 32 high, 8 wide, about (4, 4). A shift of 1
    # is a fifth of its side: 6.4 along y, 1.6 along x.
    config = AnchorConfig(
        levels=(3, 4, 5), sizes=(16.0, 32.0, 64.0), ratios=(1.0, 4.0), scales=(1.0, 2.0)
    )
    shifts = np.zeros((2, (4 * 8 + 2 * 4 + 1 * 2) * 4, 8), np.float32)
    shifts[1, 2] = (0, 1, -1, 2, 0.5, 0, 5, -5)
    corners = DecodeCorners(config)([shifts, np.zeros((2, 32, 64, 3), np.float32)])
    np.testing.assert_allclose(
        corners[0, 2], [(-12, 0), (-12, 8), (20, 8), (20, 0)], atol=1e-5
    )
    np.testing.assert_allclose(
        corners[1, 2], [(-12, 1.6), (-18.4, 11.2), (23.2, 8), (52, -8)], atol=1e-5
    )
    np.testing.assert_array_equal(corners[0, 3:], corners[1, 3:])


@pytest.mark.parametrize(
    ("layer", "values", "inner"),
    [(DecodeBoxes(OTHER, ("a",)), 4, (4,)), (DecodeCorners(OTHER), 8, (4, 2))],
)
@pytest.mark.parametrize("frame", [(64, 64), (32, 96), (96, 32)])
def test_frames_whose_size_is_only_known_at_run_time(frame, layer, values, inner):
    inputs = [keras.Input((None, values)), keras.Input((None, None, 3))]
    assert layer(inputs).shape == (None, None, *inner)
    run = tf.function(
        lambda regression, frames: layer([regression, frames]),
        input_signature=[
            tf.TensorSpec((None, None, values)),
            tf.TensorSpec((None, None, None, 3)),
        ],
    )
    count = len(anchors_for_frame(*frame, OTHER))
    rng = np.random.default_rng(2)
    regression = rng.normal(size=(2, count, values)).astype(np.float32)
    given = [regression, np.zeros((2, *frame, 3), np.float32)]
    np.testing.assert_allclose(run(*given), layer(given), atol=1e-4)


@pytest.mark.parametrize(
    ("layer", "values"), [(DecodeBoxes(OTHER, ("a",)), 4), (DecodeCorners(OTHER), 8)]
)
def test_some_anchors_are_decoded_as_among_all(layer, values):
    frame = (64, 96)
    count = len(anchors_for_frame(*frame, OTHER))
    rng = np.random.default_rng(3)
    shifts = rng.normal(size=(2, count, values)).astype(np.float32)
    every = layer([shifts, np.zeros((2, *frame, 3), np.float32)])
    chosen = rng.integers(0, count, (2, 7)).astype(np.int32)
    one_by_one = tf.gather(shifts, chosen, batch_dims=1)
    grid = FrameGrid(OTHER, frame)
    np.testing.assert_allclose(
        layer.chosen(one_by_one, grid, grid.find(chosen)),
        tf.gather(every, chosen, batch_dims=1),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("layer_class", "values", "arguments"),
    [
        (DecodeBoxes, 4, {"anchors": OTHER, "labels": ("a", "b")}),
        (DecodeCorners, 8, {"anchors": OTHER}),
    ],
)
def test_layer(layer_class, values, arguments):
    rng = np.random.default_rng(1)
    cases = []
    for frame in [(64, 64), (32, 96), (96, 32)]:
        count = len(anchors_for_frame(*frame, OTHER))
        cases.append(
            (
                [
                    rng.normal(size=(2, count, values)).astype(np.float32),
                    np.zeros((2, *frame, 3), np.float32),
                ],
            )
        )
    check_layer(layer_class, arguments, cases)
