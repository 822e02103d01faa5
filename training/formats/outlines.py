"""From a polygon to its bounds and, where it has four corners, to these in order."""

from __future__ import annotations

import numpy as np

from .records import Points

__all__ = ["bounds", "corners_of"]


def bounds(points_yx: Points) -> tuple[float, float, float, float]:
    """The smallest upright box around points (k, 2): y1, x1, y2, x2."""
    (y1, x1), (y2, x2) = points_yx.min(0).tolist(), points_yx.max(0).tolist()
    return y1, x1, y2, x2


def corners_of(points_yx: Points, *, ordered: bool) -> Points | None:
    """Four corners, clockwise from the text's top left.

    Where the order is not known, the text is taken to run to the right as nearly as the
    shape allows. The longer side would be no better guess: single characters are tall.

    Args:
        points_yx: float64 (k, 2), pixels; a last point equal to the first is one.
        ordered: the first is the text's top left. If the others run the wrong way
            round, they are turned and the first stays.

    Returns:
        float64 (4, 2), yx; None if there are not four, or they are not convex.

    >>> corners_of(np.array([[0.0, 9], [0, 0], [5, 0], [5, 9]]), ordered=False).tolist()
    [[0.0, 0.0], [0.0, 9.0], [5.0, 9.0], [5.0, 0.0]]
    """
    if len(points_yx) == 5 and np.array_equal(points_yx[0], points_yx[-1]):
        points_yx = points_yx[:-1]
    if len(points_yx) != 4:
        return None
    sides = np.roll(points_yx, -1, 0) - points_yx
    after = np.roll(sides, -1, 0)
    turns = sides[:, 1] * after[:, 0] - sides[:, 0] * after[:, 1]  # > 0: to the right
    if not ((turns > 0).all() or (turns < 0).all()):
        return None
    if turns[0] < 0:
        points_yx = points_yx[[0, 3, 2, 1]]
    if ordered:
        return points_yx
    turned = [np.roll(points_yx, -i, 0) for i in range(4)]
    return max(turned, key=_rightward)


def _rightward(corners_yx: Points) -> float:
    """Cosine of the angle between the reading direction and the right."""
    way = corners_yx[1] + corners_yx[2] - corners_yx[0] - corners_yx[3]
    return float(way[1] / np.hypot(*way))
