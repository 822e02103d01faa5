"""Selection against greedy suppression in plain numpy, and its padding, by hand."""

import numpy as np
import pytest
import tensorflow as tf
from layer_checks import check_layer
from tflite_checks import converted

from fused_ocr.config import AnchorConfig, SelectionConfig
from fused_ocr.detection.anchors import DecodeBoxes, DecodeCorners, anchors_for_frame
from fused_ocr.detection.selection import SelectDetections

PLAIN = (1.0, 1.0, 1000.0, 1000.0)
"""Geometry of a photo of 1000x1000 that is its own frame."""


def select(boxes, scores, geometry=PLAIN, **config):
    """The outputs for one photo; scores may be (A,) for one class."""
    boxes = np.asarray(boxes, np.float32).reshape(1, -1, 4)
    scores = np.asarray(scores, np.float32)
    scores = scores.reshape(
        1, boxes.shape[1], scores.shape[1] if scores.ndim > 1 else 1
    )
    settings = {
        "score_threshold": 0.5,
        "nested_threshold": 1.0,
        "max_detections": 4,
        "candidates": 100,
        **config,
    }
    found = SelectDetections(SelectionConfig(**settings))(
        boxes, scores, np.asarray([geometry], np.float32)
    )
    return {name: value.numpy()[0] for name, value in found.items()}


def greedy(boxes, scores, config, geometry=PLAIN):
    """Best first, a box is dropped if a kept one of its class overlaps it too much, or
    if too much of the smaller of the two lies in the other."""
    height, width = geometry[2:]
    scale = np.array([geometry[0], geometry[1]] * 2, np.float32)
    boxes = np.clip(boxes * scale, 0, np.array([height, width] * 2, np.float32))
    best, classes = scores.max(1), scores.argmax(1)
    order = np.argsort(-best, kind="stable")[: config.candidates]
    kept = []
    for i in order:
        y1, x1, y2, x2 = boxes[i]
        if best[i] < config.score_threshold or y2 <= y1 or x2 <= x1:
            continue
        for j in kept:
            shared = max(0, min(y2, boxes[j][2]) - max(y1, boxes[j][0])) * max(
                0, min(x2, boxes[j][3]) - max(x1, boxes[j][1])
            )
            area, other = (y2 - y1) * (x2 - x1), np.prod(boxes[j][2:] - boxes[j][:2])
            if classes[i] == classes[j] and (
                shared > config.iou_threshold * (area + other - shared)
                or shared > config.nested_threshold * min(area, other)
            ):
                break
        else:
            kept.append(i)
    kept = kept[: config.max_detections]
    return boxes[kept], best[kept], classes[kept]


def crowd(rng, count, labels=1, *, levels=None):
    """Boxes that overlap heavily; scores of few `levels` are full of ties."""
    centre = rng.uniform(0, 60, (count, 2)) * rng.choice([1.0, 0.2])
    half = rng.uniform(1, 25, (count, 2)) / 2
    scores = rng.uniform(0.2, 1, (count, labels))
    if levels:
        scores = np.round(scores * levels) / levels
    boxes = np.concatenate([centre - half, centre + half], 1)
    return boxes.astype(np.float32), scores.astype(np.float32)


def check(found, expected, config):
    boxes, scores, classes = expected
    count = int(found["count"])
    assert count == len(boxes)
    np.testing.assert_allclose(found["boxes"][:count], boxes, atol=1e-4)
    np.testing.assert_array_equal(found["scores"][:count], scores)
    np.testing.assert_array_equal(found["classes"][:count], classes)
    for name, value in found.items():
        if name != "count":
            assert len(value) == config.max_detections
            assert (value[count:] == (-1 if name == "classes" else 0)).all()


BOX, BESIDE = (10, 10, 20, 20), (10, 30, 20, 40)


@pytest.mark.parametrize(
    ("boxes", "scores"),
    [
        ([], []),  # no anchors at all
        ([BOX], [0.49]),
        ([BOX] * 9, [0.1] * 9),
        ([(10, 10, 10, 20)], [0.9]),  # no height
        ([(10, 10, 20, 10)], [0.9]),  # no width
        ([(20, 10, 10, 20)], [0.9]),  # upside down
        ([(-20, 10, -10, 20)], [0.9]),  # above the photo: no height after clipping
        ([(10, 1001, 20, 1010)], [0.9]),
    ],
)
def test_nothing_detected(boxes, scores):
    found = select(boxes, scores)
    assert found["count"] == 0
    assert not found["boxes"].any() and not found["scores"].any()
    assert (found["classes"] == -1).all() and found["classes"].shape == (4,)


