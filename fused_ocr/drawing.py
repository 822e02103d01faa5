"""Readings drawn on the photo: boxes and labels that are legible on any of them.

All sizes follow the photo's, so that a thumbnail and a 12-megapixel photo look alike
once they fill the same screen. A small photo is enlarged first, because its own pixels
are too few to write with.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fused_ocr.boxes import box_corners
from fused_ocr.images import MAX_PIXELS, Source, read_image

if TYPE_CHECKING:
    from fused_ocr.result import Reading

__all__ = ["draw"]

SMALL_SIDE = 400
"""A photo whose longer side is shorter is enlarged by a whole factor, pixels."""

READING_COLOUR = (255, 214, 0)
"""Box and label of a reading: yellow with a black rim stands out from any photo."""

OTHER_COLOUR = (120, 190, 255)
"""Box and label of what is shown beside the readings."""

CHARACTER_COLOUR = (0, 229, 255)
"""Box of a single character."""

INK = (0, 0, 0)
"""Text on a label, and the rim of a reading's box."""

SMALLEST_FONT = 8
"""Below this a label is cut off rather than made smaller still, pixels."""

_Edges: TypeAlias = tuple[int, int, int, int]  # xyxy, as Pillow draws
_Colour: TypeAlias = tuple[int, int, int]


def draw(
    image: Source,
    readings: Iterable[Reading],
    *,
    characters: bool = True,
    others: Iterable[Reading] = (),
) -> Image.Image:
    """Draw readings on a copy of a photo.

    Args:
        image: the photo, in any form that `fused_ocr.images.read_image` takes.
        readings: the readings, with boxes in pixel edges of this photo.
        characters: draw a thin box around each single character too.
        others: drawn in another colour, what is no reading.

    Returns:
        RGB, of the photo's size, or a whole multiple of it if its longer side is
        shorter than 400 pixels.

    Raises:
        ImageError: the photo cannot be read.

    >>> draw(np.zeros((48, 64, 3), np.uint8), []).size
    (448, 336)
    """
    # An array in memory has passed, or escaped, the limit where it was read.
    limit = image.size if isinstance(image, np.ndarray) else MAX_PIXELS
    picture = Image.fromarray(read_image(image, max_pixels=max(limit, MAX_PIXELS)))
    factor = max(1, math.ceil(SMALL_SIDE / max(picture.size)))
    picture = picture.resize(
        (picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC
    )
    pen = ImageDraw.Draw(picture)
    # The geometric mean of the sides: a panorama gets neither hairlines nor beams.
    side = math.sqrt(picture.width * picture.height)
    thin = max(1, round(side / 600))
    drawn = [(one, READING_COLOUR) for one in readings]
    drawn += [(one, OTHER_COLOUR) for one in others]
    frames = []
    for reading, own in drawn:
        for character in reading.characters if characters else ():
            if character.box == reading.box and len(reading.characters) > 1:
                continue  # read as a part of the region, its place is not known
            edges = _edges(character.box, factor, thin, picture.size)
            pen.rectangle(edges, outline=CHARACTER_COLOUR, width=thin)
        # Outside the characters' boxes, so that none hides another.
        frame = _edges(reading.box, factor, 5 * thin, picture.size)
        if reading.quad == box_corners(reading.box):
            pen.rectangle(frame, outline=INK, width=4 * thin)
            inner = _edges(reading.box, factor, 4 * thin, picture.size)
            pen.rectangle(inner, outline=own, width=2 * thin)
        else:
            outline = [(x * factor, y * factor) for y, x in reading.quad]
            for colour, width in ((INK, 4 * thin), (own, 2 * thin)):
                ends = [*outline, *outline[:2]]  # twice, so that all joints are round
                pen.line(ends, fill=colour, width=width, joint="curve")
        frames.append(frame)
    taken = list(frames)
    for (reading, own), frame in zip(drawn, frames, strict=True):
        text = f"{reading.text} {reading.score:.0%}".strip()
        rest = [place for place in taken if place is not frame]
        size = max(14, round(side / 32))
        taken.append(_label(pen, text, frame, rest, size, own))
    return picture


def _edges(
    box_yxyx: tuple[float, ...], factor: int, margin: int, size_xy: tuple[int, int]
) -> _Edges:
    """Pillow's corners of a box: xyxy, last pixel included, inside the picture."""
    y1, x1, y2, x2 = (edge * factor for edge in box_yxyx)
    width, height = size_xy
    left = min(max(math.floor(x1) - margin, 0), width - 1)
    top = min(max(math.floor(y1) - margin, 0), height - 1)
    right = min(max(math.ceil(x2) - 1 + margin, left), width - 1)
    bottom = min(max(math.ceil(y2) - 1 + margin, top), height - 1)
    return left, top, right, bottom


def _label(
    pen: ImageDraw.ImageDraw,
    text: str,
    frame: _Edges,
    others: list[_Edges],
    size: int,
    colour: _Colour,
) -> _Edges:
    """Write a text on a filled label beside a frame; where the label lies."""
    picture_width, picture_height = pen.im.size
    # A label wider or higher than the picture is written smaller until it fits.
    while True:
        font = _font(size)
        x1, y1, x2, y2 = pen.textbbox((0, 0), text, font=font)
        pad = max(2, size // 6)
        width = math.ceil(x2 - x1) + 2 * pad
        height = math.ceil(y2 - y1) + 2 * pad
        if size <= SMALLEST_FONT or (
            width <= picture_width and height <= picture_height
        ):
            break
        size = max(SMALLEST_FONT, size * 4 // 5)
    left, top, right, bottom = frame
    # Above, below, right, left; the last resort covers the top of the reading itself.
    corners = [
        (left, top - height),
        (left, bottom + 1),
        (right + 1, top),
        (left - width, top),
        (left, top),
    ]
    last_x, last_y = max(picture_width - width, 0), max(picture_height - height, 0)
    inside = [(min(max(x, 0), last_x), min(max(y, 0), last_y)) for x, y in corners]
    places = [(x, y, x + width - 1, y + height - 1) for x, y in inside]
    best = min(places, key=lambda place: _hidden(place, [frame, *others]))
    pen.rectangle(best, fill=colour)
    pen.text((best[0] + pad - x1, best[1] + pad - y1), text, fill=INK, font=font)
    return best


def _hidden(place: _Edges, others: list[_Edges]) -> int:
    """How many pixels of other things a label at this place would cover."""
    covered = 0
    for other in others:
        width = min(place[2], other[2]) - max(place[0], other[0]) + 1
        height = min(place[3], other[3]) - max(place[1], other[1]) + 1
        covered += max(width, 0) * max(height, 0)
    return covered


@functools.lru_cache(maxsize=16)
def _font(size: int) -> Any:
    return ImageFont.load_default(size)
