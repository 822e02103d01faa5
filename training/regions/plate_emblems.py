"""Pictures in a plate's row that are not read: silhouettes, stickers, pictograms.

A reader that has not seen them takes one for a character, or for two.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from fused_ocr.alphabet import ALPHANUMERIC

from ..glyphs import Mask
from .chance import Colour, near, patches, pick
from .cutout import Cutout, Rectangle
from .lettering import squeezed, word

__all__ = ["draw_emblem"]

_TONES = ((190, 40, 40), (230, 140, 40), (60, 120, 70), (40, 70, 150), (70, 70, 75))
_PAPERS = ((200, 60, 50), (240, 200, 50), (60, 120, 190), (232, 232, 228),
           (70, 160, 90), (225, 130, 40), (240, 240, 236))  # fmt: skip


def draw_emblem(
    rng: np.random.Generator, cutout: Cutout, room: Rectangle, ink: Colour, font: str
) -> None:
    """A heart, a state's outline, an animal, a sticker, a wheelchair or the like.

    Args:
        rng: decides everything.
        cutout: is painted on.
        room: where the row leaves room for it; its height is the characters'.
        ink: of the characters; an emblem has it, too, or another colour.
        font: path, of what is written on stickers.
    """
    y1, x1, y2, x2 = room
    wide = (x2 - x1) * rng.uniform(0.75, 1.12)
    high = (y2 - y1) * rng.uniform(0.45, 1.15)
    if rng.random() < 0.6:  # about as high as wide
        wide = high = min(wide, high) * rng.uniform(0.95, 1.1)
    y, x = (y1 + y2) / 2 + rng.normal(0, 0.06) * (y2 - y1), (x1 + x2) / 2
    box = (y - high / 2, x - wide / 2, y + high / 2, x + wide / 2)
    colour = ink if rng.random() < 0.45 else near(rng, pick(rng, _TONES), 25)
    kind = rng.random()
    if kind < 0.25:
        _paint(cutout, _outline(rng, box), colour, box)
    elif kind < 0.45:
        _silhouette(rng, cutout, box, colour)
    elif kind < 0.72:
        _sticker(rng, cutout, box, font)
    elif kind < 0.9:
        _pictogram(rng, cutout, box, colour)
    else:
        _stack(rng, cutout, box, colour, font)


def _outline(rng: np.random.Generator, box: Rectangle) -> Mask:
    """A star, a heart or a polygon, filled."""
    points = int(rng.integers(4, 12))
    angles = (np.arange(points) + rng.uniform(0, 0.8, points)) * 2 * np.pi / points
    radii = rng.uniform(0.6, 1.0, points)
    kind = rng.random()
    if kind < 0.3:  # a star
        angles = np.arange(10) * np.pi / 5 - np.pi / 2
        radii = np.tile([1.0, 0.42], 5)
    elif kind < 0.55:  # a heart
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        radii = 1 - 0.62 * np.exp(-(((angles - 1.5 * np.pi) / 0.55) ** 2))
    high, wide = _size(box)
    outline = [
        (wide / 2 * (1 + r * np.cos(a)), high / 2 * (1 + r * np.sin(a)))
        for a, r in zip(angles, radii, strict=True)
    ]
    image = Image.new("L", (wide, high))
    ImageDraw.Draw(image).polygon(outline, fill=255)
    return np.asarray(image)


def _silhouette(
    rng: np.random.Generator, cutout: Cutout, box: Rectangle, colour: Colour
) -> None:
    """A ragged shape, as of an animal or a land, in one colour or several."""
    size = _size(box)
    grid = np.mgrid[-1 : 1 : size[0] * 1j, -1 : 1 : size[1] * 1j]
    far = np.hypot(grid[0], grid[1])
    cells = int(rng.integers(2, 7))
    field = patches(rng, size, (cells, cells)) - 1.6 * far
    for level in (-1.1, *([-0.6] if rng.random() < 0.6 else [])):
        mask = np.clip((field - level) * 600 + 128, 0, 255).astype(np.uint8)
        _paint(cutout, mask, colour, box, opacity=rng.uniform(0.5, 1.0))
        colour = near(rng, pick(rng, (*_TONES, *_PAPERS)), 25)


def _sticker(
    rng: np.random.Generator, cutout: Cutout, box: Rectangle, font: str
) -> None:
    """A label with a year, a month, or lines of small print."""
    y1, x1, y2, x2 = box
    high, wide = y2 - y1, x2 - x1
    paper = near(rng, pick(rng, _PAPERS), 20)
    dark = paper.mean() > 120
    print_ = near(rng, (40, 35, 45) if dark else (230, 230, 225), 18)
    cutout.box(box, paper, radius=rng.choice([0.0, 0.12]) * high)
    if rng.random() < 0.35:
        cutout.frame(box, print_, thick=max(1.0, 0.05 * high))
    rows = int(rng.integers(1, 4))
    for i in range(rows):
        letters = int(rng.integers(2, 3 + 2 * rows))
        text = "".join(pick(rng, ALPHANUMERIC) for _ in range(letters))
        tall = max(2, round(high / rows * rng.uniform(0.4, 0.75)))
        mask = squeezed(
            word(font, text, tall), (tall, max(2, round(wide * rng.uniform(0.4, 0.85))))
        )
        y = y1 + high * (i + 0.5) / rows - tall / 2
        cutout.paint(mask, print_, corner_yx=(y, (x1 + x2 - mask.shape[1]) / 2))


def _pictogram(
    rng: np.random.Generator, cutout: Cutout, box: Rectangle, colour: Colour
) -> None:
    """A few strokes and discs, on a coloured square or not."""
    high, wide = _size(box)
    if rng.random() < 0.4:
        cutout.box(box, colour, radius=rng.choice([0.0, 0.15]) * high)
        colour = near(rng, (235, 235, 230), 10)
    image = Image.new("L", (wide, high))
    draw = ImageDraw.Draw(image)
    thick = max(1, round(high * rng.uniform(0.05, 0.13)))
    for _ in range(int(rng.integers(3, 9))):
        ys, xs = rng.uniform(0.05, 0.95, 2) * high, rng.uniform(0.05, 0.95, 2) * wide
        bounds = (min(xs), min(ys), max(xs), max(ys))
        kind = rng.random()
        if kind < 0.45:
            draw.line((xs[0], ys[0], xs[1], ys[1]), fill=255, width=thick)
        elif kind < 0.75:
            start = rng.uniform(0, 360)
            draw.arc(bounds, start, start + rng.uniform(90, 360), 255, thick)
        else:
            draw.ellipse(bounds, fill=255)
    _paint(cutout, np.asarray(image), colour, box)


def _stack(
    rng: np.random.Generator,
    cutout: Cutout,
    box: Rectangle,
    colour: Colour,
    font: str,
) -> None:
    """Small letters, one above the other."""
    y1, x1, y2, x2 = box
    rows = int(rng.integers(2, 4))
    for i in range(rows):
        tall = max(2, round((y2 - y1) / rows * rng.uniform(0.7, 0.9)))
        mask = word(font, pick(rng, ALPHANUMERIC[10:]), tall)
        mask = squeezed(mask, (tall, max(2, round(mask.shape[1] * tall / len(mask)))))
        y = y1 + (y2 - y1) * (i + 0.5) / rows - tall / 2
        cutout.paint(mask, colour, corner_yx=(y, (x1 + x2 - mask.shape[1]) / 2))


def _size(box: Rectangle) -> tuple[int, int]:
    return max(3, round(box[2] - box[0])), max(3, round(box[3] - box[1]))


def _paint(
    cutout: Cutout, mask: Mask, colour: Colour, box: Rectangle, opacity: float = 1.0
) -> None:
    cutout.paint(mask, colour, corner_yx=(box[0], box[1]), opacity=opacity)