@pytest.mark.parametrize(
    ("boxes", "scores", "kept"),
    [
        ([BOX], [0.9], [0]),
        ([BOX], [0.5], [0]),  # the threshold itself counts
        ([BOX, BESIDE], [0.6, 0.9], [1, 0]),  # best first
        ([BOX, BOX], [0.6, 0.9], [1]),
        ([BOX, BOX, BOX], [0.9, 0.9, 0.9], [0]),  # a tie: the first anchor
        ([BOX, BESIDE, BOX, BESIDE], [0.8, 0.8, 0.8, 0.8], [0, 1]),
        # Fewer anchors than rows, as many, and more.
        (
            [(0, 10 * i, 9, 10 * i + 9) for i in range(4)],
            [0.9, 0.8, 0.7, 0.6],
            [0, 1, 2, 3],
        ),
        (
            [(0, 10 * i, 9, 10 * i + 9) for i in range(6)],
            [0.6, 0.7, 0.8, 0.9, 0.95, 0.5],
            [4, 3, 2, 1],
        ),
        # A chain: 1 falls to 0, so 2, which only 1 covers, stays; 3 falls to 2.
        # Neighbours share 6 of 14 columns: IoU 0.43; next but one 2 of 18: 0.11.
        (
            [(0, 0, 10, 10), (0, 4, 10, 14), (0, 8, 10, 18), (0, 12, 10, 22)],
            [0.9, 0.8, 0.7, 0.6],
            [0, 2],
        ),
        # The same chain from its other end and from its middle.
        (
            [(0, 0, 10, 10), (0, 4, 10, 14), (0, 8, 10, 18), (0, 12, 10, 22)],
            [0.6, 0.7, 0.8, 0.9],
            [3, 1],
        ),
        (
            [(0, 0, 10, 10), (0, 4, 10, 14), (0, 8, 10, 18), (0, 12, 10, 22)],
            [0.6, 0.9, 0.8, 0.7],
            [1, 3],
        ),
        # IoU exactly 0.5 = 10 * 10 / (10 * 20): not over a threshold of 0.5.
        ([(0, 0, 10, 20), (0, 0, 10, 10)], [0.9, 0.8], [0, 1]),
    ],
)
def test_by_hand(boxes, scores, kept):
    iou = 0.5 if boxes[0] == (0, 0, 10, 20) else 0.4
    found = select(boxes, scores, iou_threshold=iou)
    assert found["count"] == len(kept)
    np.testing.assert_array_equal(
        found["boxes"][: len(kept)], np.array(boxes, np.float32)[kept]
    )
    np.testing.assert_array_equal(
        found["scores"][: len(kept)], np.array(scores, np.float32)[kept]
    )


def test_chain_as_long_as_the_candidates():
    # Each box overlaps only its neighbours and is better than the next, so what stays
    # is settled one after another: the worst case for the repeated suppression.
    boxes = [(0, 4 * i, 10, 4 * i + 10) for i in range(60)]
    scores = np.linspace(0.99, 0.51, 60)
    found = select(boxes, scores, max_detections=40, candidates=60)
    assert found["count"] == 30
    np.testing.assert_array_equal(found["boxes"][:30, 1], np.arange(0, 240, 8))


@pytest.mark.parametrize(
    ("inner", "scores", "kept"),
    [
        # In a box of 20x20. A quarter of its area: IoU 0.25, all of it inside.
        ((5, 5, 15, 15), [0.9, 0.8], [0]),
        # The larger one goes as well if the smaller one is better.
        ((5, 5, 15, 15), [0.8, 0.9], [1]),
        # 7 of 10 rows inside: not over 0.7. 8 of 10: over.
        ((13, 5, 23, 15), [0.9, 0.8], [0, 1]),
        ((12, 5, 22, 15), [0.9, 0.8], [0]),
    ],
)
def test_nested_boxes(inner, scores, kept):
    boxes = [(0, 0, 20, 20), inner]
    found = select(boxes, scores, nested_threshold=0.7)
    assert found["count"] == len(kept)
    np.testing.assert_array_equal(found["boxes"][: len(kept)], np.float32(boxes)[kept])
    assert select(boxes, scores, nested_threshold=1.0)["count"] == 2


