"""What is drawn flat, before it is seen from somewhere: a plate, a number, a sign."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from .cutout import Cutout, Rectangle

__all__ = ["FlatRegion", "corners"]


@dataclasses.dataclass(frozen=True)
class FlatRegion:
    """A region and what hangs on it, seen straight on.

    Attributes:
        cutout: the picture; holders and shadows may reach beyond the corners.
        quad_yx: float64 (4, 2), corners in the picture, clockwise from the text's top
            left, pixel edges.
        text: what it reads.
        tall: height of its characters, pixels.
        wide_cm: how wide the real thing is between its corners.
        shines: whether it throws light back, as plates do at night.
    """

    cutout: Cutout
    quad_yx: npt.NDArray[np.float64]
    text: str
    tall: float
    wide_cm: float
    shines: bool = False


def corners(box: Rectangle) -> npt.NDArray[np.float64]:
    """Corners (4, 2) of a rectangle, y and x, clockwise from the top left."""
    y1, x1, y2, x2 = box
    return np.array([[y1, x1], [y1, x2], [y2, x2], [y2, x1]], np.float64)
