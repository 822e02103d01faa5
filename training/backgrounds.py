"""What lies behind the characters: colours, gradients, textures, photos, clutter."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from fused_ocr.errors import ImageError

from .photo_images import image_of, leave_out

__all__ = ["Picture", "background", "clutter"]

Picture = npt.NDArray[np.uint8]
"""uint8 (H, W, 3) RGB."""


def background(
    rng: np.random.Generator, size_yx: tuple[int, int], photos: Sequence[str] = ()
) -> Picture:
    """A background: a photo in half of the cases if there are any, or a surface.

    Args:
        rng: decides everything.
        size_yx: height and width, pixels.
        photos: paths of photos without characters.

    Returns:
        uint8 (H, W, 3).
    """
    if photos and rng.random() < 0.55:
        return _photo(rng, size_yx, photos)
    return _surface(rng, size_yx)


def clutter(rng: np.random.Generator, image: Picture) -> Picture:
    """A few lines, frames and discs that are no characters."""
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 7)):
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        x1, x2 = np.sort(rng.uniform(-0.2, 1.2, 2)) * width
        y1, y2 = np.sort(rng.uniform(-0.2, 1.2, 2)) * height
        thick = int(rng.integers(1, 6))
        shape = rng.integers(4)
        if shape == 0:
            if rng.random() < 0.5:
                y1, y2 = y2, y1
            draw.line((x1, y1, x2, y2), fill=colour, width=thick)
        elif shape == 1:
            draw.rectangle((x1, y1, x2, y2), outline=colour, width=thick)
        elif shape == 2:
            draw.ellipse((x1, y1, x2, y2), outline=colour, width=thick)
        else:
            draw.rectangle((x1, y1, x2, y2), fill=colour)
    return np.array(canvas)


def _photo(
    rng: np.random.Generator, size_yx: tuple[int, int], photos: Sequence[str]
) -> Picture:
    photo = _readable(photos, int(rng.integers(len(photos))))
    height, width = size_yx
    # A window of the photo, a third of it or all, stretched by at most a quarter.
    side = rng.uniform(0.35, 1.0) * min(photo.width, photo.height)
    w = min(photo.width, side * rng.uniform(0.8, 1.25))
    h = min(photo.height, side * height / width)
    x, y = rng.uniform(0, photo.width - w), rng.uniform(0, photo.height - h)
    window = photo.resize(
        (width, height), Image.Resampling.BILINEAR, (x, y, x + w, y + h)
    )
    return np.array(window)


def _readable(photos: Sequence[str], first: int) -> Image.Image:
    """A photo; for one that cannot be read the next that can."""
    in_turn = (_load(path) for path in (*photos[first:], *photos[:first]))
    photo = next((one for one in in_turn if one is not None), None)
    if photo is None:
        raise ImageError(f"None of the {len(photos)} background photos can be read.")
    return photo


@functools.lru_cache(maxsize=64)
def _load(path: str) -> Image.Image | None:
    failed: list[ImageError] = []
    pixels = image_of(path, failed)
    leave_out(failed, kept=1)  # the others have their turn
    return None if pixels is None else Image.fromarray(pixels)


def _surface(rng: np.random.Generator, size_yx: tuple[int, int]) -> Picture:
    height, width = size_yx
    grey = rng.uniform(0, 255)
    colour = np.clip(grey + rng.normal(0, rng.choice([3.0, 40.0]), 3), 0, 255)
    image: npt.NDArray[np.floating] = np.tile(colour, (height, width, 1))
    if rng.random() < 0.6:  # smooth patches: paper, plaster, light
        cells = int(rng.integers(2, 9))
        coarse = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        field = Image.fromarray(coarse).resize(
            (width, height), Image.Resampling.BICUBIC
        )
        image = image + np.asarray(field)[..., None] * rng.uniform(4, 35)
    if rng.random() < 0.4:  # grain
        image = image + rng.normal(0, rng.uniform(2, 18), (height, width, 1))
    if rng.random() < 0.2:  # ruled or squared paper, boards, tiles
        pitch = int(rng.integers(max(4, height // 24), max(6, height // 5)))
        tone = rng.normal(0, 45, 3)
        image[int(rng.integers(pitch)) :: pitch] += tone
        if rng.random() < 0.5:
            image[:, int(rng.integers(pitch)) :: pitch] += tone
    return np.asarray(np.clip(image, 0, 255), np.uint8)
