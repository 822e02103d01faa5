"""Boxes: yxyx pixel edges, and the little arithmetic on them that numpy needs.

A box is ``(y1, x1, y2, x2)`` in float32 with ``0 <= y1 <= y2 <= H`` and
``0 <= x1 <= x2 <= W``. Pixel ``i`` covers ``[i, i + 1)`` and its centre is at
``i + 0.5``, so a box that covers the whole image is ``(0, 0, H, W)``. Other orders
(the xyxy of keras-retinanet's CSV, COCO's xywh) exist only at the border of the
library, and are converted here, once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = [
    "CORNER_EDGES",
    "Boxes",
    "areas",
    "box_corners",
    "clip",
    "intersections",
    "iou_matrix",
    "swap_xy",
]

CORNER_EDGES = (0, 1, 0, 3, 2, 3, 2, 1)
"""The edges of a yxyx box that meet in its corners, clockwise from the top left: y and
x of each."""

Boxes = npt.NDArray[np.float32]
"""float32 (N, 4), yxyx pixel edges."""


def swap_xy(boxes: npt.ArrayLike) -> Boxes:
    """Swap the axes of boxes: xyxy becomes yxyx, and yxyx becomes xyxy.

    Args:
        boxes: (..., 4).

    Returns:
        float32 (..., 4).

    >>> swap_xy([[1, 2, 3, 4]]).tolist()
    [[2.0, 1.0, 4.0, 3.0]]
    """
    return np.asarray(boxes, np.float32)[..., [1, 0, 3, 2]]


def box_corners(box_yxyx: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """The four corners ``(y, x)`` of a box, clockwise from the top left.

    >>> box_corners((1, 2, 3, 4))
    ((1, 2), (1, 4), (3, 4), (3, 2))
    """
    edges = [box_yxyx[edge] for edge in CORNER_EDGES]
    return tuple(zip(edges[::2], edges[1::2], strict=True))


def areas(boxes_yxyx: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Areas in square pixels, float32 (...); an inverted box has area 0.

    >>> areas([[0, 0, 2, 3], [5, 5, 4, 9]]).tolist()
    [6.0, 0.0]
    """
    boxes = np.asarray(boxes_yxyx, np.float32)
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def clip(boxes_yxyx: npt.ArrayLike, height: float, width: float) -> Boxes:
    """Cut boxes to the image: every edge into ``[0, height]`` or ``[0, width]``.

    >>> clip([[-1, 2, 30, 40]], 10, 20).tolist()
    [[0.0, 2.0, 10.0, 20.0]]
    """
    limits = np.array([height, width, height, width], np.float32)
    return np.clip(np.asarray(boxes_yxyx, np.float32), 0.0, limits)


def intersections(
    boxes_yxyx: npt.ArrayLike, others_yxyx: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """Square pixels that every box shares with every other.

    Args:
        boxes_yxyx: (N, 4).
        others_yxyx: (M, 4).

    Returns:
        float32 (N, M).

    >>> intersections([[0, 0, 2, 2]], [[0, 1, 2, 3], [5, 5, 6, 6]]).tolist()
    [[2.0, 0.0]]
    """
    a = np.asarray(boxes_yxyx, np.float32).reshape(-1, 4)
    b = np.asarray(others_yxyx, np.float32).reshape(-1, 4)
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(bottom_right - top_left, 0.0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def iou_matrix(
    boxes_yxyx: npt.ArrayLike, others_yxyx: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """Intersection over union of every box with every other.

    Args:
        boxes_yxyx: (N, 4).
        others_yxyx: (M, 4).

    Returns:
        float32 (N, M) in 0..1; 0 where both boxes are empty.

    >>> iou_matrix([[0, 0, 2, 2]], [[0, 1, 2, 3], [5, 5, 6, 6]]).round(3).tolist()
    [[0.3330000042915344, 0.0]]
    """
    a = np.asarray(boxes_yxyx, np.float32).reshape(-1, 4)
    b = np.asarray(others_yxyx, np.float32).reshape(-1, 4)
    intersection = intersections(a, b)
    union = areas(a)[:, None] + areas(b)[None, :] - intersection
    return np.where(union > 0, intersection / np.maximum(union, 1e-9), 0.0).astype(
        np.float32
    )
