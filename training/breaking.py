"""Characters whose strokes do not meet: one character in two parts.

A hand often sets the bar of a 5 or the two strokes of a 4 apart. A detector that has
seen too few of them finds a part, and takes it for a character of its own.
"""

from __future__ import annotations

import numpy as np

from .glyphs import INK, Mask, ink_box

__all__ = ["broken"]

_GAP = (0.04, 0.14)
"""Width of a gap, in parts of the character's height; at least two pixels."""

_TRIES = 8
"""Gaps that are tried on a character."""

_SMALLER_PART = 0.1
"""Of the ink, at least so much is on either side of the gap."""


def broken(rng: np.random.Generator, mask: Mask) -> Mask:
    """A character with a straight gap across it, as wide as a pen that was lifted.

    Args:
        rng: decides everything.
        mask: uint8 (h, w), any size.

    Returns:
        A mask of the same size, with the same bounds of its ink; the character as it
        was where no gap that was tried leaves enough ink on both sides and the bounds.
    """
    bounds = ink_box(mask)
    ys, xs = np.nonzero(mask >= INK)
    if bounds is None:
        return mask
    for _ in range(_TRIES):
        at = int(rng.integers(len(ys)))
        angle = rng.uniform(0, np.pi)
        half = max(2.0, rng.uniform(*_GAP) * len(mask)) / 2
        y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
        side = (y - ys[at]) * np.cos(angle) + (x - xs[at]) * np.sin(angle)
        # The gap's edges are as soft as a pixel.
        left = np.clip(np.abs(side) - half + 0.5, 0, 1)
        made: Mask = (mask * left).astype(np.uint8)
        ink = made >= INK
        parts = (int((ink & (side < 0)).sum()), int((ink & (side > 0)).sum()))
        if min(parts) >= _SMALLER_PART * len(ys) and ink_box(made) == bounds:
            return made
    return mask