def test_classes_do_not_suppress_each_other():
    found = select([BOX, BOX, BOX], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.6]])
    assert found["count"] == 2
    assert found["classes"][:2].tolist() == [0, 1]
    np.testing.assert_allclose(found["scores"][:2], [0.9, 0.8])


def test_candidates_limit_what_is_looked_at():
    # The 3 best are one heap; the fourth is never looked at.
    boxes = [BOX, BOX, BOX, BESIDE]
    found = select(boxes, [0.9, 0.8, 0.7, 0.6], candidates=3, max_detections=2)
    assert found["count"] == 1


@pytest.mark.parametrize(
    ("geometry", "box", "expected"),
    [
        # Photo pixels a frame pixel along y and x; then height and width of the photo.
        ((2.0, 3.0, 201.0, 301.0), (10, 20, 30, 40), (20, 60, 60, 120)),
        ((0.5, 0.25, 51.0, 33.0), (10, 20, 30, 40), (5, 5, 15, 10)),
        ((2.0, 3.0, 201.0, 301.0), (-5, -5, 500, 500), (0, 0, 201, 301)),
        ((2.0, 3.0, 50.0, 100.0), (10, 20, 30, 40), (20, 60, 50, 100)),
    ],
)
def test_scaled_into_the_photo_and_clipped(geometry, box, expected):
    found = select([box], [0.9], geometry)
    np.testing.assert_allclose(found["boxes"][0], expected)
    y1, x1, y2, x2 = found["boxes"][0]
    assert 0 <= y1 <= y2 <= geometry[2] and 0 <= x1 <= x2 <= geometry[3]


@pytest.mark.parametrize("nested", [0.7, 1.0])
@pytest.mark.parametrize("levels", [None, 10, 2])
@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize("count", [1, 5, 40, 200])
def test_equals_greedy(count, labels, levels, nested):
    rng = np.random.default_rng([count, labels, levels or 0])
    config = SelectionConfig(
        score_threshold=0.4,
        iou_threshold=0.3,
        nested_threshold=nested,
        max_detections=16,
        candidates=64,
    )
    layer = SelectDetections(config)
    run = tf.function(layer)
    geometry = np.array([[1.7, 0.6, 91.0, 31.0]], np.float32)
    for _ in range(15):
        boxes, scores = crowd(rng, count, labels, levels=levels)
        found = run(boxes[None], scores[None], geometry)
        found = {name: value.numpy()[0] for name, value in found.items()}
        check(found, greedy(boxes, scores, config, geometry[0]), config)


def test_a_batch_is_each_photo_alone():
    rng = np.random.default_rng(1)
    photos = [crowd(rng, 60), crowd(rng, 60), crowd(rng, 60)]
    photos[1][1][:] = 0.1  # one photo without detections
    geometry = np.array(
        [[1, 1, 60, 60], [2, 2, 90, 70], [0.5, 0.4, 33, 21]], np.float32
    )
    layer = SelectDetections(SelectionConfig(max_detections=8, candidates=50))
    together = layer(
        np.stack([p[0] for p in photos]), np.stack([p[1] for p in photos]), geometry
    )
    for i, (boxes, scores) in enumerate(photos):
        alone = layer(boxes[None], scores[None], geometry[i : i + 1])
        for name, value in together.items():
            np.testing.assert_array_equal(value[i], alone[name][0], name)


def with_corners(boxes, scores, corners, geometry=PLAIN, **config):
    """The outputs for one photo whose corners are (A, 4, 2)."""
    settings = {"score_threshold": 0.5, "max_detections": 4, "candidates": 100}
    found = SelectDetections(SelectionConfig(**{**settings, **config}))(
        np.asarray(boxes, np.float32).reshape(1, -1, 4),
        np.asarray(scores, np.float32).reshape(1, -1, 1),
        np.asarray([geometry], np.float32),
        np.asarray(corners, np.float32).reshape(1, -1, 4, 2),
    )
    return {name: value.numpy()[0] for name, value in found.items()}


def test_quads_by_hand():
    # The third box falls to the second, the fourth is too poor.
    boxes, scores = [BOX, BESIDE, BESIDE, (50, 10, 60, 20)], [0.6, 0.9, 0.8, 0.3]
    quads = [
        [(11, 9), (10, 21), (19, 20), (20, 10)],
        [(-3, 30), (10, 40), (20, 41), (21, 500)],  # beyond the photo
        [(12, 30), (12, 40), (18, 40), (18, 30)],
        [(np.nan, np.nan)] * 4,
    ]
    found = with_corners(boxes, scores, quads, (2.0, 3.0, 51.0, 201.0))
    assert found["count"] == 2
    assert found["quads"].shape == (4, 4, 2) and found["quads"].dtype == np.float32
    assert found["quads"][:2].tolist() == [
        [[-6, 90], [20, 120], [40, 123], [42, 1500]],
        [[22, 27], [20, 63], [38, 60], [40, 30]],
    ]
    assert not found["quads"][2:].any()


