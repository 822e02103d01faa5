"""Whether a person could read what a camera left of a region's characters.

The drawn region and what became of it in the picture are laid over each other, straight
on and with characters of one height, and compared in small windows where there is ink.
Where blur, few pixels, grain, glare or night have left little of the strokes, the two
no longer agree, and nobody could say which characters stood there.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter

from ..backgrounds import Picture
from .cutout import Cutout
from .pose import Homography

__all__ = ["legibility"]

_TALL = 24
"""Height of the characters that are compared, pixels."""

_LOOKS = 2
"""Pixels looked at along each axis for one that is compared."""

_FINE, _COARSE = 0.04, 0.12
"""Deviations, in parts of a character's height, of the Gaussians between which strokes
are compared: about the three cycles a letter that people tell letters by (Solomon and
Pelli 1994). What is finer is grain, what is coarser a plate's edge or a shadow."""

_WINDOW = 0.35
"""Deviation of the window's weight, in parts of a character's height: about one
character is seen at a time."""

_WORST = 0.3
"""The part of the ink that may be worse than what is returned."""

_GREY = (0.299, 0.587, 0.114)

_ROUNDING = 1.0
"""Variance that is there anyway, squared grey levels: rounding, and eyes."""

_Grey = npt.NDArray[np.float32]


def legibility(
    image: Picture,
    cutout: Cutout,
    pose: Homography,
    quad_yx: npt.NDArray[np.float64],
    tall: float,
    behind: npt.NDArray[np.floating],
) -> float:
    """How much of a region's strokes is left, 1 for all.

    Args:
        image: uint8 (H, W, 3), the finished picture.
        cutout: the region as it was drawn, flat.
        pose: of the cutout in the picture.
        quad_yx: float64 (4, 2), the region's corners in the cutout.
        tall: height of its characters in the cutout, pixels.
        behind: (3,), the colour that it stands on where it is transparent.

    Returns:
        The normalised cross-correlation (Lewis 1995) of both in windows of about a
        character, -1..1: 70 % of the ink agree better.
    """
    scale = _TALL / tall
    low, high = quad_yx.min(0), quad_yx.max(0)
    size_yx = np.maximum(np.rint((high - low) * scale).astype(int), 2)
    # From the pixels that are compared to the cutout's.
    flat = np.array([[1 / scale, 0, low[1]], [0, 1 / scale, low[0]], [0, 0, 1.0]])
    ground = np.asarray(behind, np.float32) * (1 - cutout.cover[..., None])
    drawn = _strokes(np.clip(cutout.pixels + ground, 0, 255), flat, size_yx)
    left = _strokes(image, pose @ flat, size_yx)
    ink, shared, power = (
        _blurred(product, _WINDOW * _TALL)
        for product in (drawn * drawn, drawn * left, left * left)
    )
    agreement = (shared / np.sqrt(np.maximum(ink * (power + _ROUNDING), 1e-6))).ravel()
    order = np.argsort(agreement)
    passed = np.cumsum(ink.ravel()[order])
    worst = int(np.searchsorted(passed, _WORST * passed[-1]))
    return float(agreement[order[worst]])


def _strokes(
    picture: npt.NDArray[np.generic], through: Homography, size_yx: npt.NDArray[np.int_]
) -> _Grey:
    """The strokes of a picture through a homography of (x, y, 1), (h, w)."""
    grey = np.asarray(picture, np.float32) @ np.array(_GREY, np.float32)
    fine = through @ np.diag([1 / _LOOKS, 1 / _LOOKS, 1.0])
    height, width = (int(side) * _LOOKS for side in size_yx)
    looked = Image.fromarray(grey).transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        tuple((fine / fine[2, 2]).ravel()[:8]),
        Image.Resampling.BILINEAR,
    )
    seen = np.asarray(looked.reduce(_LOOKS), np.float32)
    return _blurred(seen, _FINE * _TALL) - _blurred(seen, _COARSE * _TALL)


def _blurred(grey: _Grey, deviation: float) -> _Grey:
    """Blurred by a Gaussian of that many pixels."""
    return np.asarray(gaussian_filter(grey, deviation, mode="nearest"))
