"""Fit of the anchors: the short cut against all anchors, and the search."""

import numpy as np
import pytest

from fused_ocr.boxes import iou_matrix
from fused_ocr.config import AnchorConfig
from fused_ocr.errors import ConfigError
from fused_ocr.training.anchor_fit import COVERED, best_overlaps, suggest_anchors

NONE = np.zeros((0, 4), np.float32)


def random_boxes(count, frame_yx, height, ratio):
    rng = np.random.default_rng(1)
    tall = rng.uniform(*height, count)
    sides = np.stack([tall, tall / rng.uniform(*ratio, count)], -1)
    centres = rng.uniform(0, 1, (count, 2)) * frame_yx
    boxes = np.concatenate([centres - sides / 2, centres + sides / 2], -1)
    return boxes.astype(np.float32)


def test_no_boxes():
    assert best_overlaps(NONE, AnchorConfig(), (64, 128)).shape == (0,)
    assert suggest_anchors(NONE, AnchorConfig(), (64, 128)) == AnchorConfig()


def test_a_box_that_is_an_anchor_has_iou_1():
    # the anchor of P3 at row 1, column 2: centre (12, 20), side 14
    box = np.array([[5, 13, 19, 27]], np.float32)
    assert best_overlaps(box, AnchorConfig(), (64, 64)).tolist() == [1.0]


def test_equals_the_best_of_all_anchors():
    anchors = pytest.importorskip("fused_ocr.detection.anchors")
    config = AnchorConfig(
        levels=(3, 4, 5), sizes=(9.0, 21.0, 50.0), ratios=(0.3, 1.7), scales=(1.0, 1.3)
    )
    boxes = random_boxes(300, (96, 160), (3, 70), (0.2, 4))  # some over the border
    every = anchors.anchors_for_frame(96, 160, config)
    np.testing.assert_allclose(
        best_overlaps(boxes, config, (96, 160)),
        iou_matrix(boxes, every).max(1),
        atol=1e-5,
    )


@pytest.mark.parametrize("frame_yx", [(64, 70), (0, 64)])
def test_frame_must_be_a_multiple_of_the_largest_stride(frame_yx):
    with pytest.raises(ConfigError, match="multiple of 64 pixels"):
        best_overlaps(NONE, AnchorConfig(), frame_yx)


def test_suggestion_covers_plates_that_the_default_does_not():
    boxes = random_boxes(400, (384, 384), (14, 34), (0.2, 0.35))
    now = (best_overlaps(boxes, AnchorConfig(), (384, 384)) >= COVERED).mean()
    found = suggest_anchors(boxes, AnchorConfig(), (384, 384))
    then = (best_overlaps(boxes, found, (384, 384)) >= COVERED).mean()
    assert now < 0.2
    assert then > 0.9
    assert found.count <= AnchorConfig().count
    assert found == suggest_anchors(boxes, AnchorConfig(), (384, 384))


def test_anchors_that_fit_are_kept():
    # every box is an anchor of P3, of the only shape there is
    config = AnchorConfig(
        levels=(3, 4, 5), sizes=(20.0, 40.0, 80.0), ratios=(1.0,), scales=(1.0,)
    )
    corners = np.array([[y * 8 - 6, x * 8 - 6] for y in (2, 4) for x in (2, 5)])
    boxes = np.concatenate([corners, corners + 20], -1).astype(np.float32)
    assert suggest_anchors(boxes, config, (64, 64)) == config
