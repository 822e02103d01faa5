"""What plates, house numbers and bibs hang on: a car's back, a wall, a runner.

All is drawn in the plane of the region, in centimetres from its middle (x to the right,
y down), and seen from where the region is seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from ..backgrounds import Picture
from .chance import Colour, near, patches, pick
from .pose import Homography, project

__all__ = ["Pencil", "draw_car", "draw_runner", "draw_wall", "plane_of", "wall_colour"]

_PAINTS = ((225, 226, 228), (150, 154, 160), (26, 27, 30), (60, 64, 70), (24, 40, 92),
           (140, 22, 28), (196, 190, 172), (40, 70, 54), (84, 120, 170),
           (200, 120, 40))  # fmt: skip
_SHIRTS = ((220, 40, 50), (30, 80, 190), (250, 210, 40), (40, 40, 46), (60, 170, 90),
           (240, 240, 240), (240, 110, 30), (120, 60, 160), (240, 90, 160))  # fmt: skip
_SKIN = ((236, 196, 168), (198, 150, 118), (140, 96, 70), (92, 62, 48))
_WALLS = ((196, 190, 180), (226, 222, 212), (158, 92, 74), (130, 120, 110),
          (206, 178, 130), (90, 70, 56), (50, 60, 70), (170, 186, 196), (120, 50, 44),
          (232, 214, 170))  # fmt: skip

_Points = Sequence[tuple[float, float]]
"""x and y, centimetres."""


class Pencil:
    """Draws polygons of a plane into a picture.

    Args:
        behind: uint8 (H, W, 3); stays as it is.

    Attributes:
        plane: homography of centimetres (x, y, 1) into the picture; may be changed.
    """

    def __init__(self, behind: Picture) -> None:
        self.plane: Homography = np.eye(3)
        self._behind = behind
        self._image = Image.fromarray(behind)
        self._where = Image.new("L", self._image.size)
        self._draw = ImageDraw.Draw(self._image)
        self._mark = ImageDraw.Draw(self._where)

    @property
    def size_yx(self) -> tuple[int, int]:
        """Height and width of the picture, pixels."""
        return self._image.height, self._image.width

    def fill(self, points: _Points, colour: Colour) -> None:
        """Fill a polygon; none if part of it is behind the camera or too near."""
        xy = np.asarray(points, np.float64)
        depth = xy @ self.plane[2, :2] + self.plane[2, 2]
        if depth.min() < 0.25 * self.plane[2, 2]:
            return
        ends = project(self.plane, xy[:, ::-1])[:, ::-1]
        outline = [(float(x), float(y)) for x, y in ends]
        self._draw.polygon(outline, fill=tuple(int(v) for v in colour))
        self._mark.polygon(outline, fill=255)

    def box(self, x1: float, y1: float, x2: float, y2: float, colour: Colour) -> None:
        """Fill a rectangle of the plane."""
        self.fill(((x1, y1), (x2, y1), (x2, y2), (x1, y2)), colour)

    def cover(self, colour: Colour) -> None:
        """Fill the whole picture."""
        for image, fill in (
            (self._image, tuple(int(v) for v in colour)),
            (self._where, 255),
        ):
            image.paste(fill, (0, 0, image.width, image.height))

    def finish(self, rng: np.random.Generator, uneven: float) -> Picture:
        """The drawing with soft edges, uneven light and grain, over what was there.

        Args:
            rng: decides how much of each.
            uneven: at most this part of the light differs from place to place.
        """
        size = self.size_yx
        soft = ImageFilter.BoxBlur(rng.uniform(0.5, 1.1))
        drawn = np.asarray(self._image.filter(soft), np.float32)
        lit = 1 + patches(rng, size, (3, 3)) * np.float32(rng.uniform(0.2, 1) * uneven)
        grain = rng.standard_normal(size, np.float32) * np.float32(rng.uniform(0.5, 5))
        drawn = drawn * lit[..., None] + grain[..., None]
        alpha = np.asarray(self._where.filter(ImageFilter.BoxBlur(0.6)), np.float32)
        drawn -= self._behind
        drawn *= alpha[..., None] / np.float32(255)
        drawn += self._behind
        return np.asarray(np.clip(drawn, 0, 255), np.uint8)


def plane_of(
    pose: Homography, quad_yx: npt.NDArray[np.float64], wide_cm: float
) -> Homography:
    """The homography of centimetres (x, y, 1) from a region's middle into the scene."""
    y, x = quad_yx.mean(0)
    scale = float(np.ptp(quad_yx[:, 1])) / wide_cm
    return np.asarray(pose @ np.array([[scale, 0, x], [0, scale, y], [0, 0, 1.0]]))


