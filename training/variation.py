"""Characters as no font has them: thicker or thinner, wider or narrower, bent a little.

A few hundred fonts are few hands; a detector or recogniser that saw them a thousand
times each knows them rather than characters.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from .glyphs import Mask, ink_box

__all__ = ["varied"]

_LEAST_INK = 0.6
"""A thinner character keeps at least this part of its ink."""

_CELLS = 3
"""A character is bent on a lattice of so many cells along each side."""


def varied(rng: np.random.Generator, mask: Mask) -> Mask:
    """A character in another hand, that a person still reads as the same.

    Args:
        rng: decides everything.
        mask: uint8 (h, w), any size.

    Returns:
        A mask of the ink with a rim of a pixel, about as high.
    """
    rim = max(3, round(len(mask) / 6))
    image = Image.fromarray(np.pad(mask, rim))
    if rng.random() < 0.7:
        image = _stroked(rng, image)
    if rng.random() < 0.7:
        wide = round(image.width * float(np.exp(rng.uniform(-0.3, 0.3))))
        image = image.resize((max(4, wide), image.height), Image.Resampling.BILINEAR)
    if rng.random() < 0.7:
        image = _bent(rng, image, 0.035 * len(mask))
    made = np.asarray(image)
    bounds = ink_box(made)
    if bounds is None:
        return mask
    y1, x1, y2, x2 = bounds
    return np.ascontiguousarray(made[max(0, y1 - 1) : y2 + 1, max(0, x1 - 1) : x2 + 1])


def _stroked(rng: np.random.Generator, image: Image.Image) -> Image.Image:
    """Strokes thicker or thinner, by up to a fifteenth of the height."""
    most = image.height // 30
    if most < 1:
        return image
    size = 2 * int(rng.integers(1, most + 1)) + 1
    if rng.random() < 0.5:
        return image.filter(ImageFilter.MaxFilter(size))
    thin = image.filter(ImageFilter.MinFilter(size))
    ink, left = (int(np.asarray(one, np.int64).sum()) for one in (image, thin))
    return thin if left >= _LEAST_INK * ink else image


def _bent(rng: np.random.Generator, image: Image.Image, spread: float) -> Image.Image:
    """The lattice's inner corners pulled aside, by `spread` pixels on average."""
    xs = np.linspace(0, image.width, _CELLS + 1).round()
    ys = np.linspace(0, image.height, _CELLS + 1).round()
    x, y = np.meshgrid(xs, ys)
    pull = rng.normal(0, spread, (2, _CELLS + 1, _CELLS + 1))
    pull[:, [0, -1]] = pull[:, :, [0, -1]] = 0
    x, y = x + pull[0], y + pull[1]
    mesh = []
    for i in range(_CELLS):
        for j in range(_CELLS):
            box = (int(xs[j]), int(ys[i]), int(xs[j + 1]), int(ys[i + 1]))
            # Pillow's order: upper left, lower left, lower right, upper right.
            corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
            quad = tuple(float(v[c]) for c in corners for v in (x, y))
            mesh.append((box, quad))
    return image.transform(
        image.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR
    )
