"""Drawing a house number flat: tiles, an enamel plate, or digits on the wall."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from PIL import Image

from fused_ocr.alphabet import DIGITS
from fused_ocr.errors import ConfigError

from ..glyphs import FontGlyphs, Mask, ink_box
from .chance import Colour, log_uniform, near, pick
from .cutout import Cutout, Rectangle, rounded
from .flat_region import FlatRegion
from .lettering import bolder, choose_style, squeezed, word
from .roman import choose_roman, swelled
from .weathering import emboss, weather

__all__ = ["draw_house_number", "house_number"]

_STREETS = ("Rue Pasteur", "HAUPTSTRASSE", "High Street", "PARK AVENUE", "VIA ROMA")
_PALETTES = (
    ((28, 62, 140), (236, 236, 236)), ((238, 238, 232), (24, 24, 28)),
    ((24, 24, 26), (234, 230, 220)), ((30, 80, 60), (238, 236, 226)),
    ((236, 230, 212), (30, 60, 130)), ((170, 40, 40), (240, 240, 236)),
    ((150, 120, 70), (30, 24, 20)), ((190, 192, 196), (30, 30, 34)),
)  # fmt: skip
"""Pairs of background and ink of tiles and enamel plates."""

_BARE = ((22, 22, 24), (60, 50, 46), (30, 50, 90), (90, 34, 30), (238, 238, 236),
         (206, 176, 104), (196, 198, 202), (236, 226, 196))  # fmt: skip
"""Digits fixed to a wall: iron and paint, or white, brass and steel."""

_CONTRAST = 75.0
"""How much lighter or darker than the wall these are at least; some always are."""

_ROMAN = 0.3
"""Part of the numbers in digits of thick stems and hairlines; of all fonts a sixth has
such."""


def house_number(rng: np.random.Generator, characters: str) -> str:
    """One to five digits without a leading 0; one in ten gets a letter, if allowed.

    Streets begin at 1 and end somewhere: of first digits 1 is the most frequent, by the
    law of Benford, "The Law of Anomalous Numbers" (1938).

    Args:
        rng: decides everything.
        characters: that may occur; the digits among them, and letters for a suffix.

    Raises:
        ConfigError: there is no digit among them.
    """
    digits = [c for c in DIGITS if c in characters]
    if not digits:
        raise ConfigError(
            f"Numbers need digits. Received: {characters!r}. Give --characters "
            f"{DIGITS}."
        )
    first = [c for c in digits if c != "0"] or digits
    length = int(rng.choice(5, p=[0.14, 0.32, 0.32, 0.17, 0.05]))
    odds = np.log1p([1 / max(int(c), 1) for c in first])
    text = str(rng.choice(first, p=odds / odds.sum()))
    text += "".join(pick(rng, digits) for _ in range(length))
    suffixes = [c for c in characters if c in "ABCDEFabcdef"]
    if suffixes and length < 4 and rng.random() < 0.1:
        text += pick(rng, suffixes)
    return text


def draw_house_number(
    rng: np.random.Generator,
    fonts: FontGlyphs,
    characters: str,
    *,
    tall: float = 90,
    wall: float | None = 128.0,
) -> FlatRegion:
    """Draw a house number, seen straight on.

    Args:
        rng: decides everything that is left open.
        fonts: with digits and capitals.
        characters: that the number may have.
        tall: height of the digits, pixels.
        wall: how light the wall behind is, 0..255; bare digits differ from it. None if
            that is not known; then there is always a tile or plate behind.

    Returns:
        The number. Its corners enclose the digits with a margin of a tenth of their
        height; if the digits climb, so do the upper and lower edge.

    Raises:
        ConfigError: there is no digit among the characters.
    """
    text = house_number(rng, characters)
    digits, overlap = _digits(rng, fonts, text, max(12, round(tall)))
    places, slope = _places(rng, digits, tall, overlap)
    margin = int(tall * 0.75) + 4
    bottom = max(y + m.shape[0] for (y, _), m in zip(places, digits, strict=True))
    right = max(x + m.shape[1] for (_, x), m in zip(places, digits, strict=True))
    size = (int(np.ceil(bottom)) + 2 * margin, int(np.ceil(right)) + 2 * margin)
    cutout = Cutout(size)
    ink = np.zeros(size, np.uint8)
    boxes: list[Rectangle] = []
    for (y0, x0), mask in zip(places, digits, strict=True):
        y, x = round(y0) + margin, round(x0) + margin
        area = ink[y : y + mask.shape[0], x : x + mask.shape[1]]
        np.maximum(area, mask, out=area)
        y1, x1, y2, x2 = ink_box(mask) or (0, 0, *mask.shape)
        boxes.append((y + y1, x + x1, y + y2, x + x2))
    kind = rng.random()
    if kind < 0.45 and wall is not None:
        _fixed(rng, cutout, ink, tall, wall)
    elif kind < 0.7 or slope or len({round(y) for y, _ in places}) > 1:
        _tiles(rng, cutout, ink, boxes, tall)
    else:
        street = word(fonts.paths[choose_style(rng, fonts)], pick(rng, _STREETS), 12)
        _enamel(rng, cutout, ink, boxes, tall, street)
    if rng.random() < 0.3:
        emboss(cutout, ink, rng.uniform(0.2, 0.7))
    weather(rng, cutout)
    quad = _quad(np.array(boxes), slope, tall * 0.1)
    wide_cm = float(np.ptp(quad[:, 1])) / tall * rng.uniform(8, 18)
    return FlatRegion(cutout, quad, text, tall, wide_cm)


def _digits(
    rng: np.random.Generator, fonts: FontGlyphs, text: str, tall: int
) -> tuple[list[Mask], float]:
    """The digits, and how far slanted ones reach over their neighbours, pixels."""
    if roman := rng.random() < _ROMAN:
        style = choose_roman(rng, fonts)
    else:
        style = choose_style(rng, fonts) if rng.random() < 0.5 else fonts.style(rng)
    wide = 1.0
    if (chance := rng.random()) < 0.5:
        wide = rng.uniform(0.5, 1.0)
    elif chance < 0.7:  # as slab serifs of enamel plates are
        wide = rng.uniform(1.0, 1.5)
    slant = rng.uniform(-0.1, 0.45) if rng.random() < 0.15 else 0.0
    stems = rng.uniform(0, 0.08) if roman else 0.0
    masks = [bolder(fonts.draw(rng, c, tall, style)) for c in text]
    masks = [squeezed(m, (len(m), max(2, round(m.shape[1] * wide)))) for m in masks]
    masks = [swelled(mask, stems) for mask in masks]
    if slant:
        masks = [_slanted(mask, slant) for mask in masks]
    return masks, abs(slant) * tall


def _slanted(mask: Mask, slant: float) -> Mask:
    """A mask whose top is moved to the right by so much of its height."""
    tall, wide = mask.shape
    reach = round(abs(slant) * tall)
    image = Image.fromarray(mask).transform(
        (wide + reach, tall),
        Image.Transform.AFFINE,
        (1, slant, -max(slant, 0) * tall, 0, 1, 0),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(image)


def _places(
    rng: np.random.Generator, masks: list[Mask], tall: float, overlap: float
) -> tuple[list[tuple[float, float]], float]:
    """Top left (y, x) of each digit, 0 or more, and how steeply the row falls."""
    if len(masks) > 1 and rng.random() < 0.07:  # one below the other
        step, wide = tall * rng.uniform(1.12, 1.35), max(m.shape[1] for m in masks)
        return [(i * step, (wide - m.shape[1]) / 2) for i, m in enumerate(masks)], 0.0
    slope = 0.0
    if len(masks) > 1 and rng.random() < 0.18:
        slope = float(rng.uniform(-0.5, 0.5))
    space, x, found = tall * log_uniform(rng, 0.03, 0.4), 0.0, []
    shaky = rng.random() < 0.15
    for mask in masks:
        y = slope * (x + mask.shape[1] / 2) + (
            rng.normal(0, 0.02) * tall if shaky else 0
        )
        found.append((y, x))
        x += mask.shape[1] + space - overlap
    top = min(y for y, _ in found)
    return [(y - top, x) for y, x in found], slope


def _fixed(
    rng: np.random.Generator, cutout: Cutout, ink: Mask, tall: float, wall: float
) -> None:
    """Digits of metal or paint, on the wall itself."""
    differing = [c for c in _BARE if abs(sum(c) / 3 - wall) > _CONTRAST]
    colour = near(rng, pick(rng, differing), 8)
    if rng.random() < 0.75:
        drop = tall * rng.uniform(0.015, 0.07)
        cutout.shadow(ink, (drop, drop * rng.uniform(-1, 1)), tall * 0.02)
    cutout.paint(ink, colour, opacity=rng.uniform(0.88, 1.0))


def _tiles(
    rng: np.random.Generator,
    cutout: Cutout,
    ink: Mask,
    boxes: list[Rectangle],
    tall: float,
) -> None:
    """One tile for each digit."""
    ground, paint = pick(rng, _PALETTES)
    pad_y, pad_x = tall * rng.uniform(0.14, 0.4), tall * rng.uniform(0.06, 0.22)
    wide = max(x2 - x1 for _, x1, _, x2 in boxes) if rng.random() < 0.7 else 0.0
    # A tile is as wide as its neighbours leave room for.
    middles = [(x1 + x2) / 2 for _, x1, _, x2 in boxes]
    steps = [abs(b - a) for a, b in itertools.pairwise(middles)]
    for y1, x1, y2, x2 in boxes:
        half = max(wide, x2 - x1) / 2 + pad_x
        if steps and min(steps) > tall * 0.3:
            half = max((x2 - x1) / 2 + 1, min(half, min(steps) / 2 * 0.97))
        middle = (x1 + x2) / 2
        box = (y1 - pad_y, middle - half, y2 + pad_y, middle + half)
        _board(rng, cutout, box, near(rng, ground, 5), tall)
    cutout.paint(ink, near(rng, paint, 8))


def _enamel(
    rng: np.random.Generator,
    cutout: Cutout,
    ink: Mask,
    boxes: list[Rectangle],
    tall: float,
    street: Mask,
) -> None:
    """One plate for the whole number, sometimes with a rim and the street's name."""
    ground, paint = pick(rng, _PALETTES)
    edges = np.array(boxes)
    pad_y, pad_x = tall * rng.uniform(0.15, 0.5), tall * rng.uniform(0.15, 0.6)
    pad = np.array([pad_y, pad_x])
    y1, x1 = edges[:, :2].min(0) - pad
    y2, x2 = edges[:, 2:].max(0) + pad
    colour = near(rng, paint, 8)
    _board(rng, cutout, (y1, x1, y2, x2), near(rng, ground, 8), tall)
    if rng.random() < 0.5:
        inset = 0.04 * tall
        rim = (y1 + inset, x1 + inset, y2 - inset, x2 - inset)
        cutout.frame(rim, colour, thick=max(1, 0.035 * tall), radius=0.06 * tall)
    cutout.paint(ink, colour)
    if pad_y > 0.3 * tall and rng.random() < 0.5 and street.shape[1] < x2 - x1 - 4:
        place = (
            y2 - pad_y * 0.5 - street.shape[0] / 2,
            (x1 + x2 - street.shape[1]) / 2,
        )
        cutout.paint(street, colour, corner_yx=place)


def _board(
    rng: np.random.Generator,
    cutout: Cutout,
    box: Rectangle,
    colour: Colour,
    tall: float,
) -> None:
    radius = tall * rng.choice([0.0, 0.06, 0.15])
    cutout.shadow(rounded(cutout.size_yx, box, radius), (tall * 0.03,) * 2, tall * 0.04)
    cutout.box(box, colour, radius=radius)


def _quad(
    boxes: npt.NDArray[np.float64], slope: float, margin: float
) -> npt.NDArray[np.float64]:
    """The corners around boxes (n, 4) whose row falls by `slope`, with a margin."""
    left, right = boxes[:, 1].min() - margin, boxes[:, 3].max() + margin
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    top = (boxes[:, 0] - slope * middle).min() - margin
    bottom = (boxes[:, 2] - slope * middle).max() + margin
    return np.array(
        [
            [top + slope * left, left],
            [top + slope * right, right],
            [bottom + slope * right, right],
            [bottom + slope * left, left],
        ]
    )
