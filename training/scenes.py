"""Synthetic photos with the exact box of every character.

Two kinds: `scattered_scene`, the article's (MNIST digits thrown on a black canvas), and
`line_scene`, lines of handwritten and printed characters on surfaces and photos, tilted,
in perspective, lit, blurred. A scene is decided by its random generator alone: the same
generator state gives the same pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from fused_ocr.alphabet import DIGITS
from fused_ocr.boxes import Boxes, iou_matrix

from .backgrounds import Picture, background, clutter
from .degradation import degrade
from .glyphs import GlyphSource, Mask, ink_box

__all__ = ["Scene", "line_scene", "scattered_scene"]

_MIN_CONTRAST = 68.0
"""Difference of luminance between characters and what is behind them, of 255."""


@dataclasses.dataclass(frozen=True)
class Scene:
    """A picture and all that is written on it.

    Attributes:
        image: uint8 (H, W, 3) RGB.
        boxes_yxyx: float32 (N, 4), bounds of the ink of each character, pixel edges.
        characters: the N characters.
        lines: indices of the characters of each line, both in reading order.
    """

    image: Picture
    boxes_yxyx: Boxes
    characters: tuple[str, ...]
    lines: tuple[tuple[int, ...], ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each line, in reading order."""
        return tuple("".join(self.characters[i] for i in line) for line in self.lines)


def scattered_scene(
    rng: np.random.Generator,
    source: GlyphSource,
    *,
    size_yx: tuple[int, int] = (256, 256),
    count: tuple[int, int] = (1, 10),
    height: tuple[float, float] = (0.08, 0.22),
) -> Scene:
    """The article's scene: a random amount of random digits scattered on black.

    Args:
        rng: decides everything.
        source: draws the digits: MNIST.
        size_yx: height and width, pixels.
        count: fewest and most digits; the boxes of no two touch.
        height: smallest and largest height of a digit, in parts of the shorter side.

    Returns:
        A scene whose every digit is a line of its own.
    """
    canvas = np.zeros(size_yx, np.uint8)
    boxes: list[tuple[int, int, int, int]] = []
    characters: list[str] = []
    wanted = rng.integers(count[0], count[1] + 1)
    for _ in range(wanted * 20):
        if len(boxes) == wanted:
            break
        character = DIGITS[rng.integers(10)]
        tall = round(rng.uniform(*height) * min(size_yx))
        mask = source.draw(rng, character, tall, source.style(rng))
        bounds = ink_box(mask)
        free = np.array(size_yx) - mask.shape
        if bounds is None or min(free) <= 0:
            continue
        y, x = (int(rng.integers(f)) for f in free)
        box = (y + bounds[0], x + bounds[1], y + bounds[2], x + bounds[3])
        near = np.array([box], np.float32) + np.array([-3, -3, 3, 3], np.float32)
        if boxes and iou_matrix(near, np.array(boxes, np.float32)).max() > 0:
            continue
        area = canvas[y : y + mask.shape[0], x : x + mask.shape[1]]
        np.maximum(area, mask, out=area)
        boxes.append(box)
        characters.append(character)
    return Scene(
        image=np.repeat(canvas[..., None], 3, -1),
        boxes_yxyx=np.array(boxes, np.float32).reshape(-1, 4),
        characters=tuple(characters),
        lines=tuple((i,) for i in range(len(boxes))),
    )


def line_scene(
    rng: np.random.Generator,
    sources: Sequence[GlyphSource],
    *,
    size_yx: tuple[int, int] = (384, 384),
    photos: Sequence[str] = (),
    height: tuple[float, float] = (0.045, 0.34),
    characters: str = DIGITS,
    distractors: str = "",
) -> Scene:
    """Lines of characters in a scene.

    Args:
        rng: decides everything.
        sources: of characters; each line takes one of them.
        size_yx: height and width, pixels.
        photos: paths of photos for backgrounds.
        height: smallest and largest height of a character, in parts of the longer side.
        characters: what is written.
        distractors: characters that may be written elsewhere and have no box.

    Returns:
        A scene with one to four lines, or in one of twelve none. Lines are apart by at
        least half their height, and 1.6 heights where they stand side by side.
    """
    image = background(rng, size_yx, photos)
    if rng.random() < 0.4:
        image = clutter(rng, image)
    tall = float(np.exp(rng.uniform(*np.log(height)))) * max(size_yx)
    flat = _layout(rng, sources, size_yx, tall, characters)
    warp = _warp(rng, size_yx)
    if distractors and rng.random() < 0.1:
        extra = _layout(rng, sources, size_yx, tall, distractors)[:1]
        flat = extra + [line for line in flat if not _meet(line, extra[:1])]
        negatives = len(extra)
    else:
        negatives = 0
    canvas = image.astype(np.float32)
    boxes: list[tuple[float, ...]] = []
    found: list[str] = []
    lines: list[tuple[int, ...]] = []
    for number, line in enumerate(flat):
        written = _write(rng, canvas, line, warp)
        if written is None or number < negatives:
            continue
        lines.append(tuple(range(len(boxes), len(boxes) + len(written))))
        boxes += written
        found += line.characters
    smallest = min((b[2] - b[0] for b in boxes), default=tall)
    return Scene(
        image=degrade(rng, np.clip(canvas, 0, 255).astype(np.uint8), smallest),
        boxes_yxyx=np.array(boxes, np.float32).reshape(-1, 4),
        characters=tuple(found),
        lines=tuple(lines),
    )