def draw_car(rng: np.random.Generator, pencil: Pencil) -> None:
    """A car's back or front around a plate."""
    paint = near(rng, pick(rng, _PAINTS), 10)
    dark, light = paint * 0.55, np.minimum(paint * 1.25 + 12, 255)
    black = near(rng, (28, 28, 30), 6)
    half, roof = rng.uniform(78, 92), rng.uniform(85, 110)
    sill, tyre = rng.uniform(22, 48), rng.uniform(45, 68)
    shoulder = -rng.uniform(32, 48)
    ground = near(rng, (70, 70, 74), 12)
    pencil.fill(_oval(0, tyre, half * 1.1, 9), ground * 0.6)
    for side in (-1, 1):
        pencil.box(side * (half - 22), 10, side * (half - 2), tyre, black * 0.7)
    body = (
        (-half * 0.72, -roof), (half * 0.72, -roof), (half * 0.96, shoulder),
        (half, 0), (half * 0.98, sill), (-half * 0.98, sill), (-half, 0),
        (-half * 0.96, shoulder),
    )  # fmt: skip
    pencil.fill(body, paint)
    # Bands from top to bottom, as the body curves under the sky.
    for i in range(8):
        y1, y2 = (shoulder + (sill - shoulder) * v / 8 for v in (i, i + 1))
        tone = paint * (1.14 - 0.34 * i / 7 + rng.normal(0, 0.02))
        pencil.box(-half * 0.97, y1, half * 0.97, y2, np.minimum(tone, 255))
    glass = near(rng, (40, 48, 56), 12)
    pencil.fill(
        (
            (-half * 0.62, -roof + 6), (half * 0.62, -roof + 6),
            (half * 0.8, shoulder - 4), (-half * 0.8, shoulder - 4),
        ),
        glass,
    )  # fmt: skip
    pencil.fill(
        (
            (-half * 0.5, -roof + 8), (-half * 0.1, -roof + 8),
            (-half * 0.3, shoulder - 6), (-half * 0.7, shoulder - 6),
        ),
        glass * 1.35 + 14,
    )  # fmt: skip
    _lights(rng, pencil, half, shoulder)
    if rng.random() < 0.55:  # the recess a plate sits in
        wide, deep = rng.uniform(32, 46), rng.uniform(11, 18)
        pencil.box(-wide, -deep, wide, deep, dark)
        pencil.box(-wide, -deep, wide, -deep + 2.5, dark * 0.6)
        pencil.box(-wide, deep - 1, wide, deep, light)
    if rng.random() < 0.4:  # chrome or a handle above
        y = -rng.uniform(12, 22)
        pencil.box(-30, y - 2, 30, y + 1.5, near(rng, (190, 192, 196), 14))
        pencil.box(-30, y + 1.5, 30, y + 2.6, dark * 0.6)
    if rng.random() < 0.6:
        pencil.fill(_oval(0, -rng.uniform(22, 29), 4.5, 4.5), near(rng, (180,) * 3, 30))
    crease = rng.uniform(14, 20)
    pencil.box(-half * 0.97, crease, half * 0.97, crease + 1, dark)
    pencil.box(-half * 0.97, crease + 1, half * 0.97, crease + 2.2, light)
    if rng.random() < 0.5:
        pencil.box(-half * 0.9, sill - 14, half * 0.9, sill, black)


def draw_runner(rng: np.random.Generator, pencil: Pencil) -> None:
    """A runner, with the bib on the chest."""
    shirt, skin = near(rng, pick(rng, _SHIRTS), 14), near(rng, pick(rng, _SKIN), 8)
    shorts = near(rng, shirt * 0.3, 14)
    half, neck, hip = rng.uniform(19, 26), -rng.uniform(30, 42), rng.uniform(20, 34)
    for side in (-1, 1):
        reach, bend = side * (half + rng.uniform(6, 16)), neck + rng.uniform(30, 42)
        pencil.fill(
            (
                (side * half * 0.85, neck + 6), (side * (half + 5), neck + 12),
                (reach + side * 4, bend), (reach - side * 5, bend + 5),
                (side * half * 0.8, neck + 24),
            ),
            skin,
        )  # fmt: skip
        pencil.box(side * 3, hip, side * (half * 0.8), hip + 62, skin * 0.9)
        pencil.box(side, hip, side * (half * 0.95), hip + 26, shorts)
    pencil.box(-5.5, neck - 9, 5.5, neck + 5, skin * 0.88)
    pencil.fill(_oval(0, neck - 17, 8.5, 11.5), skin)
    pencil.fill(_oval(0, neck - 24, 9, 6), near(rng, (50, 38, 30), 16))
    pencil.fill(
        (
            (-half * 0.45, neck), (half * 0.45, neck), (half, neck + 7),
            (half * 1.12, neck + 20), (half * 0.92, neck + 26), (half * 0.9, hip),
            (-half * 0.9, hip), (-half * 0.92, neck + 26), (-half * 1.12, neck + 20),
            (-half, neck + 7),
        ),
        shirt,
    )  # fmt: skip
    for _ in range(int(rng.integers(2, 6))):  # folds
        x, y = rng.uniform(-half, half) * 0.8, rng.uniform(neck + 10, hip - 10)
        dx, long = rng.normal(0, 4), rng.uniform(8, 22)
        tone = shirt * rng.uniform(0.7, 0.9)
        pencil.fill(((x, y), (x + 1.4, y), (x + dx + 0.5, y + long)), tone)
    if rng.random() < 0.3:
        stripe = near(rng, pick(rng, _SHIRTS), 20)
        pencil.box(-half * 0.9, neck + 12, half * 0.9, neck + 16, stripe)


