"""Synthetic photos with the exact box of every character.

Two kinds: `scattered_scene`, the article's (MNIST digits thrown on a black canvas), and
`line_scene`, lines of handwritten and printed characters on surfaces and photos,
tilted, in perspective, lit, blurred. A scene is decided by its random generator alone:
the same generator state gives the same pixels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from fused_ocr.alphabet import DIGITS
from fused_ocr.boxes import Boxes, iou_matrix

from .backgrounds import Picture, background, clutter
from .degradation import degrade
from .glyphs import GlyphSource, Mask, ink_box
from .painting import Line, paint_line, random_warp

__all__ = ["Scene", "line_scene", "scattered_scene"]


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
        character = DIGITS[int(rng.integers(10))]
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
    warp = random_warp(rng, size_yx)
    negatives = 0
    if distractors and rng.random() < 0.15:
        able = [source for source in sources if source.has(distractors)]
        extra = _layout(rng, able, size_yx, tall, distractors)[:2]
        flat = extra + [line for line in flat if not _meet(line, extra)]
        negatives = len(extra)
    canvas = image.astype(np.float32)
    boxes: list[tuple[float, ...]] = []
    found: list[str] = []
    lines: list[tuple[int, ...]] = []
    for number, line in enumerate(flat):
        written = paint_line(rng, canvas, line, warp)
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


def _layout(
    rng: np.random.Generator,
    sources: Sequence[GlyphSource],
    size_yx: tuple[int, int],
    tall: float,
    characters: str,
) -> list[Line]:
    """Lines from top to bottom; a row may hold two of them side by side."""
    height, width = size_yx
    lines: list[Line] = []
    wanted = 0 if rng.random() < 1 / 12 else int(rng.integers(1, 5))
    source = sources[int(rng.integers(len(sources)))]
    y = rng.uniform(0.02, 0.45) * height
    while len(lines) < wanted:
        line_tall = tall * rng.uniform(0.8, 1.25)
        if y + line_tall * 1.2 > height:
            break
        if rng.random() < 0.3:
            source = sources[int(rng.integers(len(sources)))]
        line = _line(
            rng,
            source,
            (y, rng.uniform(0.02, 0.4) * width),
            line_tall,
            width,
            characters,
        )
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
) -> Line | None:
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
    return Line(tuple(found), tuple(masks), tuple(corners), tall)


def _meet(line: Line, others: list[Line]) -> bool:
    y1, x1, y2, x2 = line.bounds
    margin = line.tall
    return any(
        y1 - margin < o[2]
        and o[0] < y2 + margin
        and x1 - margin < o[3]
        and o[1] < x2 + margin
        for o in (other.bounds for other in others)
    )
