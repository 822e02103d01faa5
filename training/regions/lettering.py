"""Setting characters in a row, as a plate's stamp does, and small words as printers do.

Characters of a row are cut to one height and squeezed to fit; between them stand signs
that are drawn and not read.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np
from PIL import Image, ImageFilter

from ..glyphs import FontGlyphs, GlyphSource, Mask, ink_box, print_text

__all__ = ["SIGNS", "Row", "bolder", "choose_style", "set_row", "squeezed", "word"]

SIGNS = " -.*%@#"
"""Not read: a gap, a dash, a dot, and room for a seal, a sign of other writing, an
emblem, and a wide emblem."""

_LIKED = re.compile(
    r"bold|black|heavy|mono|cond|narrow|din|ocr|road|gothic|semi|medium"
)
_DISLIKED = re.compile(r"ital|obli|thin|light|script|comic|hand|dseg|outline")
_SIGN_WIDTHS = {" ": 0.3, "-": 0.28, ".": 0.12, "*": 0.5, "%": 0.9, "@": 0.75,
                "#": 1.3}  # fmt: skip
"""Of the signs, in parts of the characters' height."""

_THIN = 0.24
"""Characters with less ink than this part of their box are made bolder."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of characters.

    Attributes:
        mask: uint8 (h, w), the ink of characters, dashes and dots.
        rooms: for each sign that is drawn elsewhere: which one, and its edges x1, x2.
        letters: edges x1, x2 of each character that is read, in reading order.
    """

    mask: Mask
    rooms: tuple[tuple[str, int, int], ...]
    letters: tuple[tuple[int, int], ...]


def choose_style(rng: np.random.Generator, fonts: FontGlyphs) -> int:
    """A font, rather a bold, narrow or monospaced one, seldom a slanted or thin one.

    One in sixteen may be any; the others are drawn until the file's name promises so.
    """
    style = fonts.style(rng)
    for _ in range(0 if rng.random() < 0.06 else 12):
        name = fonts.paths[style].rsplit("/", 1)[-1].lower()
        if _LIKED.search(name) and not _DISLIKED.search(name):
            break
        style = fonts.style(rng)
    return style


def set_row(
    rng: np.random.Generator,
    glyphs: GlyphSource,
    style: int,
    written: str,
    size_yx: tuple[float, float],
    *,
    gap: float = 0.12,
    narrow: float = 1.0,
) -> Row:
    """Set characters and signs in a row.

    Args:
        rng: of handwriting; fonts do not ask it.
        glyphs: draw the characters.
        style: of them, such as a font.
        written: characters, and `SIGNS` that are drawn but not read.
        size_yx: height of the characters, and the width that the row must keep,
            pixels. A row that is too wide is squeezed, by any amount.
        gap: between characters, in parts of their height.
        narrow: how wide the characters are, compared with the font's.
    """
    tall, room = max(6, round(size_yx[0])), max(8, int(size_yx[1]))
    masks = [
        _sign(c, tall) if c in SIGNS else glyphs.draw(rng, c, tall, style)
        for c in written
    ]
    space = gap * tall
    natural = sum(m.shape[1] for m in masks) * narrow + space * (len(masks) - 1)
    factor = min(1.0, room / natural)
    row = np.zeros((tall, room), np.uint8)
    x, rooms, letters = 0.0, [], []
    for character, mask in zip(written, masks, strict=True):
        wide = max(2, int(mask.shape[1] * factor * narrow))
        left = min(round(x), room - wide)
        area = row[:, left : left + wide]
        np.maximum(area, squeezed(mask, (tall, wide)), out=area)
        if character in "*%@#":
            rooms.append((character, left, left + wide))
        elif character not in SIGNS:
            letters.append((left, left + wide))
        x = left + wide + space * factor
    right = max([*(x2 for _, x2 in letters), *(x2 for _, _, x2 in rooms)])
    row = row[:, :right]
    return Row(bolder(row, _THIN), tuple(rooms), tuple(letters))


def bolder(mask: Mask, part: float = 0.24) -> Mask:
    """A mask with thicker strokes, if ink is on less than a part of it."""
    if len(mask) < 20 or (mask > 127).mean() >= part:
        return mask
    size = 2 * max(1, round(len(mask) / 50)) + 1
    return np.asarray(Image.fromarray(mask).filter(ImageFilter.MaxFilter(size)))


def squeezed(mask: Mask, size_yx: tuple[int, int]) -> Mask:
    """A mask at another height and width."""
    if mask.shape == size_yx:
        return mask
    size = (size_yx[1], size_yx[0])
    return np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR))


def word(path: str, text: str, tall: float) -> Mask:
    """The mask of a small word, cut to its ink; any characters the font has.

    Args:
        path: of the font.
        text: the word.
        tall: about the height of its capitals, pixels; at least 5.
    """
    mask = print_text(path, text, max(7, min(240, round(tall * 1.4))))
    bounds = ink_box(mask)
    if bounds is None:
        return mask
    top, left, bottom, right = bounds
    return mask[top:bottom, left:right]


def _sign(sign: str, tall: int) -> Mask:
    mask = np.zeros((tall, max(2, round(_SIGN_WIDTHS[sign] * tall))), np.uint8)
    if sign == "-":
        mask[round(tall * 0.44) : max(round(tall * 0.56), round(tall * 0.44) + 1)] = 255
    elif sign == ".":
        mask[round(tall * 0.44) : max(round(tall * 0.57), round(tall * 0.44) + 1)] = 255
    return mask