def wall_colour(rng: np.random.Generator) -> Colour:
    """The colour of a wall."""
    return near(rng, pick(rng, _WALLS), 12)


def draw_wall(
    rng: np.random.Generator, pencil: Pencil, colour: Colour, beside: float | None
) -> None:
    """A wall of plaster, bricks or boards that fills the picture.

    Args:
        rng: decides everything that is left open.
        pencil: draws; its plane is the wall's.
        colour: of the wall.
        beside: a door may be this far from the middle, centimetres; None for no door.
    """
    pencil.cover(colour)
    height, width = pencil.size_yx
    edges = np.array([[0, 0], [0, width], [height, width], [height, 0]], np.float64)
    ends = project(np.asarray(np.linalg.inv(pencil.plane)), edges)
    (y1, x1), (y2, x2) = (np.clip(v, -900, 900) for v in (ends.min(0), ends.max(0)))
    kind = rng.random()
    if kind < 0.35:
        _bricks(rng, pencil, (y1, x1, y2, x2), colour)
    elif kind < 0.55:
        pitch, upright = rng.uniform(8, 18), rng.random() < 0.5
        low, high = (x1, x2) if upright else (y1, y2)
        for at in np.arange(
            low - rng.uniform(0, pitch), high, max(pitch, (high - low) / 60)
        ):
            tone = np.clip(colour * rng.uniform(0.9, 1.08), 0, 255)
            gap = (at, y1, at + 0.8, y2) if upright else (x1, at, x2, at + 0.8)
            board = (at, y1, at + pitch, y2) if upright else (x1, at, x2, at + pitch)
            pencil.box(*board, tone)
            pencil.box(*gap, colour * 0.55)
    if beside is not None and rng.random() < 0.4:
        side, far = rng.choice([-1.0, 1.0]), beside + rng.uniform(8, 40)
        tone = near(
            rng,
            pick(rng, ((50, 56, 64), (96, 60, 40), (226, 226, 222), (40, 70, 60))),
            12,
        )
        left, right = sorted((side * far, side * (far + 90)))
        pencil.box(left - 5, -70, right + 5, 150, colour * 0.7)
        pencil.box(left, -64, right, 150, tone)
        pencil.box(left + 14, -50, right - 14, 10, tone * 0.75)
        pencil.box(left + 14, 30, right - 14, 90, tone * 0.82)


def _bricks(
    rng: np.random.Generator,
    pencil: Pencil,
    box: tuple[float, float, float, float],
    colour: Colour,
) -> None:
    y1, x1, y2, x2 = box
    wide, high = rng.uniform(18, 28), rng.uniform(6, 9)
    if (x2 - x1) / wide * (y2 - y1) / high > 1100:  # too small to see
        return
    joint = near(rng, (176, 170, 160), 16)
    pencil.box(x1, y1, x2, y2, joint)
    for row, y in enumerate(np.arange(y1 - rng.uniform(0, high), y2, high)):
        start = x1 - wide * (0.5 if row % 2 else 1)
        for x in np.arange(start, x2, wide):
            tone = np.clip(colour * rng.normal(1, 0.07), 0, 255)
            pencil.box(x, y, x + wide - 1, y + high - 1, tone)


def _lights(
    rng: np.random.Generator, pencil: Pencil, half: float, shoulder: float
) -> None:
    """Tail lights in red, or the headlights of a front."""
    front = rng.random() < 0.25
    colour = near(rng, (214, 220, 226) if front else (168, 22, 26), 12)
    deep, wide = rng.uniform(12, 22), rng.uniform(20, 34)
    top = shoulder + rng.uniform(4, 12)
    for side in (-1, 1):
        x1, x2 = side * half * 0.97, side * (half * 0.97 - wide)
        shape = ((x1, top), (x2, top + 3), (x2, top + deep * 0.8), (x1, top + deep))
        pencil.fill(shape, colour)
        middle, inner = top + deep * 0.5, (x1 + x2) / 2
        pencil.fill(_oval(inner, middle, wide * 0.22, deep * 0.26),
                    np.minimum(colour * 1.3 + 30, 255))  # fmt: skip
    if front:
        pencil.box(-half * 0.45, top + 3, half * 0.45, top + deep, np.full(3, 24.0))


def _oval(x: float, y: float, wide: float, high: float) -> list[tuple[float, float]]:
    turns = np.arange(20) * (np.pi / 10)
    return [(x + wide * np.cos(t), y + high * np.sin(t)) for t in turns]
