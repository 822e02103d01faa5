"""A flat region that has its place in a scene, and whether it can be read there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..backgrounds import Picture
from . import surroundings
from .chance import Colour
from .flat_region import FlatRegion, corners
from .legibility import legibility
from .pose import Homography, project, seen_height

__all__ = ["Placed", "meets"]

_HIGH = 6.0
"""Characters lower than this, in pixels, are not read by anybody."""

_LEGIBLE = 0.72
"""Nor are those of which less is left, see `legibility`. Of drawn plates with less, the
shipped model reads a third, of others six in seven."""

_LARGE = 24.0
"""Characters of this height, in pixels, are legible: what is taken from their strokes
then is mostly the lines of a wall, which nobody takes for writing."""


@dataclasses.dataclass(frozen=True)
class Placed:
    """A region, from where it is seen, and whether something hides it."""

    flat: FlatRegion
    pose: Homography
    hidden: bool = False

    @property
    def quad_yx(self) -> npt.NDArray[np.float64]:
        """Its corners (4, 2) in the scene."""
        return project(self.pose, self.flat.quad_yx)

    @property
    def outline_yx(self) -> npt.NDArray[np.float64]:
        """Corners (4, 2) of all that is pasted, holders and cloth included."""
        height, width = self.flat.cutout.size_yx
        return project(self.pose, corners((0, 0, height, width)))

    @property
    def tall(self) -> float:
        """How high its characters are in the scene, pixels."""
        return seen_height(self.pose, self.flat.quad_yx, self.flat.tall)

    @property
    def high_enough(self) -> bool:
        """Whether its characters have pixels enough to be read."""
        return self.tall >= _HIGH

    @property
    def readable(self) -> bool:
        """Whether it could be read if the camera spoilt nothing."""
        return not self.hidden and self.high_enough

    @property
    def plane(self) -> Homography:
        """Where centimetres around its middle come to lie in the scene."""
        return surroundings.plane_of(self.pose, self.flat.quad_yx, self.flat.wide_cm)

    def around(self, canvas: npt.NDArray[np.float32]) -> Colour:
        """The mean colour of the place in the scene where it comes to be."""
        quad = self.quad_yx
        low, high = quad.min(0).astype(int), np.ceil(quad.max(0)).astype(int)
        place = canvas[low[0] : high[0], low[1] : high[1]]
        return np.asarray(place.reshape(-1, 3).mean(0))

    def legible(self, image: Picture, ground: Colour) -> bool:
        """Whether the finished picture still shows its characters.

        Args:
            image: uint8 (H, W, 3).
            ground: what it was put on, in the light in which it was drawn.
        """
        if self.tall >= _LARGE:
            return True
        flat = self.flat
        left = legibility(
            image, flat.cutout, self.pose, flat.quad_yx, flat.tall, ground
        )
        return left >= _LEGIBLE


def meets(outline_yx: npt.NDArray[np.float64], placed: Sequence[Placed]) -> bool:
    """Whether the bounds of what is pasted meet those of another region."""
    low, high = outline_yx.min(0), outline_yx.max(0)
    others = [one.outline_yx for one in placed]
    return any(bool((low < o.max(0)).all() and (o.min(0) < high).all()) for o in others)
