"""Targets: keras-retinanet's where it has some, and no small box left out."""

import numpy as np
import pytest
from keras_retinanet.utils.anchors import anchor_targets_bbox

from fused_ocr.boxes import iou_matrix, swap_xy
from fused_ocr.config import AnchorConfig
from fused_ocr.detection.anchors import DecodeBoxes, DecodeCorners, anchors_for_frame
from fused_ocr.training.targets import AnchorTargets, encode_corners

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


@pytest.mark.parametrize("frame", [(192, 64), (64, 320)])
def test_decoding_inverts_encoded_corners(frame):
    anchors = anchors_for_frame(*frame, CONFIG)
    rng = np.random.default_rng(0)
    quads = rng.uniform(-20, 330, (len(anchors), 4, 2)).astype(np.float32)
    shifts = encode_corners(anchors, quads)
    assert shifts.shape == (len(anchors), 8) and shifts.dtype == np.float32
    decoded = DecodeCorners(CONFIG)(
        [shifts[None], np.zeros((1, *frame, 3), np.float32)]
    )
    np.testing.assert_allclose(decoded[0], quads, atol=2e-3)


QUAD = np.array([(12, 19), (8, 62), (31, 60), (33, 22)], np.float32)
"""Clockwise from the top left, of a plate that leans."""

BOX = (8, 19, 33, 62)
"""Its bounds."""

UNKNOWN = np.full((4, 2), np.nan, np.float32)


def corners_of(objects, quads):
    """The targets of one frame with corners, and its boxes' alone."""
    boxes = [np.array(objects, np.float32).reshape(-1, 4)]
    labels = [np.zeros(len(objects), np.int64)]
    make = AnchorTargets(FRAME, CONFIG, 1)
    plain = make(boxes, labels)
    *same, corners = make(
        boxes, labels, [np.array(quads, np.float32).reshape(-1, 4, 2)]
    )
    for one, other in zip(same, plain, strict=True):
        np.testing.assert_array_equal(one, other)
    assert corners.shape == (1, len(ANCHORS), 9) and corners.dtype == np.float32
    return corners[0], plain[0][0]


def test_corners_by_hand():
    # The frame's anchor 2000 is the object's box: its corners are the anchor's, but the
    # last, which stands a fifth of the height lower and a tenth of the width left.
    y1, x1, y2, x2 = ANCHORS[2000]
    low, left = y2 + (y2 - y1) / 5, x1 - (x2 - x1) / 10
    corners, regression = corners_of(
        [ANCHORS[2000]], [[(y1, x1), (y1, x2), (y2, x2), (low, left)]]
    )
    np.testing.assert_allclose(corners[2000], (0, 0, 0, 0, 0, 0, 1, -0.5, 1), atol=1e-4)
    np.testing.assert_array_equal(corners[:, 8] == 1, regression[:, 4] == 1)
    assert set(corners[:, 8]) == {0, 1}
    assert not corners[corners[:, 8] == 0].any()


def test_the_anchors_of_a_box_answer_for_its_corners():
    other = (80, 100, 110, 160)
    corners, regression = corners_of(
        [other, BOX], [[(80, 100), (80, 160), (110, 160), (110, 100)], QUAD]
    )
    decoded = DecodeCorners(CONFIG)(
        [corners[None, :, :8], np.zeros((1, *FRAME, 3), np.float32)]
    ).numpy()[0]
    boxes = DecodeBoxes(CONFIG, ("a",))(
        [regression[None, :, :4], np.zeros((1, *FRAME, 3), np.float32)]
    ).numpy()[0]
    found = np.flatnonzero(corners[:, 8] == 1)
    bounds = np.concatenate([decoded[found].min(1), decoded[found].max(1)], 1)
    np.testing.assert_allclose(bounds, boxes[found], atol=1e-3)
    mine = np.abs(boxes[found] - BOX).max(1) < 1
    assert 0 < mine.sum() < len(found)
    for quad in decoded[found[mine]]:
        np.testing.assert_allclose(quad, QUAD, atol=1e-3)


@pytest.mark.parametrize("unknown", [UNKNOWN, np.where(QUAD == 60, np.nan, QUAD)])
def test_unknown_corners_have_no_state(unknown):
    corners, regression = corners_of([BOX], [unknown])
    assert (regression[:, 4] == 1).any()
    assert not corners.any()
    # Of two objects only the one with corners has them.
    other = (80, 100, 110, 160)
    corners, regression = corners_of([other, BOX], [unknown, QUAD])
    with_state = np.flatnonzero(corners[:, 8])
    assert 0 < len(with_state) < (regression[:, 4] == 1).sum()
    assert np.isfinite(corners).all()
    alone, _ = corners_of([BOX], [QUAD])
    np.testing.assert_array_equal(corners, alone)


def test_no_objects_have_no_corners():
    corners, _ = corners_of([], [])
    assert not corners.any()
