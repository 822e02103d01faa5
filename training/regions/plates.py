"""Drawing a number plate flat, from a layout."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ..glyphs import FontGlyphs, GlyphSource, Mask
from .chance import Colour, near, pick
from .cutout import Cutout, Rectangle, rounded
from .flat_region import FlatRegion, corners
from .lettering import SIGNS, choose_style, set_row, squeezed, word
from .plate_dies import PlateDies
from .plate_emblems import draw_emblem
from .plate_layouts import PlateLayout, any_layout
from .plate_signs import draw_foreign, draw_seals
from .weathering import emboss, weather, worn

__all__ = ["draw_plate"]

_HOLDERS = ("AUTOHAUS", "www.cars.example", "Motor City", "CAR CENTER", "DRIVE SAFE")


@dataclasses.dataclass
class _Plate:
    """A plate while it is drawn: where it is, and what is still free."""

    cutout: Cutout
    layout: PlateLayout
    fonts: FontGlyphs
    box: Rectangle
    free: Rectangle
    ground: Colour
    ink: Colour
    small: str  # path of the font of small words

    @property
    def high(self) -> float:
        return self.box[2] - self.box[0]

    @property
    def wide(self) -> float:
        return self.box[3] - self.box[1]


def draw_plate(
    rng: np.random.Generator,
    fonts: FontGlyphs,
    characters: str,
    *,
    width: float = 360,
    layout: PlateLayout | None = None,
    weathered: bool = True,
) -> FlatRegion:
    """Draw a plate, seen straight on.

    Args:
        rng: decides everything that is left open.
        fonts: with digits and capitals.
        characters: that the number may have; digits and capitals.
        width: of the plate, pixels.
        layout: its kind; None for any of the table.
        weathered: whether dirt, light and wear are added.

    Returns:
        The plate; its corners are those of the sheet of metal, its text is read row by
        row, without signs.

    Raises:
        ConfigError: the characters do not suffice for the layout.
    """
    layout = layout or any_layout(rng)
    written = layout.write(rng, characters)
    plate = _sheet(rng, fonts, layout, width)
    _strip(rng, plate)
    _small_words(rng, plate)
    by_dies = fonts.dies and rng.random() < layout.stamped
    dies = PlateDies()
    writing: tuple[GlyphSource, int] = (
        (dies, dies.style(rng)) if by_dies else (fonts, choose_style(rng, fonts))
    )
    ink, tall = _number(rng, plate, written, writing, wear=weathered)
    _fittings(rng, plate)
    if rng.random() < layout.framed:
        _dealer_frame(rng, plate, ink)
    if rng.random() < 0.6:
        emboss(plate.cutout, ink, rng.uniform(0.15, 0.8))
    if weathered:
        weather(rng, plate.cutout)
    text = "".join(c for c in written if c not in SIGNS + "/")
    wide_cm = layout.wide_cm
    return FlatRegion(
        plate.cutout, corners(plate.box), text, tall, wide_cm, shines=True
    )


def _sheet(
    rng: np.random.Generator, fonts: FontGlyphs, layout: PlateLayout, width: float
) -> _Plate:
    """The empty plate, its holder or shadow, and its border."""
    wide = max(48, round(width))
    high = max(16, round(wide / layout.aspect / rng.uniform(0.94, 1.06)))
    margin = round(high * 0.2) + 3
    cutout = Cutout((high + 2 * margin, wide + 2 * margin))
    box = (margin, margin, margin + high, margin + wide)
    radius = rng.uniform(0.02, 0.1) * high
    small = fonts.paths[choose_style(rng, fonts)]
    if rng.random() < 0.45:
        _holder(rng, cutout, box, small)
    elif rng.random() < 0.8:
        blur = high * rng.uniform(0.02, 0.06)
        shape = rounded(cutout.size_yx, box, radius)
        cutout.shadow(shape, (high * 0.04, high * rng.uniform(-0.03, 0.03)), blur)
    ground, ink = pick(rng, layout.colours)
    plate = _Plate(
        cutout, layout, fonts, box, box, near(rng, ground, 7) * rng.uniform(0.86, 1.04),
        near(rng, ink, 10), small,
    )  # fmt: skip
    cutout.box(box, np.minimum(plate.ground, 255), radius=radius)
    if layout.fades and plate.ground.mean() > 140 and rng.random() < 0.55:
        _fade(rng, plate, radius)
    if layout.fades and plate.ground.mean() > 140 and rng.random() < 0.4:
        _artwork(rng, plate)
    if rng.random() < layout.border:
        inset = rng.choice([0.0, 0.03]) * high
        line = (box[0] + inset, box[1] + inset, box[2] - inset, box[3] - inset)
        thick = max(1.0, high * rng.uniform(0.015, 0.035))
        cutout.frame(line, plate.ink, thick=thick, radius=radius)
    inner = 0.05 * high
    plate.free = (box[0] + inner, box[1] + inner, box[2] - inner, box[3] - inner)
    return plate


def _holder(
    rng: np.random.Generator, cutout: Cutout, box: Rectangle, small: str
) -> None:
    """A frame around the plate, in black, chrome or a colour; words below."""
    y1, x1, y2, x2 = box
    high = y2 - y1
    side = high * rng.uniform(0.03, 0.1)
    top, bottom = high * rng.uniform(0.02, 0.1), high * rng.uniform(0.04, 0.19)
    tone = near(rng, (rng.choice([22, 30, 165]),) * 3, 7)
    outer = (y1 - top, x1 - side, y2 + bottom, x2 + side)
    cutout.shadow(rounded(cutout.size_yx, outer, 2), (high * 0.03, 0), high * 0.04)
    cutout.box(outer, tone, radius=high * rng.uniform(0.02, 0.08))
    if bottom > 0.1 * high and rng.random() < 0.7:
        mask = word(small, pick(rng, _HOLDERS), bottom * 0.45)
        place = (y2 + bottom * 0.3, (x1 + x2 - mask.shape[1]) / 2)
        cutout.paint(mask, np.where(tone > 120, 30, 215), corner_yx=place)


def _fade(rng: np.random.Generator, plate: _Plate, radius: float) -> None:
    """Another colour from the top or the bottom towards the middle."""
    y1, _, y2, _ = plate.box
    mask = rounded(plate.cutout.size_yx, plate.box, radius).astype(np.float32)
    rows = np.arange(mask.shape[0], dtype=np.float32)
    level = np.clip((rows - y1) / (y2 - y1), 0, 1)
    level = np.abs(level * 2 - 1) if rng.random() < 0.5 else 1 - level
    mask *= np.clip(level * rng.uniform(0.3, 1.1), 0, 1)[:, None]
    plate.cutout.paint(
        mask.astype(np.uint8), near(rng, pick(rng, plate.layout.fades), 12)
    )


def _artwork(rng: np.random.Generator, plate: _Plate) -> None:
    """Hills, suns and blots in pale colours, behind the number."""
    y1, x1, y2, x2 = plate.box
    high, wide = y2 - y1, x2 - x1
    image = Image.new("L", plate.cutout.size_yx[::-1])
    draw = ImageDraw.Draw(image)
    if rng.random() < 0.5:
        xs = np.linspace(x1, x2, int(rng.integers(3, 9)))
        ridge = [(float(x), float(y2 - high * rng.uniform(0.1, 0.8))) for x in xs]
        draw.polygon([(x1, y2), *ridge, (x2, y2)], fill=255)
    else:
        for _ in range(int(rng.integers(1, 4))):
            x, y = x1 + rng.random() * wide, y1 + rng.random() * high
            a, b = rng.uniform(0.1, 0.4, 2) * high
            draw.ellipse((x - a, y - b, x + a, y + b), fill=255)
    inside = rounded(plate.cutout.size_yx, plate.box, 0.05 * high)
    mask = np.minimum(np.asarray(image.filter(ImageFilter.GaussianBlur(1))), inside)
    colour = near(rng, pick(rng, plate.layout.fades), 20)
    plate.cutout.paint(mask, colour, opacity=rng.uniform(0.15, 0.7))


def _dealer_frame(rng: np.random.Generator, plate: _Plate, ink: Mask) -> None:
    """A frame over the plate's edges, with a dealer's words; it may touch ink."""
    y1, x1, y2, x2 = plate.box
    rows = np.flatnonzero(ink.any(1))
    columns = np.flatnonzero(ink.any(0))
    above, below = rows[0] - y1, y2 - 1 - rows[-1]
    beside = min(columns[0] - x1, x2 - 1 - columns[-1])
    tone = near(rng, (rng.choice([18, 30, 60, 170, 215]),) * 3, 8)
    light = np.where(tone > 110, 25, 225)
    side = rng.uniform(0.2, 0.9) * max(0.0, min(beside, 0.08 * plate.high))
    for deep, top in ((above, True), (below, False)):
        deep = max(0.0, deep * rng.uniform(0.2, 1.05))  # noqa: PLW2901
        outer = plate.high * rng.uniform(0, 0.05)
        edges = (y1 - outer, y1 + deep) if top else (y2 - deep, y2 + outer)
        plate.cutout.box((edges[0], x1, edges[1], x2), tone)
        high = edges[1] - edges[0]
        if high > 5 and rng.random() < 0.75:
            texts = (*_HOLDERS, *plate.layout.above)
            mask = word(plate.small, pick(rng, texts).upper(), high * 0.6)
            wide = min(mask.shape[1], int((x2 - x1) * 0.9))
            mask = squeezed(mask, (mask.shape[0], max(2, wide)))
            _in_the_middle(plate.cutout, mask, (edges[0], x1, edges[1], x2), light)
    for left, right in ((x1, x1 + side), (x2 - side, x2)):
        plate.cutout.box((y1, left, y2, right), tone)


def _in_the_middle(
    cutout: Cutout, mask: Mask, box: Rectangle, colour: Colour | Sequence[float]
) -> None:
    y1, x1, y2, x2 = box
    place = ((y1 + y2 - mask.shape[0]) / 2, (x1 + x2 - mask.shape[1]) / 2)
    cutout.paint(mask, colour, corner_yx=place)


def _strip(rng: np.random.Generator, plate: _Plate) -> None:
    strip = plate.layout.strip
    if strip is None or rng.random() > strip.chance:
        return
    y1, x1, y2, x2 = plate.box
    cutout, colour, light = plate.cutout, near(rng, strip.colour, 12), (235, 235, 225)
    text, edge = pick(rng, strip.texts), 0.02 * plate.high
    fy1, fx1, fy2, fx2 = plate.free
    if strip.side == "top":
        deep = strip.part * plate.high
        cutout.box((y1, x1, y1 + deep, x2), colour, radius=edge)
        mask = word(plate.small, text, deep * 0.55)
        _in_the_middle(cutout, mask, (y1, x1, y1 + deep, x2), light)
        plate.free = (y1 + deep + edge, fx1, fy2, fx2)
        return
    deep = strip.part * plate.wide
    cutout.box((y1 + edge, x1 + edge, y2 - edge, x1 + deep), colour, radius=edge)
    if strip.side == "both" or rng.random() < 0.12:
        cutout.box((y1 + edge, x2 - deep, y2 - edge, x2 - edge), colour, radius=edge)
        fx2 = x2 - deep - edge
    mask = word(plate.small, text, min(plate.high * 0.2, deep * 0.5))
    mask = squeezed(mask, (mask.shape[0], min(mask.shape[1], max(2, int(deep * 0.8)))))
    place = (y2 - plate.high * 0.16 - mask.shape[0], x1 + (deep - mask.shape[1]) / 2)
    cutout.paint(mask, light, corner_yx=place)
    stars = _ring(max(7, round(min(deep * 0.7, plate.high * 0.4))))
    tone = (245, 210, 60) if rng.random() < 0.7 else light
    place = (y1 + plate.high * 0.12, x1 + (deep - stars.shape[1]) / 2)
    cutout.paint(stars, tone, corner_yx=place)
    plate.free = (fy1, x1 + deep + 0.06 * plate.high, fy2, fx2)


def _small_words(rng: np.random.Generator, plate: _Plate) -> None:
    """The state above, the slogan below, and the room they leave."""
    y1, x1, y2, x2 = plate.free
    layout = plate.layout
    colour = plate.ink if rng.random() < 0.6 else near(rng, (150, 40, 50), 50)
    tall = plate.high * rng.uniform(0.1, 0.15)
    for texts, above in ((layout.above, True), (layout.below, False)):
        if not texts or rng.random() < 0.15:
            continue
        size = tall if above else tall * 0.72
        mask = word(plate.small, pick(rng, texts), size)
        if mask.shape[1] > (x2 - x1) * 0.8:
            mask = squeezed(mask, (mask.shape[0], int((x2 - x1) * 0.8)))
        x = (x1 + x2 - mask.shape[1]) / 2
        if above:
            plate.cutout.paint(mask, colour, corner_yx=(y1 + size * 0.15, x))
            y1 += mask.shape[0] + size * 0.3
        else:
            place = (y2 - mask.shape[0] - size * 0.15, x)
            plate.cutout.paint(mask, colour, corner_yx=place)
            y2 -= mask.shape[0] + size * 0.3
    plate.free = (y1, x1, y2, x2)


def _number(
    rng: np.random.Generator,
    plate: _Plate,
    written: str,
    writing: tuple[GlyphSource, int],
    *,
    wear: bool,
) -> tuple[Mask, float]:
    """Paint the number; its ink (as large as the cutout) and the characters' height."""
    y1, x1, y2, x2 = plate.free
    rows = written.split("/")
    room = (y2 - y1) / len(rows)
    scale = rng.uniform(0.9, 1.08)
    tall = min(room * 0.92, plate.layout.tall / len(rows) * plate.high * scale)
    gap = rng.uniform(0.08, 0.24)
    narrow = rng.uniform(0.6, 1.0) if rng.random() < 0.5 else 1.0
    ink = np.zeros(plate.cutout.size_yx, np.uint8)
    for number, row_text in enumerate(rows):
        row = set_row(
            rng, *writing, row_text, (tall, (x2 - x1) * 0.95), gap=gap, narrow=narrow
        )
        high, wide = row.mask.shape
        y = round(y1 + room * number + (room - high) / 2)
        x = round((x1 + x2 - wide) / 2 + rng.normal(0, 0.006) * wide)
        x = int(np.clip(x, x1, max(x1, x2 - wide)))
        area = ink[y : y + high, x : x + wide]
        np.maximum(area, row.mask[: area.shape[0], : area.shape[1]], out=area)
        for sign, left, right in row.rooms:
            room_yx = (y, x + left, y + high, x + right)
            if sign == "*":
                draw_seals(rng, plate.cutout, room_yx)
            elif sign in "@#":
                draw_emblem(rng, plate.cutout, room_yx, plate.ink, plate.small)
            else:
                draw_foreign(rng, ink, room_yx)
    if wear and rng.random() < 0.15:
        ink = worn(rng, ink, rng.uniform(0.02, 0.15))
    plate.cutout.paint(ink, plate.ink, opacity=rng.uniform(0.85, 1.0))
    return ink, tall


