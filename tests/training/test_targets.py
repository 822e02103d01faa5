"""Targets: keras-retinanet's where it has some, and no small box left out."""

import numpy as np
import pytest
from keras_retinanet.utils.anchors import anchor_targets_bbox

from fused_ocr.boxes import iou_matrix, swap_xy
from fused_ocr.config import AnchorConfig
from fused_ocr.detection.anchors import DecodeBoxes, anchors_for_frame
from fused_ocr.training.targets import AnchorTargets

CONFIG = AnchorConfig()
FRAME = (128, 192)
ANCHORS = anchors_for_frame(*FRAME, CONFIG)


def targets(*photos, labels=2):
    """Of photos, each a list of (box, label)."""
    boxes = [np.array([b for b, _ in p], np.float32).reshape(-1, 4) for p in photos]
    classes = [np.array([c for _, c in p], np.int64) for p in photos]
    return AnchorTargets(FRAME, CONFIG, labels)(boxes, classes)


def answered(regression, scores, boxes):
    """Which box each positive anchor answers for: indices of anchors, of boxes."""
    decoded = DecodeBoxes(CONFIG, ("a",))(
        [regression[None, :, :4], np.zeros((1, *FRAME, 3), np.float32)]
    ).numpy()[0]
    positive = np.flatnonzero(regression[:, 4] == 1)
    np.testing.assert_array_equal(positive, np.flatnonzero(scores[:, -1] == 1))
    distance = np.abs(decoded[positive, None] - np.asarray(boxes)[None]).max(-1)
    np.testing.assert_allclose(distance.min(1), 0, atol=1e-3)
    return positive, distance.argmin(1)


def line(rng, tall, wide, gap, count=8):
    y, x = rng.uniform(2, 100), rng.uniform(2, 40)
    left = x + np.arange(count) * (wide + gap)
    return np.stack(
        [np.full(count, y), left, np.full(count, y + tall), left + wide], 1
    ).astype(np.float32)


def test_nothing_to_find_is_all_background():
    regression, scores = targets([], [])
    assert regression.shape == (2, len(ANCHORS), 5)
    assert scores.shape == (2, len(ANCHORS), 3)
    assert not regression.any() and not scores.any()


def test_a_box_that_is_an_anchor():
    k = 2000
    regression, scores = targets([(ANCHORS[k], 1)])
    assert regression[0, k].tolist() == [0, 0, 0, 0, 1]
    assert scores[0, k].tolist() == [0, 1, 1]


@pytest.mark.parametrize("seed", range(5))
def test_equals_keras_retinanet_where_anchors_have_the_shape(seed):
    rng = np.random.default_rng(seed)
    wide = rng.uniform(12, 25, 4)
    sides = np.stack([wide * rng.uniform(1, 3, 4), wide], 1)
    corner = np.array([[5, 5], [5, 60], [5, 120], [5, 165]]) - rng.uniform(0, 5, (4, 2))
    boxes = np.concatenate([corner, corner + sides], 1).astype(np.float32)
    classes = rng.integers(0, 2, 4)
    theirs_regression, theirs_scores = anchor_targets_bbox(
        swap_xy(ANCHORS),
        [np.empty((*FRAME, 0))],
        [{"bboxes": swap_xy(boxes), "labels": classes}],
        2,
    )
    assert set(theirs_scores[0, :, :2].sum(0)) != {0.0}
    regression, scores = AnchorTargets(FRAME, CONFIG, 2)([boxes], [classes])
    covered = iou_matrix(ANCHORS, boxes).max(0) >= 0.5
    # Only boxes that no anchor reaches by half may be answered for besides.
    changed = np.flatnonzero((scores != theirs_scores).any((0, 2)))
    assert len(changed) <= np.count_nonzero(~covered)
    same = np.setdiff1d(np.arange(len(ANCHORS)), changed)
    np.testing.assert_array_equal(scores[0, same], theirs_scores[0, same])
    np.testing.assert_array_equal(regression[0, same], theirs_regression[0, same])
    positive, owner = answered(regression[0], scores[0], boxes)
    assert set(owner) == set(range(4))
    for anchor, k in zip(positive, owner, strict=True):
        assert scores[0, anchor, :2].argmax() == classes[k]


def test_a_narrow_box_has_as_many_anchors_as_a_wide_one():
    # A printed 1 of 36x5, wherever it stands between anchors 8 apart: by its own
    # overlap no anchor reaches 0.5, as 36x12 several do.
    counts = {5: [], 12: []}
    for wide, found in counts.items():
        for x in range(40, 48):
            box = (40, x, 76, x + wide)
            assert wide > 5 or not (iou_matrix(ANCHORS, np.array([box])) >= 0.5).any()
            regression, scores = targets([(box, 0)])
            positive, _ = answered(regression[0], scores[0], [box])
            found.append(len(positive))
    assert min(counts[5]) >= 2
    assert sum(counts[5]) >= 0.75 * sum(counts[12])


@pytest.mark.parametrize(
    ("tall", "wide", "gap"),
    [
        (14, 8, 2),
        (12, 7, 2),
        (10, 6, 2),  # IoU with the smallest anchor, 14x14: 60 / 196 = 0.31
        (8, 5, 1),  # 0.204: neighbours share their best anchor
        (10, 4, 1),
        (16, 6, 1),
        (7, 7, 1),
    ],
)
def test_every_small_box_has_an_anchor(tall, wide, gap):
    for seed in range(12):
        boxes = line(np.random.default_rng(seed), tall, wide, gap)
        within = iou_matrix(ANCHORS, boxes).max(0) >= 0.2
        regression, scores = targets([(box, 0) for box in boxes])
        _, owner = answered(regression[0], scores[0], boxes)
        assert set(np.flatnonzero(within)) <= set(owner)


def test_small_and_large_boxes_together():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        small = line(rng, 9, 5, 2)
        large = line(rng, 40, 25, 6, count=4)
        boxes = np.concatenate([small, large])
        within = iou_matrix(ANCHORS, boxes).max(0) >= 0.2
        regression, scores = targets([(b, int(b[2] - b[0] > 20)) for b in boxes])
        positive, owner = answered(regression[0], scores[0], boxes)
        assert set(np.flatnonzero(within)) <= set(owner)
        labels = (boxes[:, 2] - boxes[:, 0] > 20).astype(int)
        # One class each, the one of the box.
        np.testing.assert_array_equal(scores[0, positive, :2].sum(1), 1)
        np.testing.assert_array_equal(scores[0, positive, :2].argmax(1), labels[owner])


def test_a_box_of_three_pixels_has_an_anchor():
    # 3x3 in 14x14 is an IoU of 0.05; as 12x12 it is 0.73 at best.
    regression, scores = targets([((50, 50, 53, 53), 0)])
    positive, _ = answered(regression[0], scores[0], [(50, 50, 53, 53)])
    assert len(positive)


def test_a_batch_is_each_photo_alone():
    photos = [
        [((10, 10, 30, 22), 0)],
        [],
        [((50, 60, 59, 65), 1), ((10, 10, 80, 60), 0)],
    ]
    regression, scores = targets(*photos)
    for i, photo in enumerate(photos):
        alone = targets(photo)
        np.testing.assert_array_equal(regression[i], alone[0][0])
        np.testing.assert_array_equal(scores[i], alone[1][0])
