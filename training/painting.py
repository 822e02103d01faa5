"""Writing a line into a picture: tilt and depth, a panel, a colour one can read."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from .glyphs import Mask, ink_box

__all__ = ["Line", "paint_line", "random_warp"]

_MIN_CONTRAST = 68.0
"""Difference of luminance between characters and what is behind them, of 255."""


@dataclasses.dataclass(frozen=True)
class Line:
    """A line before it is tilted: its masks and where they go."""

    characters: tuple[str, ...]
    masks: tuple[Mask, ...]
    corners_yx: tuple[tuple[float, float], ...]
    tall: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Edges (y1, x1, y2, x2) of the whole line."""
        places = list(zip(self.corners_yx, self.masks, strict=True))
        return (
            min(y for y, _ in self.corners_yx),
            min(x for _, x in self.corners_yx),
            max(y + m.shape[0] for (y, _), m in places),
            max(x + m.shape[1] for (_, x), m in places),
        )


def random_warp(
    rng: np.random.Generator, size_yx: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Homography of the flat layout (x, y, 1) into the picture: tilt, slant, depth."""
    height, width = size_yx
    if rng.random() < 0.25:
        return np.eye(3)
    tilt = np.deg2rad(np.clip(rng.normal(0, 5), -12, 12))
    cos, sin = np.cos(tilt), np.sin(tilt)
    rotate = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])
    slant = np.array([[1, rng.normal(0, 0.08), 0], [0, 1, 0], [0, 0, 1.0]])
    depth = np.eye(3)
    depth[2, :2] = rng.normal(0, 0.12, 2) / (width, height)
    centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1.0]])
    back = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1.0]])
    return np.asarray(back @ depth @ rotate @ slant @ centre)


def paint_line(
    rng: np.random.Generator,
    canvas: npt.NDArray[np.float32],
    line: Line,
    warp: npt.NDArray[np.float64],
) -> list[tuple[float, ...]] | None:
    """Paint a line into the canvas; its ink boxes, or None if it does not fit."""
    placed = [
        _warped(mask, corner, warp)
        for mask, corner in zip(line.masks, line.corners_yx, strict=True)
    ]
    boxes: list[tuple[float, ...]] = []
    for (y, x), mask in placed:
        bounds = ink_box(mask)
        if bounds is None:
            return None
        box = (y + bounds[0], x + bounds[1], y + bounds[2], x + bounds[3])
        if (
            box[0] < 1
            or box[1] < 1
            or box[2] > canvas.shape[0] - 1
            or (box[3] > canvas.shape[1] - 1)
        ):
            return None
        boxes.append(box)
    if rng.random() < 0.4:
        _panel(rng, canvas, line, warp)
    y1, x1 = (int(min(b[i] for b in boxes)) for i in (0, 1))
    y2, x2 = (int(max(b[i] for b in boxes)) for i in (2, 3))
    behind = canvas[y1:y2, x1:x2].reshape(-1, 3).mean(0)
    colour = _contrasting(rng, behind)
    if canvas[y1:y2, x1:x2].std() > 45:  # a busy photo: calm it, as a sign would
        region = canvas[max(0, y1 - 4) : y2 + 4, max(0, x1 - 4) : x2 + 4]
        region += (behind - region) * 0.75
    opacity = rng.uniform(0.85, 1.0)
    shadow = rng.random() < 0.15
    for (y, x), mask in placed:
        if shadow:
            drop = max(1, round(line.tall * 0.04))
            _blend(canvas, mask, (y + drop, x + drop), behind * 0.55, 0.6)
        _blend(canvas, mask, (y, x), colour, opacity)
    return boxes


def _warped(
    mask: Mask, corner_yx: tuple[float, float], warp: npt.NDArray[np.float64]
) -> tuple[tuple[int, int], Mask]:
    """A mask through the homography: its place (y, x) in the picture, its pixels."""
    y, x = corner_yx
    height, width = mask.shape
    edges = np.array(
        [[x, y, 1], [x + width, y, 1], [x, y + height, 1], [x + width, y + height, 1]]
    )
    ends = edges @ warp.T
    ends = ends[:, :2] / ends[:, 2:]
    left, top = np.floor(ends.min(0)).astype(int) - 1
    right, bottom = np.ceil(ends.max(0)).astype(int) + 1
    into = np.array([[1, 0, left], [0, 1, top], [0, 0, 1.0]])
    out = np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1.0]])
    inverse = out @ np.linalg.inv(warp) @ into
    inverse /= inverse[2, 2]
    pixels = Image.fromarray(mask).transform(
        (int(right - left), int(bottom - top)),
        Image.Transform.PERSPECTIVE,
        tuple(inverse.ravel()[:8]),
        Image.Resampling.BILINEAR,
    )
    return (int(top), int(left)), np.asarray(pixels)


def _panel(
    rng: np.random.Generator,
    canvas: npt.NDArray[np.float32],
    line: Line,
    warp: npt.NDArray[np.float64],
) -> None:
    """A plate behind the line, sometimes with a frame."""
    y1, x1, y2, x2 = line.bounds
    my, mx = line.tall * rng.uniform(0.1, 0.36, 2)
    corners = (
        np.array(
            [
                [x1 - mx, y1 - my, 1],
                [x2 + mx, y1 - my, 1],
                [x2 + mx, y2 + my, 1],
                [x1 - mx, y2 + my, 1],
            ]
        )
        @ warp.T
    )
    polygon = [tuple(p) for p in (corners[:, :2] / corners[:, 2:])]
    mask = Image.new("L", canvas.shape[1::-1])
    ImageDraw.Draw(mask).polygon(polygon, fill=255)
    grey = rng.choice([rng.uniform(0, 70), rng.uniform(180, 255), rng.uniform(0, 255)])
    colour = np.clip(grey + rng.normal(0, 25, 3), 0, 255)
    _blend(canvas, np.asarray(mask), (0, 0), colour, rng.uniform(0.8, 1.0))
    if rng.random() < 0.5:
        edge = Image.new("L", canvas.shape[1::-1])
        thick = max(1, round(line.tall * rng.uniform(0.02, 0.07)))
        ImageDraw.Draw(edge).line([*polygon, polygon[0]], fill=255, width=thick)
        _blend(canvas, np.asarray(edge), (0, 0), _contrasting(rng, colour), 0.9)


def _contrasting(
    rng: np.random.Generator, behind: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """A colour whose luminance differs enough from what is behind it."""
    weights = np.array([0.2989, 0.5870, 0.1140])
    for _ in range(40):
        grey = rng.choice(
            [rng.uniform(0, 60), rng.uniform(195, 255), rng.uniform(0, 255)]
        )
        colour = np.clip(grey + rng.normal(0, rng.choice([5.0, 45.0]), 3), 0, 255)
        if abs(float((colour - behind) @ weights)) > _MIN_CONTRAST:
            return np.asarray(colour)
    return np.zeros(3) if behind.mean() > 127 else np.full(3, 255.0)


def _blend(
    canvas: npt.NDArray[np.float32],
    mask: Mask,
    corner_yx: tuple[int, int],
    colour: npt.NDArray[np.floating],
    opacity: float,
) -> None:
    """Paint a mask in a colour; what lies outside the canvas is cut off."""
    y, x = corner_yx
    y1, x1 = max(0, y), max(0, x)
    y2 = min(canvas.shape[0], y + mask.shape[0])
    x2 = min(canvas.shape[1], x + mask.shape[1])
    if y1 >= y2 or x1 >= x2:
        return
    alpha = mask[y1 - y : y2 - y, x1 - x : x2 - x, None] * np.float32(opacity / 255)
    area = canvas[y1:y2, x1:x2]
    area += (colour.astype(np.float32) - area) * alpha
