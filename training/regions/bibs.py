"""Drawing a runner's bib flat: a large number, sponsors, pins, and wrinkled cloth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from fused_ocr.alphabet import DIGITS

from ..glyphs import FontGlyphs, Mask, ink_box
from .chance import near, patches, pick
from .cutout import Cutout
from .flat_region import FlatRegion, corners
from .houses import house_number
from .lettering import choose_style, set_row, word
from .weathering import weather

__all__ = ["draw_bib"]

_SPONSORS = (
    "CITY MARATHON", "10K RUN", "SPRING RACE", "Half Marathon", "BANK", "ENERGY",
    "TRAIL", "Sports Water", "RUN FOR LIFE", "HOSPITAL", "TRIATHLON", "FINISHER",
)  # fmt: skip
_CLOTH = ((240, 240, 238),) * 5 + ((250, 225, 70), (120, 190, 235), (245, 150, 60),
                                   (150, 215, 130), (240, 150, 180))  # fmt: skip
_INKS = ((20, 20, 24),) * 4 + ((170, 20, 40), (20, 40, 130), (20, 90, 50))
_BANDS = ((200, 30, 50), (20, 70, 160), (30, 130, 80), (240, 130, 20), (60, 40, 110),
          (30, 30, 34))  # fmt: skip


def draw_bib(
    rng: np.random.Generator,
    fonts: FontGlyphs,
    characters: str,
    *,
    width: float = 260,
) -> FlatRegion:
    """Draw a bib, seen straight on.

    Args:
        rng: decides everything.
        fonts: with digits and capitals.
        characters: that the number may have; the digits among them are used.
        width: of the cloth, pixels.

    Returns:
        The bib. Its corners enclose the number alone, after the cloth is wrinkled, with
        a margin of a twentieth of its height; the words of sponsors lie outside.

    Raises:
        ConfigError: there is no digit among the characters.
    """
    digits = "".join(c for c in characters if c in DIGITS)
    text = house_number(rng, digits or characters)
    if len(text) == 5 and rng.random() < 0.2:
        text += pick(rng, digits)
    wide = max(60, round(width))
    high = round(wide / rng.uniform(1.1, 1.55))
    margin = round(wide * 0.06) + 4
    cutout = Cutout((high + 2 * margin, wide + 2 * margin))
    ink = np.zeros(cutout.size_yx, np.uint8)
    ground = near(rng, pick(rng, _CLOTH), 6)
    cutout.box(
        (margin, margin, margin + high, margin + wide), ground, radius=wide * 0.01
    )
    top, bottom = _bands(rng, cutout, fonts, margin, (high, wide))
    style = choose_style(rng, fonts)
    tall = (bottom - top) * rng.uniform(0.68, 0.92)
    row = set_row(
        rng, fonts, style, text, (tall, wide * 0.9), gap=rng.uniform(0.05, 0.18)
    )
    y = round((top + bottom - row.mask.shape[0]) / 2)
    x = margin + (wide - row.mask.shape[1]) // 2
    ink[y : y + row.mask.shape[0], x : x + row.mask.shape[1]] = row.mask
    cutout.paint(ink, near(rng, pick(rng, _INKS), 8), opacity=rng.uniform(0.9, 1.0))
    _pins(rng, cutout, margin, (high, wide))
    ink = _wrinkled(rng, cutout, ink)
    weather(rng, cutout, glossy=False)
    y1, x1, y2, x2 = ink_box(ink) or (
        y,
        x,
        y + row.mask.shape[0],
        x + row.mask.shape[1],
    )
    edge = 0.05 * tall
    quad = corners((y1 - edge, x1 - edge, y2 + edge, x2 + edge))
    wide_cm = float(np.ptp(quad[:, 1])) / wide * 24
    return FlatRegion(cutout, quad, text, tall, wide_cm)


def _bands(
    rng: np.random.Generator,
    cutout: Cutout,
    fonts: FontGlyphs,
    margin: int,
    size_yx: tuple[int, int],
) -> tuple[float, float]:
    """Sponsors above and below; the rows (y1, y2) that they leave."""
    high, wide = size_yx
    left, right = margin, margin + wide
    y1, y2 = float(margin), float(margin + high)
    small = fonts.paths[choose_style(rng, fonts)]
    for above in (True, False):
        deep = high * rng.uniform(0.1, 0.26)
        if rng.random() < 0.2:
            continue
        band = (y1, left, y1 + deep, right) if above else (y2 - deep, left, y2, right)
        colour: npt.ArrayLike = near(rng, pick(rng, _BANDS), 14)
        if rng.random() < 0.7:
            cutout.box(band, np.asarray(colour))
            colour = (245, 245, 245)
        x = left + wide * rng.uniform(0.03, 0.2)
        for text in rng.permutation(_SPONSORS)[: rng.integers(1, 4)]:
            mask = word(small, str(text), deep * rng.uniform(0.35, 0.6))
            if x + mask.shape[1] > right - 3:
                break
            place = ((band[0] + band[2] - mask.shape[0]) / 2, x)
            cutout.paint(mask, np.asarray(colour), corner_yx=place)
            x += mask.shape[1] + wide * rng.uniform(0.04, 0.12)
        if above:
            y1 += deep
        else:
            y2 -= deep
    return y1, y2


def _pins(
    rng: np.random.Generator, cutout: Cutout, margin: int, size_yx: tuple[int, int]
) -> None:
    """Holes and safety pins in the corners."""
    high, wide = size_yx
    inset, size = wide * rng.uniform(0.03, 0.06), max(1.5, wide * 0.012)
    for y in (margin + inset, margin + high - inset):
        for x in (margin + inset, margin + wide - inset):
            if rng.random() < 0.85:
                cutout.box((y - size, x - size, y + size, x + size), (60, 60, 66),
                           radius=size)  # fmt: skip
                cutout.box((y - size / 2, x, y + size / 2, x + size * 5),
                           (170, 170, 178))  # fmt: skip


def _wrinkled(rng: np.random.Generator, cutout: Cutout, ink: Mask) -> Mask:
    """Wrinkle and fold the cloth; the ink where it comes to lie then."""
    height, width = cutout.size_yx
    depth: npt.NDArray[np.floating] = patches(
        rng, (height, width), (3, 5)
    ) * np.float32(rng.uniform(0.2, 1.0))
    if rng.random() < 0.4:  # folded once, as it came in the envelope
        across = np.arange(width, dtype=np.float32) - width * rng.uniform(0.35, 0.65)
        depth = depth + np.exp(-np.abs(across) / (0.02 * width))[None] * 0.35
    amount = width * 0.02
    cells = 7
    ys = np.linspace(0, height, cells + 1).round().astype(int)
    xs = np.linspace(0, width, cells + 1).round().astype(int)
    rows, columns = np.minimum(ys, height - 1), np.minimum(xs, width - 1)
    at = np.ix_(rows, columns)
    moved = patches(rng, (height, width), (3, 4))
    from_y = ys[:, None] + depth[at] * amount
    from_x = xs[None] + moved[at] * amount * 0.8
    mesh = [
        (
            (int(xs[j]), int(ys[i]), int(xs[j + 1]), int(ys[i + 1])),
            tuple(
                float(v)
                for a, b in ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
                for v in (from_x[a, b], from_y[a, b])
            ),
        )
        for i in range(cells)
        for j in range(cells)
    ]

    def warped(image: Image.Image) -> npt.NDArray[np.uint8]:
        how = Image.Transform.MESH, mesh, Image.Resampling.BILINEAR
        return np.asarray(image.transform(image.size, *how))

    bands = warped(cutout.image()).astype(np.float32)
    cutout.pixels, cutout.cover = bands[..., :3], bands[..., 3] / np.float32(255)
    slope = np.gradient(depth, axis=1) + np.gradient(depth, axis=0) * 0.6
    shade = np.clip(slope * width * rng.uniform(0.02, 0.06), -0.35, 0.25)
    cutout.light((1 + shade).astype(np.float32))
    return warped(Image.fromarray(ink))