@dataclasses.dataclass(frozen=True)
class _Line:
    """A line before it is tilted: its masks and where they go."""

    characters: tuple[str, ...]
    masks: tuple[Mask, ...]
    corners_yx: tuple[tuple[float, float], ...]
    tall: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        places = list(zip(self.corners_yx, self.masks, strict=True))
        return (
            min(y for y, _ in self.corners_yx),
            min(x for _, x in self.corners_yx),
            max(y + m.shape[0] for (y, _), m in places),
            max(x + m.shape[1] for (_, x), m in places),
        )


def _layout(
    rng: np.random.Generator,
    sources: Sequence[GlyphSource],
    size_yx: tuple[int, int],
    tall: float,
    characters: str,
) -> list[_Line]:
    """Lines from top to bottom; a row may hold two of them side by side."""
    height, width = size_yx
    lines: list[_Line] = []
    wanted = 0 if rng.random() < 1 / 12 else int(rng.integers(1, 5))
    source = sources[rng.integers(len(sources))]
    y = rng.uniform(0.02, 0.45) * height
    while len(lines) < wanted:
        line_tall = tall * rng.uniform(0.8, 1.25)
        if y + line_tall * 1.2 > height:
            break
        if rng.random() < 0.3:
            source = sources[rng.integers(len(sources))]
        line = _line(rng, source, (y, rng.uniform(0.02, 0.4) * width), line_tall,
                     width, characters)
        if line is None:
            break
        lines.append(line)
        right = line.bounds[3]
        if rng.random() < 0.25 and len(lines) < wanted:
            x = right + line_tall * rng.uniform(1.6, 2.5)
            beside = _line(rng, source, (y, x), line_tall, width, characters)
            if beside is not None:
                lines.append(beside)
        y = max(one.bounds[2] for one in lines) + tall * rng.uniform(0.5, 1.6)
    return lines


def _line(
    rng: np.random.Generator,
    source: GlyphSource,
    start_yx: tuple[float, float],
    tall: float,
    width: int,
    characters: str,
) -> _Line | None:
    y0, x = start_yx
    style = source.style(rng)
    by_hand = rng.random() < 0.5
    gap = rng.uniform(0.06, 0.4) * tall
    found: list[str] = []
    masks: list[Mask] = []
    corners: list[tuple[float, float]] = []
    for _ in range(rng.integers(1, 9)):
        character = characters[rng.integers(len(characters))]
        ink = tall * (rng.uniform(0.8, 1.1) if by_hand else 1.0)
        mask = source.draw(rng, character, max(6, round(ink)), style)
        if x + mask.shape[1] > width * 0.98:
            break
        y = y0 + (tall - mask.shape[0]) * (rng.uniform(0.2, 1.1) if by_hand else 1.0)
        found.append(character)
        masks.append(mask)
        corners.append((y, x))
        x += mask.shape[1] + gap * (rng.uniform(0.5, 1.4) if by_hand else 1.0)
    if not found:
        return None
    return _Line(tuple(found), tuple(masks), tuple(corners), tall)


def _meet(line: _Line, others: list[_Line]) -> bool:
    y1, x1, y2, x2 = line.bounds
    margin = line.tall
    return any(
        y1 - margin < o[2] and o[0] < y2 + margin and x1 - margin < o[3] and o[1] < x2 + margin
        for o in (other.bounds for other in others)
    )


def _warp(rng: np.random.Generator, size_yx: tuple[int, int]) -> npt.NDArray[np.float64]:
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


def _write(
    rng: np.random.Generator,
    canvas: npt.NDArray[np.float32],
    line: _Line,
    warp: npt.NDArray[np.float64],
) -> list[tuple[float, ...]] | None:
    """Paint a line into the canvas; its ink boxes, or None if it does not fit."""
    placed = [
        _warped(mask, corner, warp)
        for mask, corner in zip(line.masks, line.corners_yx, strict=True)
    ]
    boxes = []
    for (y, x), mask in placed:
        bounds = ink_box(mask)
        if bounds is None:
            return None
        box = (y + bounds[0], x + bounds[1], y + bounds[2], x + bounds[3])
        if box[0] < 1 or box[1] < 1 or box[2] > canvas.shape[0] - 1 or (
            box[3] > canvas.shape[1] - 1
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
    """A mask through the homography: its place (y, x) in the picture, and its pixels."""
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
    line: _Line,
    warp: npt.NDArray[np.float64],
) -> None:
    """A plate behind the line, sometimes with a frame."""
    y1, x1, y2, x2 = line.bounds
    my, mx = line.tall * rng.uniform(0.1, 0.36, 2)
    corners = np.array(
        [[x1 - mx, y1 - my, 1], [x2 + mx, y1 - my, 1],
         [x2 + mx, y2 + my, 1], [x1 - mx, y2 + my, 1]]
    ) @ warp.T
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
        grey = rng.choice([rng.uniform(0, 60), rng.uniform(195, 255), rng.uniform(0, 255)])
        colour = np.clip(grey + rng.normal(0, rng.choice([5.0, 45.0]), 3), 0, 255)
        if abs(float((colour - behind) @ weights)) > _MIN_CONTRAST:
            return colour
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
