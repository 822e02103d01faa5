"""What cameras do to a picture: light, blur, low resolution, noise, JPEG."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from .backgrounds import Picture

__all__ = ["degrade"]


def degrade(
    rng: np.random.Generator, image: Picture, detail: float, *, haze: float = 0.0
) -> Picture:
    """Spoil a picture as a camera would, so that a person still reads it.

    Args:
        rng: decides everything.
        image: uint8 (H, W, 3).
        detail: the smallest character's height in pixels; blur and loss of resolution
            keep below a part of it.
        haze: how often a picture is flat and soft all over, as enlarged ones and those
            of poor lenses are, 0..1.

    Returns:
        uint8 (H, W, 3).
    """
    if rng.random() < 0.4:
        image = _uneven_light(rng, image)
    if rng.random() < 0.5:
        image = _tone(rng, image)
    contrast = 1.0
    if haze and rng.random() < haze:
        image, contrast = _hazy(rng, image, detail)
    picture = Image.fromarray(image)
    choice = rng.random()
    if choice < 0.35:
        radius = rng.uniform(0.3, max(0.4, min(3.0, detail / 16)))
        picture = picture.filter(ImageFilter.GaussianBlur(radius))
    elif choice < 0.5:
        picture = _motion(rng, picture, detail)
    elif choice < 0.7 and detail > 15:
        factor = rng.uniform(max(0.4, 11 / detail), 1.0)
        small = (
            max(8, int(picture.width * factor)),
            max(8, int(picture.height * factor)),
        )
        picture = picture.resize(small, Image.Resampling.BOX).resize(
            picture.size, Image.Resampling.BILINEAR
        )
    if rng.random() < 0.4:
        noise = rng.normal(0, rng.uniform(2, 14) * contrast, (*picture.size[::-1], 1))
        noisy = np.asarray(picture, np.float32) + noise
        picture = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    if rng.random() < 0.5:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=int(rng.integers(35, 96)))
        picture = Image.open(buffer)
    return np.array(picture.convert("RGB"))


def _uneven_light(rng: np.random.Generator, image: Picture) -> Picture:
    height, width = image.shape[:2]
    corners = rng.uniform(0.55, 1.3, (2, 2)).astype(np.float32)
    field = Image.fromarray(corners).resize((width, height), Image.Resampling.BILINEAR)
    lit: npt.NDArray[np.floating] = image * np.asarray(field)[..., None]
    return np.asarray(np.clip(lit, 0, 255), np.uint8)


def _tone(rng: np.random.Generator, image: Picture) -> Picture:
    levels = np.arange(256, dtype=np.float32)[:, None] / 255
    gamma = rng.uniform(0.6, 1.6)
    gain = rng.uniform(0.75, 1.2) * rng.uniform(0.88, 1.12, 3)
    table = np.clip(levels**gamma * gain * 255 + rng.uniform(-20, 20), 0, 255)
    return np.stack([table.astype(np.uint8)[:, c][image[..., c]] for c in range(3)], -1)


def _hazy(
    rng: np.random.Generator, image: Picture, detail: float
) -> tuple[Picture, float]:
    """A soft and flat picture, and its contrast in parts of the first one's."""
    radius = rng.uniform(0.03, 0.085) * detail
    soft = Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius))
    level, contrast = rng.uniform(50, 190), rng.uniform(0.35, 0.95)
    flat = level + (np.asarray(soft, np.float32) - level) * contrast
    return np.clip(flat, 0, 255).astype(np.uint8), contrast


def _motion(
    rng: np.random.Generator, picture: Image.Image, detail: float
) -> Image.Image:
    length = rng.uniform(1, max(1.5, min(6.0, detail / 9)))
    angle = rng.uniform(0, np.pi)
    steps = 5
    total = np.zeros((picture.height, picture.width, 3), np.float32)
    for offset in np.linspace(-length / 2, length / 2, steps):
        dx, dy = offset * np.cos(angle), offset * np.sin(angle)
        moved = picture.transform(
            picture.size,
            Image.Transform.AFFINE,
            (1, 0, dx, 0, 1, dy),
            Image.Resampling.BILINEAR,
        )
        total += np.asarray(moved, np.float32)
    # The border that moved in from outside is black: keep the picture there.
    result = (total / steps).astype(np.uint8)
    rim = int(np.ceil(length)) + 1
    whole = np.array(picture)
    whole[rim:-rim, rim:-rim] = result[rim:-rim, rim:-rim]
    return Image.fromarray(whole)
