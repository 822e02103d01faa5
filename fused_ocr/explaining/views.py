"""Other looks at a photo: turned, in parts, with a border, in another light.

Each is a photo of its own; what is read there is brought back to the photo's pixels.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from fused_ocr.boxes import areas, clip
from fused_ocr.explaining.places import of_one_place
from fused_ocr.result import Box, Quad, Reading, Readings

__all__ = ["Look", "Picture", "looks_at"]

Pixels: TypeAlias = npt.NDArray[np.uint8]
Back: TypeAlias = Callable[[float, float], tuple[float, float]]

_GREY = 127
_LEAST_GAIN = 1.2
"""Parts are worth a look if they are seen larger than the whole photo by this."""
_MOST_PARTS = 12
"""Along the longer side of a photo."""
_LARGE = 12_000_000
"""Bytes from which on a photo is halved before it gets a border."""
_CUT_OFF = 1
"""Percent of the darkest and of the brightest pixels that contrast may take."""
_CUT_YX = (0.1, 0.5)
"""What is nearer to an edge that cuts the photo, above or below and at a side, than so
many of its heights is cut itself, or the rest of a longer text."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """What is shown to the reader.

    Attributes:
        pixels: uint8 (h, w, 3).
        back: from its ``(y, x)`` to those of the photo.
        cuts: which of its edges, top, left, bottom, right, cut the photo.
    """

    pixels: Pixels
    back: Back
    cuts: tuple[bool, bool, bool, bool] = (False, False, False, False)


@dataclasses.dataclass(frozen=True)
class Look:
    """One way of looking at a photo.

    Attributes:
        name: what is done.
        advice: what to do if it helps.
        pictures: what is shown to the reader.
        whole: whether it shows the whole photo, so that what it no longer reads is
            lost to who looks so.
    """

    name: str
    advice: str
    pictures: Iterable[Picture]
    whole: bool = True

    def read(
        self, predict: Callable[[Pixels], Readings], size_yx: tuple[int, int]
    ) -> list[Reading]:
        """The texts that are read in it, in the photo's pixels, the surest first.

        Args:
            predict: reads one picture.
            size_yx: height and width of the photo.
        """
        found = []
        for picture in self.pictures:
            for one in predict(picture.pixels):
                if one.text and _is_whole(one, picture):
                    found.append(_brought_back(one, picture.back, size_yx))
        there = [one for one in found if areas(one.box) > 0]
        return sorted(_each_once(there), key=lambda one: -one.score)


def looks_at(image: Pixels, scale: Callable[[int, int], float]) -> Iterator[Look]:
    """The looks that may show more than the photo as it is.

    Args:
        image: uint8 (H, W, 3).
        scale: from the height and width of a picture to how many pixels the detector
            sees of one of its pixels, along either axis.
    """
    height, width = image.shape[:2]
    for count in (2, 3):
        rows, columns = _grid(height, width, count)
        parts = list(_parts(image, rows, columns))
        larger = scale(*parts[0].pixels.shape[:2]) / scale(height, width)
        if larger >= _LEAST_GAIN:
            yield Look(
                f"in {rows}x{columns} overlapping parts",
                "It is too small for the detector in the whole photo: give the part "
                "of the photo that matters, or fuse with a larger --frame.",
                parts,
                whole=False,
            )
    turns: tuple[tuple[str, Back], ...] = (
        ("a quarter to the left", lambda y, x: (x, width - y)),
        ("upside down", lambda y, x: (height - y, width - x)),
        ("a quarter to the right", lambda y, x: (height - x, y)),
    )
    for quarters, (how, back) in enumerate(turns, 1):
        turned = np.ascontiguousarray(np.rot90(image, quarters))
        advice = f"Turn the photo {how} before it is read."
        yield Look(f"turned {how}", advice, [Picture(turned, back)])
    mirrored = np.ascontiguousarray(image[:, ::-1])
    yield Look(
        "mirrored",
        "The photo is mirrored, as front cameras do: mirror it before it is read.",
        [Picture(mirrored, lambda y, x: (y, width - x))],
    )
    yield Look(
        "half as large, in a grey border",
        "It fills the photo, and the model expects something around it: leave a "
        "margin, or add a border.",
        [_bordered(image)],
    )
    contrasted = ImageOps.autocontrast(Image.fromarray(image), _CUT_OFF)
    yield Look(
        "with more contrast",
        "The photo is dull or dark: give it more light, or stretch its contrast.",
        [Picture(np.asarray(contrasted), lambda y, x: (y, x))],
    )
    yield Look(
        "as a negative",
        "Dark and bright are the other way round from what the model knows: invert "
        "the photo, or train on such ones.",
        [Picture(255 - image, lambda y, x: (y, x))],
    )


def _grid(height: int, width: int, count: int) -> tuple[int, int]:
    """Rows and columns of parts, `count` along both sides of a photo.

    A strip stays whole across, and is parted more often along its length.
    """
    ratio = max(height, width) / min(height, width)
    often = max(1, round(ratio / 2))
    along, across = min(_MOST_PARTS, count * often), max(1, count // often)
    return (along, across) if height > width else (across, along)


def _parts(image: Pixels, rows: int, columns: int) -> Iterator[Picture]:
    """Views of rows x columns parts, each a fifth larger where it meets another."""
    height, width = image.shape[:2]
    tall, tops = _spans(height, rows)
    wide, lefts = _spans(width, columns)

    def moved(top: int, left: int) -> Back:
        return lambda y, x: (y + top, x + left)

    for top, left in itertools.product(tops, lefts):
        yield Picture(
            image[top : top + tall, left : left + wide],
            moved(top, left),
            (top > 0, left > 0, top + tall < height, left + wide < width),
        )


def _spans(side: int, count: int) -> tuple[int, list[int]]:
    """The length of parts of a side, and where each begins."""
    length = side if count == 1 else min(side, math.ceil(1.2 * side / count))
    starts = np.linspace(0, side - length, count).round().astype(int)
    return length, starts.tolist()


def _bordered(image: Pixels) -> Picture:
    factor = 1
    if image.size > _LARGE:
        factor, image = 2, np.asarray(Image.fromarray(image).reduce(2))
    top, left = (math.ceil(side / 2) for side in image.shape[:2])
    around = ((top, top), (left, left), (0, 0))
    return Picture(
        np.pad(image, around, constant_values=_GREY),
        lambda y, x: (factor * (y - top), factor * (x - left)),
    )


def _is_whole(reading: Reading, picture: Picture) -> bool:
    """Whether a reading keeps off the edges that cut the photo."""
    y1, x1, y2, x2 = reading.box
    height, width = picture.pixels.shape[:2]
    gaps = (y1, x1, height - y2, width - x2)
    size = min(y2 - y1, x2 - x1)
    return not any(
        cut and gap < margin * size
        for cut, gap, margin in zip(picture.cuts, gaps, 2 * _CUT_YX, strict=True)
    )


def _brought_back(reading: Reading, back: Back, size_yx: tuple[int, int]) -> Reading:
    """The same in the photo's pixels; of boxes what lies in the photo."""

    def placed(box: Box) -> Box:
        (top, left), (bottom, right) = back(*box[:2]), back(*box[2:])
        edges = (
            min(top, bottom), min(left, right), max(top, bottom), max(left, right)
        )  # fmt: skip
        y1, x1, y2, x2 = clip(edges, *size_yx).tolist()
        return y1, x1, y2, x2

    quad: Quad = tuple(back(y, x) for y, x in reading.quad)
    characters = tuple(
        dataclasses.replace(one, box=placed(one.box)) for one in reading.characters
    )
    return dataclasses.replace(
        reading, quad=quad, box=placed(reading.box), characters=characters
    )


def _each_once(found: list[Reading]) -> list[Reading]:
    """Of readings of one place the longest, and of equally long ones the surest.

    The rest of a text that was cut in two is surer than the whole: it has fewer
    characters.
    """
    kept: list[Reading] = []
    for one in sorted(found, key=lambda one: (-len(one.text), -one.score)):
        if not of_one_place(one, kept):
            kept.append(one)
    return kept