@pytest.mark.parametrize("boxes", [[], [BOX], [BOX] * 9])
def test_no_quads_where_nothing_is_detected(boxes):
    found = with_corners(boxes, [0.1] * len(boxes), [np.ones((4, 2))] * len(boxes))
    assert found["count"] == 0
    assert found["quads"].shape == (4, 4, 2) and not found["quads"].any()


@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("count", [3, 200])
def test_quads_are_those_of_the_boxes(count, levels):
    rng = np.random.default_rng([count, levels or 0])
    config = SelectionConfig(
        score_threshold=0.4, iou_threshold=0.3, max_detections=16, candidates=64
    )
    run = tf.function(SelectDetections(config))
    geometry = np.array([[1.7, 0.6, 91.0, 31.0]] * 2, np.float32)
    for _ in range(5):
        photos = [crowd(rng, count, levels=levels) for _ in range(2)]
        boxes, scores = (np.stack(values) for values in zip(*photos, strict=True))
        corners = boxes[..., [0, 1, 0, 3, 2, 3, 2, 1]].reshape(2, -1, 4, 2)
        plain = run(boxes, scores, geometry)
        found = run(boxes, scores, geometry, corners)
        quads = found.pop("quads").numpy()
        for name, value in found.items():
            np.testing.assert_array_equal(value, plain[name], name)
        opposite = quads[:, :, [0, 2]].clip(0, geometry[0, 2:])
        np.testing.assert_array_equal(opposite.reshape(2, -1, 4), found["boxes"])


@pytest.mark.tflite
def test_decoding_and_selecting_convert_with_builtins_only():
    anchors = AnchorConfig(levels=(3, 4, 5), sizes=(16.0, 32.0, 64.0))
    total = len(anchors_for_frame(96, 32, anchors))
    decode, decode_corners = DecodeBoxes(anchors, ("a",)), DecodeCorners(anchors)
    select = SelectDetections(SelectionConfig(max_detections=5, candidates=40))

    @tf.function(
        input_signature=[
            tf.TensorSpec((1, total, 4), name="regression"),
            tf.TensorSpec((1, total, 8), name="shifts"),
            tf.TensorSpec((1, total, 1), name="scores"),
            tf.TensorSpec((1, 4), name="geometry"),
        ]
    )
    def detect(regression, shifts, scores, geometry):
        frames = tf.zeros((1, 96, 32, 3))
        corners = decode_corners([shifts, frames])
        return select(decode([regression, frames]), scores, geometry, corners)

    run = converted(detect, select)

    rng = np.random.default_rng(3)
    for best in (0.3, 1.0, 0.45):  # none, all rows, some
        given = {
            "regression": rng.normal(size=(1, total, 4)).astype(np.float32),
            "shifts": rng.normal(size=(1, total, 8)).astype(np.float32),
            "scores": (rng.uniform(size=(1, total, 1)) * best).astype(np.float32),
            "geometry": np.array([[2, 3, 191, 95]], np.float32),
        }
        theirs, ours = run(**given), detect(**given)
        assert set(theirs) == set(ours) and "quads" in theirs
        for name, value in theirs.items():
            np.testing.assert_allclose(value, ours[name], atol=1e-3, err_msg=name)


def test_layer():
    rng = np.random.default_rng(2)
    config = SelectionConfig(
        score_threshold=0.6,
        iou_threshold=0.3,
        nested_threshold=0.8,
        candidates=20,
        max_detections=7,
    )
    cases = []
    for anchors, labels in [(0, 1), (5, 1), (50, 3)]:
        photos = [crowd(rng, anchors, labels), crowd(rng, anchors, labels)]
        cases.append(
            (
                np.stack([p[0] for p in photos]),
                np.stack([p[1] for p in photos]),
                np.array([[1, 2, 31, 45], [2, 1, 45, 31]], np.float32),
            )
        )
    # With corners as well.
    corners = rng.uniform(-5, 60, (2, 50, 4, 2)).astype(np.float32)
    cases.append((*cases[-1], corners))
    check_layer(SelectDetections, {"config": config}, cases)
