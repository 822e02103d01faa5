"""What detectors of plates take for one: fences, grilles, wheels, lamps, lettering.

Seen in photos of cars: what a detector is surest of that is no plate are bars side by
side, wheels, lit lamps, the maker's letters on the boot, and boards of several lines.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from ..glyphs import FontGlyphs, Mask
from .chance import log_uniform, near, pick
from .cutout import Cutout
from .flat_region import FlatRegion, corners
from .lettering import choose_style, squeezed, word
from .weathering import weather

__all__ = ["draw_badge", "draw_lamp", "draw_lookalike"]

_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SMALL = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_METALS = ((206, 208, 212), (150, 153, 158), (84, 86, 90), (20, 20, 22))
_LIT = ((255, 70, 60), (235, 28, 30), (255, 150, 60), (255, 240, 220), (120, 10, 16))
_BARS = ((24, 24, 26), (60, 62, 60), (120, 122, 122), (228, 226, 220), (96, 74, 54))
_BOARDS = (
    ((238, 238, 234), (28, 28, 32)), ((240, 240, 240), (180, 30, 36)),
    ((30, 60, 140), (240, 240, 240)), ((236, 196, 40), (26, 26, 28)),
    ((30, 100, 60), (240, 240, 236)),
)  # fmt: skip
_SCALE = 3
"""Shapes are drawn this much larger and then reduced: soft edges."""


def draw_lookalike(
    rng: np.random.Generator, fonts: FontGlyphs, *, width: float = 160
) -> FlatRegion:
    """Draw something that stands anywhere in a street and is no plate.

    Args:
        rng: decides everything.
        fonts: with digits and capitals.
        width: pixels.

    Returns:
        It. Its `text` is empty: it is nothing to be read.
    """
    kinds: tuple[Callable[[np.random.Generator, float], FlatRegion], ...] = (
        _bars, _wheel,
        lambda rng, wide: draw_lamp(rng, width=wide),
        lambda rng, wide: draw_badge(rng, fonts, width=wide),
        lambda rng, wide: _notice(rng, fonts, wide),
    )  # fmt: skip
    return kinds[int(rng.choice(5, p=(0.3, 0.15, 0.15, 0.2, 0.2)))](rng, width)


def draw_badge(
    rng: np.random.Generator, fonts: FontGlyphs, *, width: float = 120
) -> FlatRegion:
    """Draw a name, or a name with a number, whose letters stand on the car itself.

    Args: as of `draw_lookalike`.
    """
    letters = _CAPITALS if rng.random() < 0.7 else _SMALL
    name = "".join(pick(rng, letters) for _ in range(int(rng.integers(2, 10))))
    if letters is _SMALL:
        name = name.capitalize()
    if rng.random() < 0.25:
        count = int(rng.integers(1, 4))
        name += " " + "".join(pick(rng, _DIGITS) for _ in range(count))
    if rng.random() < 0.5:  # set wide apart
        name = (" " * int(rng.integers(1, 3))).join(name)
    path = fonts.paths[
        fonts.style(rng) if rng.random() < 0.5 else choose_style(rng, fonts)
    ]
    mask = word(path, name, 40)
    wide = max(24, round(width))
    aspect = mask.shape[1] / mask.shape[0] * rng.uniform(0.7, 1.5)
    high = max(6, round(wide / max(aspect, 1.2)))
    mask = squeezed(mask, (high, wide))
    cutout = Cutout((high + 8, wide + 8))
    metal = near(rng, pick(rng, _METALS), 12)
    if rng.random() < 0.6:  # raised: dark below, light above
        cutout.paint(mask, metal * 0.25, corner_yx=(5, 5), opacity=0.7)
    cutout.paint(mask, metal, corner_yx=(4, 4))
    box = (4, 4, 4 + high, 4 + wide)
    return FlatRegion(cutout, corners(box), "", float(high), rng.uniform(10, 40))


def draw_lamp(rng: np.random.Generator, *, width: float = 60) -> FlatRegion:
    """Draw a lamp, lit or not: often a bar with round ends, sometimes in cells.

    Args: as of `draw_lookalike`.
    """
    wide = max(12, round(width))
    high = max(6, round(wide / rng.uniform(1.0, 6.0)))
    cutout = Cutout((high + 8, wide + 8))
    box = (4, 4, 4 + high, 4 + wide)
    colour, radius = near(rng, pick(rng, _LIT), 12), high * pick(rng, (0.1, 0.3, 0.5))
    if rng.random() < 0.5:
        cutout.box(
            (2, 2, 6 + high, 6 + wide), near(rng, (24, 24, 26), 8), radius=radius
        )
    cutout.box(box, colour, radius=radius)
    y, x = 4 + high * rng.uniform(0.3, 0.6), 4 + wide * rng.uniform(0.3, 0.7)
    deep, across = high * 0.25, wide * rng.uniform(0.1, 0.35)
    bright = np.minimum(colour * 1.3 + 60, 255)
    spot = (y - deep, x - across, y + deep, x + across)
    cutout.box(spot, bright, radius=deep, opacity=0.8)
    if rng.random() < 0.4:
        cells = int(rng.integers(3, 14))
        for at in np.linspace(4, 4 + wide, cells)[1:-1]:
            cutout.box((4, at - 0.6, 4 + high, at + 0.6), colour * 0.5, opacity=0.7)
    return FlatRegion(cutout, corners(box), "", float(high), rng.uniform(12, 50))


def _bars(rng: np.random.Generator, width: float) -> FlatRegion:
    """A part of a fence, a gate, a grille or a rack: bars, nothing between them."""
    wide = max(30, round(width))
    upright = rng.random() < 0.65
    high = max(
        16, round(wide / log_uniform(rng, *((0.6, 2.5) if upright else (1.5, 5))))
    )
    cutout = Cutout((high + 4, wide + 4))
    colour = near(rng, pick(rng, _BARS), 10)
    count = int(rng.integers(4, 22))
    long, step = (high, wide / count) if upright else (wide, high / count)
    thick = max(1.0, step * rng.uniform(0.12, 0.55))
    if not upright and rng.random() < 0.6:  # a grille is dark inside
        cutout.box((2, 2, 2 + high, 2 + wide), colour * 0.3, radius=high * 0.1)
    for k in range(count):
        at = 2 + (k + 0.5) * step - thick / 2
        tone = np.clip(colour * rng.normal(1, 0.06), 0, 255)
        bar = (
            (2, at, 2 + long, at + thick) if upright else (at, 2, at + thick, 2 + long)
        )
        cutout.box(bar, tone)
    for part in rng.uniform(0, 1, int(rng.integers(0, 4))):  # rails across
        at, rail = 2 + part * ((high if upright else wide) - thick), thick * 1.5
        cross = (
            (at, 2, at + rail, 2 + wide) if upright else (2, at, 2 + high, at + rail)
        )
        cutout.box(cross, colour * 0.9)
    weather(rng, cutout)
    box = (2, 2, 2 + high, 2 + wide)
    return FlatRegion(cutout, corners(box), "", high * 0.5, rng.uniform(60, 300))


def _wheel(rng: np.random.Generator, width: float) -> FlatRegion:
    """A wheel: a dark tyre around a light rim with spokes."""
    wide = max(20, round(width))
    cutout = Cutout((wide, wide))
    cutout.paint(_disc(wide, 1.0), near(rng, (30, 30, 32), 8))
    rim, rim_part = near(rng, pick(rng, _METALS[:3]), 14), rng.uniform(0.55, 0.78)
    cutout.paint(_disc(wide, rim_part), rim)
    count, turn = int(rng.integers(4, 13)), rng.uniform(0, np.pi)
    cutout.paint(
        _gaps(
            wide, rim_part * rng.uniform(0.8, 0.95), count, turn, rng.uniform(0.3, 0.8)
        ),
        rim * rng.uniform(0.15, 0.6),
    )
    cutout.paint(
        _disc(wide, rim_part * rng.uniform(0.15, 0.4)), rim * rng.uniform(0.7, 1)
    )
    weather(rng, cutout)
    box = (0, 0, wide, wide)
    return FlatRegion(cutout, corners(box), "", wide * 0.5, rng.uniform(55, 75))


def _notice(rng: np.random.Generator, fonts: FontGlyphs, width: float) -> FlatRegion:
    """A board or a sticker with two to five lines of different lengths."""
    wide = max(30, round(width))
    high = max(18, round(wide / rng.uniform(0.7, 3.0)))
    cutout = Cutout((high + 4, wide + 4))
    box = (2, 2, 2 + high, 2 + wide)
    ground, ink = pick(rng, _BOARDS)
    cutout.box(box, near(rng, ground, 12), radius=high * pick(rng, (0.0, 0.06)))
    lines = int(rng.integers(2, 6))
    room, colour = high * 0.9 / lines, near(rng, ink, 12)
    path = fonts.paths[choose_style(rng, fonts)]
    for k in range(lines):
        tall = max(3, round(room * rng.uniform(0.4, 0.85)))
        length = int(rng.integers(3, 15))
        said = "".join(pick(rng, _CAPITALS + _DIGITS + "  ") for _ in range(length))
        mask = word(path, said.strip() or "A", max(12.0, tall))
        long = min(0.92 * wide, mask.shape[1] * tall / mask.shape[0])
        mask = squeezed(mask, (tall, max(3, round(long))))
        corner = (2 + high * 0.05 + k * room, 2 + (wide - mask.shape[1]) / 2)
        cutout.paint(mask, colour, corner_yx=corner)
    weather(rng, cutout)
    return FlatRegion(cutout, corners(box), "", room, rng.uniform(20, 90))


def _disc(size: int, part: float) -> Mask:
    """A disc in the middle of a square, `part` of its width across."""
    edge = size * (1 - part) / 2
    return _drawn(size, lambda draw: draw.ellipse(_square(edge, size - edge), fill=255))


def _gaps(size: int, part: float, count: int, turn: float, open_part: float) -> Mask:
    """The gaps between spokes, within a disc."""
    edge = size * (1 - part) / 2

    def draw_gaps(draw: ImageDraw.ImageDraw) -> None:
        for k in range(count):
            start = np.rad2deg(turn + 2 * np.pi * k / count)
            end = start + 360 / count * open_part
            draw.pieslice(_square(edge, size - edge), start, end, fill=255)

    return _drawn(size, draw_gaps)


def _square(low: float, high: float) -> tuple[float, float, float, float]:
    return (low * _SCALE, low * _SCALE, high * _SCALE, high * _SCALE)


def _drawn(size: int, draw: Callable[[ImageDraw.ImageDraw], None]) -> Mask:
    image = Image.new("L", (size * _SCALE, size * _SCALE))
    draw(ImageDraw.Draw(image))
    return np.asarray(image.reduce(_SCALE))
