"""What stands in a plate's row and is not read: seals and other writings."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from ..glyphs import Mask
from .chance import near, pick
from .cutout import Cutout, Rectangle

__all__ = ["draw_foreign", "draw_seals"]


def draw_seals(rng: np.random.Generator, cutout: Cutout, room: Rectangle) -> None:
    """One or two round seals, one above the other."""
    y1, x1, y2, x2 = room
    count = 1 if rng.random() < 0.4 else 2
    size = min(x2 - x1, (y2 - y1) / count) * 0.94
    for i in range(count):
        y = y1 + (y2 - y1) * (i + 0.5) / count
        x = (x1 + x2) / 2
        box = (y - size / 2, x - size / 2, y + size / 2, x + size / 2)
        colour = near(
            rng, pick(rng, ((190, 190, 185), (200, 120, 50), (60, 110, 170))), 18
        )
        cutout.box(box, colour, radius=size / 2)
        inner = (
            box[0] + size / 4,
            box[1] + size / 4,
            box[2] - size / 4,
            box[3] - size / 4,
        )
        cutout.box(inner, near(rng, (110, 90, 70), 40), radius=size / 4)


def draw_foreign(rng: np.random.Generator, ink: Mask, room: Rectangle) -> None:
    """Strokes that look like a character of another writing."""
    y1, x1, y2, x2 = room
    image = Image.fromarray(ink)
    draw = ImageDraw.Draw(image)
    thick = max(1, round((y2 - y1) * 0.075))
    for part in np.linspace(0.12, 0.92, int(rng.integers(3, 5))):
        y = y1 + part * (y2 - y1) - thick / 2
        inset = rng.uniform(0, 0.25) * (x2 - x1)
        draw.line((x1 + inset, y, x2 - inset, y), fill=255, width=thick)
    for part in rng.uniform(0.15, 0.85, int(rng.integers(1, 4))):
        x, start = x1 + part * (x2 - x1), rng.uniform(0, 0.5)
        end = (x + rng.normal(0, 0.14) * (x2 - x1), y2 - thick)
        draw.line((x, y1 + start * (y2 - y1), *end), fill=255, width=thick)
    ink[:] = np.asarray(image)
