"""What time and light do to a flat plate or tile, before a camera sees it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ..glyphs import Mask
from .chance import near, patches
from .cutout import Cutout

__all__ = ["cast_shadow", "emboss", "weather", "worn"]


def weather(rng: np.random.Generator, cutout: Cutout, *, glossy: bool = True) -> None:
    """Dirt, scratches, a shadow's edge, uneven light and glare, each now and then.

    Args:
        rng: decides everything.
        cutout: is changed; its cover stays.
        glossy: whether light may be mirrored in it.
    """
    size = cutout.size_yx
    unevenness = patches(rng, size, (2, 3)) * np.float32(rng.uniform(0.01, 0.09))
    cutout.light(1 + unevenness)
    if rng.random() < 0.4:
        _dirt(rng, cutout)
    if rng.random() < 0.2:
        _scratches(rng, cutout)
    if rng.random() < 0.22:
        cast_shadow(rng, cutout)
    if glossy and rng.random() < 0.18:
        _glare(rng, cutout)


def worn(rng: np.random.Generator, mask: Mask, part: float) -> Mask:
    """Ink that came off in places: a mask with flakes missing.

    Args:
        rng: decides everything.
        mask: uint8 (h, w).
        part: about how much is lost, 0..0.3.
    """
    height, width = mask.shape
    cells = (max(2, height // 5), max(2, width // 5))
    lost = patches(rng, (height, width), cells) > np.quantile(
        rng.normal(0, 0.5, 200), 1 - part
    )
    return np.where(lost, mask // 3, mask).astype(np.uint8)


def emboss(cutout: Cutout, ink: Mask, strength: float) -> None:
    """Light the upper left rims of stamped characters and shade the lower right.

    Args:
        cutout: is changed.
        ink: uint8 (h, w), as large as the cutout.
        strength: 0..1, of a rim's change of light.
    """
    height = ink.astype(np.float32) / 255
    relief = np.zeros_like(height)
    relief[1:-1, 1:-1] = height[2:, 2:] - height[:-2, :-2]
    cutout.pixels += relief[..., None] * np.float32(90 * strength)
    np.clip(cutout.pixels, 0, 255 * cutout.cover[..., None], out=cutout.pixels)


def cast_shadow(rng: np.random.Generator, cutout: Cutout) -> None:
    """Darken one side of a straight, more or less sharp edge."""
    height, width = cutout.size_yx
    angle = rng.uniform(0, 2 * np.pi)
    y, x = _grid(cutout.size_yx)
    across = (x - rng.uniform(0.15, 0.85) * width) * np.cos(angle) + (
        y - rng.uniform(0.2, 0.8) * height
    ) * np.sin(angle)
    soft = rng.uniform(0.01, 0.12) * width
    dark = 1 / (1 + np.exp(np.clip(-across / soft, -30, 30)))
    depth = rng.uniform(0.25, 0.62)
    cutout.light((1 - depth * dark).astype(np.float32))


def _dirt(rng: np.random.Generator, cutout: Cutout) -> None:
    height, width = cutout.size_yx
    fine = patches(rng, (height, width), (max(3, height // 8), max(3, width // 8)))
    coarse = patches(rng, (height, width), (3, 5))
    low = np.linspace(-0.6, 0.5, height, dtype=np.float32)[:, None]
    amount = np.clip(fine * 0.6 + coarse + low * rng.uniform(0, 1.2), 0, 1)
    alpha = amount * rng.uniform(0.1, 0.55)
    cutout.stain(alpha.astype(np.float32), near(rng, (105, 88, 66), 14))


def _scratches(rng: np.random.Generator, cutout: Cutout) -> None:
    height, width = cutout.size_yx
    image = Image.new("L", (width, height))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(1, 8))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        dx, dy = rng.normal(0, width * 0.12), rng.normal(0, height * 0.12)
        draw.line((x, y, x + dx, y + dy), fill=int(rng.integers(60, 190)))
    tone = near(rng, (rng.uniform(60, 210),) * 3, 6)
    cutout.stain(np.asarray(image, np.float32) / np.float32(255), tone)


def _glare(rng: np.random.Generator, cutout: Cutout) -> None:
    height, width = cutout.size_yx
    y, x = _grid(cutout.size_yx)
    long, short = rng.uniform(0.15, 0.5) * width, rng.uniform(0.2, 0.7) * height
    far = ((x - rng.uniform(0, width)) / long) ** 2
    far = far + ((y - rng.uniform(0, height)) / short) ** 2
    light = np.exp(-far) * rng.uniform(0.2, 0.62)
    cutout.stain(light.astype(np.float32), (255, 255, 255))


def _grid(
    size_yx: tuple[int, int],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    y, x = np.ogrid[: size_yx[0], : size_yx[1]]
    return y.astype(np.float32), x.astype(np.float32)
