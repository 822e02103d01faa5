"""Digits as on enamel signs and old doors: thick stems, hairlines, and feet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..glyphs import FontGlyphs, Mask

__all__ = ["choose_roman", "is_roman", "swelled"]

_TALL = 96
"""Rows of the digits that a font is judged by."""

_CONTRAST = 1.5
"""A font's 0 is at the side so many times as thick as at the top, at least; that of
most sans serifs is at most 1.3 times."""

_FOOT = 1.7
"""A font's 1 is so many times as wide at the bottom as in the middle, at least."""

_TRIES = 40


def choose_roman(rng: np.random.Generator, fonts: FontGlyphs) -> int:
    """A roman font; the last of many that were drawn, if none of them is."""
    style = fonts.style(rng)
    for _ in range(_TRIES):
        if is_roman(fonts, style):
            break
        style = fonts.style(rng)
    return style


def is_roman(fonts: FontGlyphs, style: int) -> bool:
    """Whether a font's stems are thick, its hairlines thin, and its 1 has a foot."""
    # Fonts do not ask the generator.
    zero, one = (
        fonts.draw(np.random.default_rng(0), c, _TALL, style) > 127 for c in "01"
    )
    side, top = _stroke(zero[len(zero) // 2]), _stroke(zero[:, zero.shape[1] // 2])
    foot, stem = int(one[-4].sum()), int(one[len(one) // 2].sum())
    return side >= _CONTRAST * max(top, 1) and foot >= _FOOT * max(stem, 1)


def swelled(mask: Mask, part: float) -> Mask:
    """A mask whose stems are thicker by a part of its height, and hairlines as thin.

    Args:
        mask: of a character.
        part: 0 or more; so much wider is the mask, too.
    """
    more = round(part * len(mask))
    wide = mask.shape[1]
    grown = np.zeros((len(mask), wide + more), np.uint8)
    for moved in range(more + 1):
        area = grown[:, moved : moved + wide]
        np.maximum(area, mask, out=area)
    return grown


def _stroke(line: npt.NDArray[np.bool_]) -> int:
    """Pixels of the first stroke that a line crosses."""
    edges = np.flatnonzero(np.diff(line, prepend=False, append=False))
    return int(edges[1] - edges[0]) if len(edges) else 0
