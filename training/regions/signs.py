"""Signs that are no plate, number or bib: what a detector must leave alone."""

from __future__ import annotations

import numpy as np

from ..glyphs import FontGlyphs
from .chance import near, pick
from .cutout import Cutout
from .flat_region import FlatRegion, corners
from .lettering import choose_style, squeezed, word
from .weathering import weather

__all__ = ["draw_sign"]

_WORDS = (
    "TAXI", "OPEN", "SALE", "Bakery", "HOTEL", "Turbo", "PARKING", "EXIT", "CAFE",
    "4x4", "STOP", "Automatic", "POLICE", "Diesel", "Garage", "BUS", "MARKET",
    "Pharmacy", "hybrid", "NO ENTRY", "PRIVATE", "FOR RENT", "BEWARE OF THE DOG",
    "School", "24 h",
)  # fmt: skip
_COLOURS = (
    ((238, 238, 234), (28, 28, 32)), ((30, 34, 40), (230, 230, 226)),
    ((30, 70, 160), (240, 240, 240)), ((190, 30, 40), (244, 244, 240)),
    ((240, 200, 40), (26, 26, 28)), ((40, 120, 70), (240, 240, 236)),
)  # fmt: skip


def draw_sign(
    rng: np.random.Generator, fonts: FontGlyphs, *, width: float = 200
) -> FlatRegion:
    """Draw a board with a word, an empty board, or a word without a board.

    Args:
        rng: decides everything.
        fonts: with capitals; words have small letters, too.
        width: pixels.

    Returns:
        The sign. Its `text` is empty: it is nothing to be read.
    """
    wide = max(30, round(width))
    high = max(14, round(wide / rng.uniform(1.3, 6.0)))
    margin = 4
    cutout = Cutout((high + 2 * margin, wide + 2 * margin))
    box = (margin, margin, margin + high, margin + wide)
    ground, ink = pick(rng, _COLOURS)
    bare = rng.random() < 0.25
    if not bare:
        cutout.box(box, near(rng, ground, 12), radius=high * rng.choice([0, 0.08, 0.3]))
        if rng.random() < 0.4:
            cutout.frame(box, near(rng, ink, 10), thick=max(1, high * 0.04))
    if bare or rng.random() < 0.85:
        path = fonts.paths[
            fonts.style(rng) if rng.random() < 0.5 else choose_style(rng, fonts)
        ]
        mask = word(path, pick(rng, _WORDS), high * rng.uniform(0.35, 0.6))
        fits = min(1.0, 0.9 * wide / mask.shape[1], 0.9 * high / mask.shape[0])
        mask = squeezed(mask, tuple(max(2, int(v * fits)) for v in mask.shape[:2]))  # type: ignore[arg-type]
        place = (
            margin + (high - mask.shape[0]) / 2,
            margin + (wide - mask.shape[1]) / 2,
        )
        cutout.paint(mask, near(rng, ink, 12), corner_yx=place)
    weather(rng, cutout)
    return FlatRegion(cutout, corners(box), "", high * 0.5, rng.uniform(20, 80))
