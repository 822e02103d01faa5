"""How good detections and readings are: pure functions on arrays and strings.

A ratio of nothing is nan, so that no check passes on an empty set: every comparison
with nan is false.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fused_ocr.boxes import Boxes, iou_matrix
from fused_ocr.edit_distance import edit_distance
from fused_ocr.errors import ConfigError

from .dependencies import needed_for

__all__ = [
    "MatchCounts",
    "character_error_rate",
    "character_scores",
    "detection_map",
    "exact_match",
    "lines_right",
    "match_characters",
    "whole_image_right",
]

Scores = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class MatchCounts:
    """What came of matching found texts with true ones; counts of images add up.

    Attributes:
        truths: true boxes.
        found: found boxes.
        matched: pairs of a true and a found box.
        right: pairs with the same text.
    """

    truths: int = 0
    found: int = 0
    matched: int = 0
    right: int = 0

    def __add__(self, other: MatchCounts) -> MatchCounts:
        return MatchCounts(
            self.truths + other.truths,
            self.found + other.found,
            self.matched + other.matched,
            self.right + other.right,
        )


def detection_map(
    truths: Sequence[Boxes],
    predictions: Sequence[tuple[Boxes, Scores]],
    *,
    max_detections: int = 100,
) -> dict[str, float]:
    """COCO's average precision of one class, over all sizes of boxes.

    Args:
        truths: for each image float32 (n, 4), yxyx.
        predictions: for each image float32 (m, 4), yxyx, and their scores (m,).
        max_detections: best detections of an image that count.

    Returns:
        `AP50` and `AP50:95` in 0..1; nan if there is not one true box.

    Raises:
        ConfigError: not as many predictions as truths, or other scores than boxes.
        MissingDependencyError: pycocotools is not installed.
    """
    with needed_for("average precision"):
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

    if len(truths) != len(predictions):
        raise ConfigError(
            "Each image needs its truths and its predictions. Received: truths of "
            f"{len(truths)} images, predictions of {len(predictions)}."
        )
    for i, (boxes, scores) in enumerate(predictions):
        if len(boxes) != len(scores):
            raise ConfigError(
                f"Each box needs a score. Received for image {i}: {len(boxes)} boxes, "
                f"{len(scores)} scores."
            )
    true = _coco_records([(boxes, None) for boxes in truths])
    found = _coco_records(list(predictions))
    if not true or not found:  # COCO's own tools refuse these
        value = 0.0 if true else math.nan
        return {"AP50": value, "AP50:95": value}
    images = [{"id": i} for i in range(len(truths))]
    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for records in (true, found):
            coco = COCO()
            coco.dataset = {
                "images": images,
                "categories": [{"id": 1}],
                "annotations": records,
            }
            coco.createIndex()
            sides.append(coco)
        run = COCOeval(*sides, iouType="bbox")
        run.params.areaRng, run.params.areaRngLbl = [[0, 1e10]], ["all"]
        run.params.maxDets = [max_detections]
        run.evaluate()
        run.accumulate()
    # Its own summary insists on 100 detections and on three ranges of area.
    precision = run.eval["precision"][..., 0, 0, 0]  # (10 IoUs from 0.5 on, recalls)
    return {"AP50": float(precision[0].mean()), "AP50:95": float(precision.mean())}


def match_characters(
    truth_boxes: Boxes,
    truth_texts: Sequence[str],
    found_boxes: Boxes,
    found_texts: Sequence[str],
    iou: float = 0.5,
) -> MatchCounts:
    """Match the boxes of one image one to one, those that overlap most first.

    Args:
        truth_boxes: float32 (n, 4), yxyx.
        truth_texts: their n characters or strings.
        found_boxes: float32 (m, 4), yxyx.
        found_texts: their m characters or strings.
        iou: that a pair needs at least.

    Returns:
        The counts; add those of all images.
    """
    # Rounded, or equal overlaps would be ordered by noise.
    overlaps = iou_matrix(truth_boxes, found_boxes).round(5)
    order = np.argsort(-overlaps, axis=None, kind="stable")
    free_truths, free_found = set(range(len(truth_texts))), set(range(len(found_texts)))
    matched = right = 0
    for i, j in zip(*np.unravel_index(order, overlaps.shape), strict=True):
        if overlaps[i, j] < iou:
            break
        if i in free_truths and j in free_found:
            free_truths.remove(i)
            free_found.remove(j)
            matched += 1
            right += truth_texts[i] == found_texts[j]
    return MatchCounts(len(truth_texts), len(found_texts), matched, right)


def character_scores(counts: MatchCounts) -> dict[str, float]:
    """`precision`, `recall` and `f1` of what was found and read right.

    Each in 0..1, or nan: precision if nothing was found, recall if there was nothing to
    find, F1 if both.
    """
    return {
        "precision": _ratio(counts.right, counts.found),
        "recall": _ratio(counts.right, counts.truths),
        "f1": _ratio(2 * counts.right, counts.found + counts.truths),
    }


def whole_image_right(counts: MatchCounts) -> bool:
    """Whether in an image all was found and read right, and nothing was invented."""
    return counts.right == counts.truths == counts.found


def lines_right(truth_texts: Sequence[str], found_texts: Sequence[str]) -> bool:
    """Whether the same strings were read in the same order."""
    return list(truth_texts) == list(found_texts)


def character_error_rate(pairs: Sequence[tuple[str, str]]) -> float:
    """Edits a character of the truth, over all pairs (truth, found); may exceed 1.

    nan if there are no characters at all, inf if all of them were invented.

    >>> character_error_rate([("1234", "1239"), ("56", "56")]) == 1 / 6
    True
    """
    edits = sum(edit_distance(truth, found) for truth, found in pairs)
    characters = sum(len(truth) for truth, _ in pairs)
    return math.inf if edits and not characters else _ratio(edits, characters)


def exact_match(pairs: Sequence[tuple[str, str]]) -> float:
    """Part of the pairs (truth, found) that are equal, 0..1; nan without pairs."""
    return _ratio(sum(truth == found for truth, found in pairs), len(pairs))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _coco_records(
    images: Sequence[tuple[Boxes, Scores | None]],
) -> list[dict[str, object]]:
    records: list[dict[str, object]] = []
    for image, (boxes, scores) in enumerate(images):
        for i, (y1, x1, y2, x2) in enumerate(boxes.tolist()):
            record: dict[str, object] = {
                "id": len(records) + 1,  # COCO takes 0 for no match
                "image_id": image,
                "category_id": 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (y2 - y1) * (x2 - x1),
                "iscrowd": 0,
            }
            if scores is not None:
                record["score"] = float(scores[i])
            records.append(record)
    return records
