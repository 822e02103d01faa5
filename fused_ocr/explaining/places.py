"""When two readings are of the same place in a photo."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fused_ocr.boxes import areas, intersections, iou_matrix
from fused_ocr.result import Reading

__all__ = ["of_one_place"]

_SAME = 0.3
"""IoU from which on two boxes are of one place."""

_WITHIN = 0.7
"""The part of the smaller one that lies in the other from which on they are, too."""


def of_one_place(reading: Reading, others: Iterable[Reading]) -> list[Reading]:
    """Those of other readings that are of the same place, or of a part of it."""
    rows = list(others)
    box, boxes = [reading.box], [one.box for one in rows]
    smaller = np.minimum(areas(box), areas(np.reshape(boxes, (-1, 4))))
    same = (iou_matrix(box, boxes)[0] >= _SAME) | (
        intersections(box, boxes)[0] > _WITHIN * smaller
    )
    return [one for one, is_same in zip(rows, same, strict=True) if is_same]
