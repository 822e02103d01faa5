"""The kinds of random choices that several drawings make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["Colour", "log_uniform", "near", "patches", "pick"]

Colour = npt.NDArray[np.float64]
"""float64 (3,), red, green and blue, 0..255."""

_Item = TypeVar("_Item")


def pick(rng: np.random.Generator, items: Sequence[_Item]) -> _Item:
    """One of the items, each as likely."""
    return items[int(rng.integers(len(items)))]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A positive number; doubling it is as likely anywhere in the range."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def near(
    rng: np.random.Generator, colour: Sequence[float] | Colour, spread: float
) -> Colour:
    """A colour that differs from another by about `spread` in each channel."""
    return np.clip(np.asarray(colour) + rng.normal(0, spread, 3), 0, 255)


def patches(
    rng: np.random.Generator, size_yx: tuple[int, int], cells_yx: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Smooth noise: float32 (height, width), mostly within -1..1, mean about 0.

    Args:
        rng: decides everything.
        size_yx: height and width, pixels.
        cells_yx: how many ups and downs there may be along each.
    """
    coarse = rng.normal(0, 0.6, (cells_yx[0] + 1, cells_yx[1] + 1)).astype(np.float32)
    field = Image.fromarray(coarse).resize(size_yx[::-1], Image.Resampling.BICUBIC)
    return np.asarray(field)
