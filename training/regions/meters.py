"""Drawing the counter of a water, gas or power meter flat: drums behind windows."""

from __future__ import annotations

import numpy as np

from fused_ocr.alphabet import DIGITS
from fused_ocr.errors import ConfigError

from ..glyphs import FontGlyphs, Mask
from .chance import near, pick
from .cutout import Cutout, Rectangle, rounded
from .flat_region import FlatRegion, corners
from .lettering import bolder, choose_style, word
from .weathering import weather

__all__ = ["draw_meter"]

_FACES = ((232, 232, 228), (206, 208, 208), (245, 244, 238), (60, 62, 66), (30, 32, 36))
_DRUMS = ((22, 22, 24), (40, 40, 44), (240, 240, 236), (16, 16, 16))
_RED = (178, 34, 36)
_UNITS = ("m³", "kWh", "m3", "KWH", "Qn 2.5", "220 V", "No. 1", "CLASS B")


def draw_meter(
    rng: np.random.Generator,
    fonts: FontGlyphs,
    characters: str,
    *,
    tall: float = 60,
) -> FlatRegion:
    """Draw a counter, seen straight on.

    Args:
        rng: decides everything that is left open.
        fonts: with digits.
        characters: that may be read; the digits among them.
        tall: height of the digits, pixels.

    Returns:
        The counter: four to six digits, leading zeros among them. Its corners enclose
        the windows.

    Raises:
        ConfigError: there is no digit among the characters.
    """
    digits = [c for c in DIGITS if c in characters]
    if not digits:
        raise ConfigError(
            f"Meters need digits. Received: {characters!r}. Give --characters {DIGITS}."
        )
    text = "".join(pick(rng, digits) for _ in range(int(rng.integers(4, 7))))
    zeros = int(rng.integers(0, 4)) if "0" in digits and rng.random() < 0.6 else 0
    text = "0" * min(zeros, len(text) - 1) + text[min(zeros, len(text) - 1) :]
    style = choose_style(rng, fonts)
    masks = [bolder(fonts.draw(rng, c, max(10, round(tall)), style)) for c in text]
    wide = max(mask.shape[1] for mask in masks) * rng.uniform(1.15, 1.6)
    pad, gap = tall * rng.uniform(0.12, 0.35), tall * rng.uniform(0.0, 0.35)
    high, margin = tall + 2 * pad, tall * rng.uniform(0.35, 0.9)
    span = len(text) * wide + (len(text) - 1) * gap
    cutout = Cutout((round(high + 2 * margin), round(span + 2 * margin)))
    whole = (margin, margin, margin + high, margin + span)
    _face(rng, cutout, fonts.paths[choose_style(rng, fonts)], whole)
    red = int(rng.integers(0, 3)) if rng.random() < 0.5 else 0
    drum, red_drum = pick(rng, _DRUMS), rng.random() < 0.5
    for i, mask in enumerate(masks):
        x = margin + i * (wide + gap)
        window = (margin, x, margin + high, x + wide)
        of_red = i >= len(text) - red
        ground = _RED if of_red and red_drum else drum
        ink = _ink(ground, red=of_red and not red_drum)
        _window(rng, cutout, window, near(rng, ground, 6))
        turned = rng.normal(0, 0.04) * tall  # drums seldom stand quite still
        cutout.paint(
            mask,
            near(rng, ink, 8),
            corner_yx=(margin + pad + turned, x + (wide - mask.shape[1]) / 2),
            opacity=rng.uniform(0.85, 1.0),
        )
    weather(rng, cutout)
    return FlatRegion(cutout, corners(whole), text, tall, wide_cm=len(text) * 0.8)


def _face(
    rng: np.random.Generator, cutout: Cutout, font: str, whole: Rectangle
) -> None:
    """The face of the meter around the windows, with a word or two."""
    height, width = cutout.size_yx
    colour = near(rng, pick(rng, _FACES), 6)
    cutout.box((0, 0, height, width), colour, radius=rng.uniform(0, 0.2) * height)
    y1, x1, y2, x2 = whole
    ink = np.where(np.mean(colour) > 120, 40, 210)
    for top, free in ((y2, height - y2), (0.0, y1)):
        if rng.random() < 0.6:
            mask: Mask = word(font, pick(rng, _UNITS), free * rng.uniform(0.3, 0.55))
            y, x = top + (free - mask.shape[0]) / 2, x1 + rng.random() * (x2 - x1) / 2
            cutout.paint(mask, ink, corner_yx=(y, x))
    if rng.random() < 0.6:  # a common frame
        edge = (y2 - y1) * 0.06
        rim = (y1 - edge, x1 - edge, y2 + edge, x2 + edge)
        cutout.box(rim, near(rng, (24, 24, 24), 8))


def _window(
    rng: np.random.Generator, cutout: Cutout, box: Rectangle, colour: np.ndarray
) -> None:
    """A drum, darker above and below, where it turns away."""
    cutout.box(box, colour)
    y1, x1, y2, x2 = box
    shade = rng.uniform(0.1, 0.6)
    for part in (0.06, 0.14):
        for edges in (
            (y1, x1, y1 + part * (y2 - y1), x2),
            (y2 - part * (y2 - y1), x1, y2, x2),
        ):
            mask = rounded(cutout.size_yx, edges, 0)
            cutout.paint(mask, (0, 0, 0), opacity=shade / 2)


def _ink(ground: tuple[int, ...], *, red: bool) -> tuple[int, ...]:
    if red:
        return _RED
    return (238, 238, 234) if np.mean(ground) < 120 else (20, 20, 22)