def _fittings(rng: np.random.Generator, plate: _Plate) -> None:
    """Bolts, and stickers in the corners; neither lies on the number."""
    y1, x1, y2, x2 = plate.box
    cutout, high, wide = plate.cutout, plate.high, plate.wide
    if plate.layout.stickers > rng.random():
        for x in (x1 + 0.05 * wide, x2 - 0.14 * wide):
            if rng.random() < 0.65:
                y = y2 - 0.17 * high if rng.random() < 0.6 else y1 + 0.04 * high
                box = (y, x, y + 0.13 * high, x + 0.09 * wide)
                cutout.box(box, near(rng, pick(rng, ((200, 60, 50), (240, 200, 50),
                    (60, 120, 190), (230, 230, 230), (70, 160, 90))), 20))  # fmt: skip
                mask = word(plate.small, str(rng.integers(10, 35)), 0.07 * high)
                cutout.paint(mask, (30, 30, 40), corner_yx=(y + 2, x + 0.02 * wide))
    if not plate.layout.bolts or rng.random() < 0.35:
        return
    size = rng.uniform(0.05, 0.08) * (high if plate.layout.bolts == 2 else 0.8 * high)
    tone = near(rng, (rng.choice([60, 150, 225]),) * 3, 12)
    inset = rng.uniform(0.14, 0.26) * wide
    rows = [y1 + 0.08 * high] if plate.layout.bolts == 2 and len(
        plate.layout.above) == 0 else [y1 + 0.08 * high, y2 - 0.08 * high]  # fmt: skip
    for y in rows:
        for x in (x1 + inset, x2 - inset):
            box = (y - size / 2, x - size / 2, y + size / 2, x + size / 2)
            shade = tuple(v + size * 0.15 for v in box)
            cutout.box((shade[0], shade[1], shade[2], shade[3]), plate.ground * 0.55,
                       radius=size / 2)  # fmt: skip
            cutout.box(box, tone, radius=size / 2)


def _ring(size: int) -> Mask:
    """Twelve stars in a circle, as dots: uint8 (size, size)."""
    image = Image.new("L", (size * 4, size * 4))
    draw = ImageDraw.Draw(image)
    for angle in np.arange(12) * np.pi / 6:
        y, x = (np.sin(angle) * 1.6 + 2) * size, (np.cos(angle) * 1.6 + 2) * size
        dot = 0.24 * size
        draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=255)
    return np.asarray(image.reduce(4))
