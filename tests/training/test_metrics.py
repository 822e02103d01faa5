"""Metrics, from cases small enough to be worked out by hand."""

import math
import sys

import numpy as np
import pytest

from fused_ocr.errors import ConfigError, MissingDependencyError
from fused_ocr.training import metrics
from fused_ocr.training.metrics import (
    MatchCounts,
    character_error_rate,
    character_scores,
    detection_map,
    exact_match,
    lines_right,
    match_characters,
    whole_image_right,
)

NONE = np.zeros((0, 4), np.float32)
NO_SCORES = np.zeros(0, np.float32)


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def scored(*rows):
    """Rows of y1, x1, y2, x2, score."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return table[:, :4], table[:, 4]


def nan_of(scores):
    return {key for key, value in scores.items() if math.isnan(value)}


# --- detection_map


@pytest.mark.parametrize("images", [0, 1, 2])
@pytest.mark.parametrize("found", [(NONE, NO_SCORES), scored((0, 0, 9, 9, 0.5))])
def test_map_without_truths_is_nan(images, found):
    result = detection_map([NONE] * images, [found] * images)
    assert nan_of(result) == {"AP50", "AP50:95"}


def test_map_without_predictions_is_0(capsys):
    truths = [boxes((0, 0, 9, 9)), NONE]
    assert detection_map(truths, [(NONE, NO_SCORES)] * 2) == {"AP50": 0, "AP50:95": 0}
    assert capsys.readouterr().out == ""


def test_map_of_right_predictions_is_1(capsys):
    truths = [boxes((0, 0, 10, 30), (50, 5, 60, 9)), NONE, boxes((1, 2, 3, 4))]
    found = [
        scored((50, 5, 60, 9, 0.2), (0, 0, 10, 30, 0.9)),
        (NONE, NO_SCORES),
        scored((1, 2, 3, 4, 0.5)),
    ]
    result = detection_map(truths, found)
    assert result == pytest.approx({"AP50": 1, "AP50:95": 1})
    assert capsys.readouterr().out == ""


def test_map_tells_the_axes_apart():
    result = detection_map([boxes((0, 0, 10, 40))], [scored((0, 0, 40, 10, 0.9))])
    assert result == {"AP50": 0, "AP50:95": 0}


def test_map_of_a_shifted_box():
    # 20 wide, shifted by 4.7: IoU = 15.3 / 24.7 = 0.62, right at 0.5, 0.55 and 0.6 of
    # the ten thresholds
    result = detection_map([boxes((0, 0, 10, 20))], [scored((0, 4.7, 10, 24.7, 0.9))])
    assert result == pytest.approx({"AP50": 1, "AP50:95": 0.3})


def test_map_of_a_false_alarm_above_and_a_missing_box():
    # By score: wrong, right; two truths. Precision at recall 0.5 is 1 / 2, beyond it 0.
    # COCO averages over recalls 0, 0.01 .. 1: 51 of the 101 are at most 0.5.
    truths = [boxes((0, 0, 10, 10), (50, 50, 60, 60))]
    found = [scored((80, 80, 90, 90, 0.9), (0, 0, 10, 10, 0.8))]
    expected = 0.5 * 51 / 101
    assert detection_map(truths, found) == pytest.approx(
        {"AP50": expected, "AP50:95": expected}
    )


def test_map_counts_more_than_a_hundred_if_told():
    corners = [(y * 20, x * 20) for y in range(12) for x in range(10)]
    grid = [(y, x, y + 9, x + 9) for y, x in corners]
    found = [scored(*((*box, 1 - i / 1000) for i, box in enumerate(grid)))]
    assert detection_map([boxes(*grid)], found, max_detections=120)["AP50"] == (
        pytest.approx(1)
    )
    # the best 60 of 120 are all right: recall 0.5
    assert detection_map([boxes(*grid)], found, max_detections=60)["AP50"] == (
        pytest.approx(51 / 101)
    )


def test_map_of_lists_that_do_not_fit():
    with pytest.raises(ConfigError, match="truths of 2 images, predictions of 1"):
        detection_map([NONE, NONE], [(NONE, NO_SCORES)])
    with pytest.raises(ConfigError, match="for image 0: 1 boxes, 0 scores"):
        detection_map([NONE], [(boxes((0, 0, 1, 1)), NO_SCORES)])


def test_map_without_pycocotools_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(MissingDependencyError, match=r"'fused-ocr\[train\]'"):
        detection_map([], [])


# --- matching


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ([], [], MatchCounts(0, 0, 0, 0)),
        ([((0, 0, 9, 9), "1")], [], MatchCounts(1, 0, 0, 0)),
        ([], [((0, 0, 9, 9), "1")], MatchCounts(0, 1, 0, 0)),
        ([((0, 0, 9, 9), "1")], [((0, 0, 9, 9), "1")], MatchCounts(1, 1, 1, 1)),
        ([((0, 0, 9, 9), "1")], [((0, 0, 9, 9), "7")], MatchCounts(1, 1, 1, 0)),
        # 10 x 10 shifted by 4: IoU = 60 / 140 = 0.43, too little
        ([((0, 0, 10, 10), "1")], [((0, 4, 10, 14), "1")], MatchCounts(1, 1, 0, 0)),
        # twice found: one is invented
        ([((0, 0, 9, 9), "1")], [((0, 0, 9, 9), "1")] * 2, MatchCounts(1, 2, 1, 1)),
    ],
)
def test_match_characters(truth, found, expected):
    assert match(truth, found) == expected


def match(truth, found, iou=0.5):
    return match_characters(
        boxes(*(b for b, _ in truth)),
        [t for _, t in truth],
        boxes(*(b for b, _ in found)),
        [t for _, t in found],
        iou,
    )


def test_the_largest_overlap_is_matched_first():
    # the first found box overlaps both truths, the second truth better: 9 of 11 against
    # 8 of 12 columns
    truth = [((0, 0, 10, 10), "1"), ((0, 3, 10, 13), "2")]
    found = [((0, 2, 10, 12), "2"), ((0, 0, 10, 10), "1")]
    assert match(truth, found) == MatchCounts(2, 2, 2, 2)
    assert match(truth, found[:1]) == MatchCounts(2, 1, 1, 1)


def test_the_iou_asked_for_is_enough():
    # 8 of 12 columns: exactly 2 / 3
    truth, found = [((0, 0, 6, 10), "1")], [((0, 2, 6, 12), "1")]
    assert match(truth, found, 0.66).matched == 1
    assert match(truth, found, 0.67).matched == 0


def test_scores_of_counts():
    counts = MatchCounts(truths=3, found=2, matched=2, right=1) + MatchCounts(
        truths=1, found=2, matched=1, right=1
    )
    # 2 right of 4 true and 4 found
    assert counts == MatchCounts(4, 4, 3, 2)
    assert character_scores(counts) == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    # 2 of 2 and 2 of 4: F1 = 2 * 2 / 6
    assert character_scores(MatchCounts(4, 2, 2, 2)) == {
        "precision": 1,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
    }


def test_scores_of_nothing_are_nan():
    assert nan_of(character_scores(MatchCounts())) == {"precision", "recall", "f1"}
    assert nan_of(character_scores(MatchCounts(truths=1))) == {"precision"}
    assert nan_of(character_scores(MatchCounts(found=1))) == {"recall"}


@pytest.mark.parametrize(
    ("counts", "right"),
    [
        (MatchCounts(), True),
        (MatchCounts(2, 2, 2, 2), True),
        (MatchCounts(2, 3, 2, 2), False),
        (MatchCounts(3, 2, 2, 2), False),
        (MatchCounts(2, 2, 2, 1), False),
    ],
)
def test_whole_image_right(counts, right):
    assert whole_image_right(counts) is right


# --- strings


@pytest.mark.parametrize(
    ("truth", "found", "right"),
    [
        ([], [], True),
        ([], ["1"], False),
        (["12", "3"], ("12", "3"), True),
        (["12", "3"], ["3", "12"], False),
        (["12", "3"], ["12"], False),
    ],
)
def test_lines_right(truth, found, right):
    assert lines_right(truth, found) is right


def test_character_error_rate():
    assert math.isnan(character_error_rate([]))
    assert math.isnan(character_error_rate([("", "")]))
    assert character_error_rate([("", "7")]) == math.inf
    assert character_error_rate([("12", "12")]) == 0
    # 1 + 3 edits, 4 + 1 characters: over all, not the mean of the pairs
    assert character_error_rate([("1234", "124"), ("5", "666")]) == pytest.approx(4 / 5)


def test_exact_match():
    assert math.isnan(exact_match([]))
    assert exact_match([("1", "1"), ("", ""), ("1", "I"), ("12", "1")]) == 0.5


def test_all_public_names_are_sorted():
    assert metrics.__all__ == sorted(metrics.__all__)
