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

from fused_ocr.boxes import iou_matrix
from fused_ocr.result import Reading, Readings

__all__ = ["Look", "looks_at"]

Pixels: TypeAlias = npt.NDArray[np.uint8]
Point: TypeAlias = tuple[float, float]
Back: TypeAlias = Callable[[float, float], Point]

_GREY = 127
_LEAST_GAIN = 1.2
"""Parts are worth a look if they are seen larger than the whole photo by this."""
_LARGE = 12_000_000
"""Bytes from which on a photo is halved before it gets a border."""
_RIM = 0.02
"""Of a part that overlaps others: what lies there is whole in another part."""
_SAME = 0.3
"""IoU from which on two readings of overlapping parts are one."""
_CUT_OFF = 1
"""Percent of the darkest and of the brightest pixels that contrast may take."""


@dataclasses.dataclass(frozen=True)
class Look:
    """One way of looking at a photo.

    Attributes:
        name: what is done.
        advice: what to do if it helps.
        pictures: what is shown to the reader, uint8 (h, w, 3), each with a function
            from its ``(y, x)`` to those of the photo.
        rim: of a picture, in parts of its sides, in which readings may be cut in two
            and do not count.
    """

    name: str
    advice: str
    pictures: Iterable[tuple[Pixels, Back]]
    rim: float = 0.0

    def read(self, predict: Callable[[Pixels], Readings]) -> list[Reading]:
        """What is read in it, in the photo's pixels, without characters.

        Args:
            predict: reads one picture.
        """
        found = []
        for picture, back in self.pictures:
            for one in predict(picture):
                if one.text and _inside(one, picture.shape, self.rim):
                    found.append(_brought_back(one, back))
        return _each_once(found)


def looks_at(image: Pixels, scale: Callable[[int, int], float]) -> Iterator[Look]:
    """The looks that may show more than the photo as it is.

    Args:
        image: uint8 (H, W, 3).
        scale: from the height and width of a picture to how many pixels the detector
            sees of one of its pixels, along either axis.
    """
    height, width = image.shape[:2]
    for count in (2, 3):
        parts = list(_parts(image, count))
        if scale(*parts[0][0].shape[:2]) >= _LEAST_GAIN * scale(height, width):
            yield Look(
                f"in {count}x{count} overlapping parts",
                "It is too small for the detector in the whole photo: give the part "
                "of the photo that matters, or fuse with a larger --frame.",
                parts,
                rim=_RIM,
            )
    turns: tuple[tuple[str, Back], ...] = (
        ("turned a quarter to the left", lambda y, x: (x, width - y)),
        ("turned upside down", lambda y, x: (height - y, width - x)),
        ("turned a quarter to the right", lambda y, x: (height - x, y)),
    )
    for quarters, (name, back) in enumerate(turns, 1):
        turned = np.ascontiguousarray(np.rot90(image, quarters))
        yield Look(name, "Turn the photo before it is read.", [(turned, back)])
    yield Look(
        "mirrored",
        "The photo is mirrored, as front cameras do: mirror it before it is read.",
        [(np.ascontiguousarray(image[:, ::-1]), lambda y, x: (y, width - x))],
    )
    yield Look(
        "half as large, in a grey border",
        "It fills the photo, and the model expects something around it: leave a "
        "margin, or add a border.",
        [_bordered(image)],
    )
    yield Look(
        "with more contrast",
        "The photo is dull or dark: give it more light, or stretch its contrast.",
        [(_contrasted(image), lambda y, x: (y, x))],
    )
    yield Look(
        "as a negative",
        "Dark and bright are the other way round from what the model knows: invert "
        "the photo, or train on such ones.",
        [(255 - image, lambda y, x: (y, x))],
    )


def _parts(image: Pixels, count: int) -> Iterator[tuple[Pixels, Back]]:
    """Views of count x count parts, each a fifth of itself larger on its sides."""
    height, width = image.shape[:2]
    tall = min(height, math.ceil(1.2 * height / count))
    wide = min(width, math.ceil(1.2 * width / count))
    rows = np.linspace(0, height - tall, count).round().astype(int).tolist()
    columns = np.linspace(0, width - wide, count).round().astype(int).tolist()

    def moved(top: int, left: int) -> Back:
        return lambda y, x: (y + top, x + left)

    for top, left in itertools.product(rows, columns):
        yield image[top : top + tall, left : left + wide], moved(top, left)


def _bordered(image: Pixels) -> tuple[Pixels, Back]:
    factor = 1
    if image.size > _LARGE:
        factor, image = 2, np.asarray(Image.fromarray(image).reduce(2))
    top, left = (math.ceil(side / 2) for side in image.shape[:2])
    around = ((top, top), (left, left), (0, 0))
    bordered = np.pad(image, around, constant_values=_GREY)
    return bordered, lambda y, x: (factor * (y - top), factor * (x - left))


def _contrasted(image: Pixels) -> Pixels:
    return np.asarray(ImageOps.autocontrast(Image.fromarray(image), _CUT_OFF))


def _inside(reading: Reading, shape: tuple[int, ...], rim: float) -> bool:
    """Whether a reading keeps off the rim of a picture."""
    y1, x1, y2, x2 = reading.box
    height, width = shape[:2]
    far_y, far_x = height * (1 - rim), width * (1 - rim)
    return rim <= 0 or (
        height * rim < y1 and y2 < far_y and width * rim < x1 and x2 < far_x
    )


def _brought_back(reading: Reading, back: Back) -> Reading:
    quad = tuple(back(y, x) for y, x in reading.quad)
    y1, x1, y2, x2 = reading.box
    (top, left), (bottom, right) = back(y1, x1), back(y2, x2)
    box = (min(top, bottom), min(left, right), max(top, bottom), max(left, right))
    return dataclasses.replace(reading, quad=quad, box=box, characters=())


def _each_once(found: list[Reading]) -> list[Reading]:
    """The readings without what others, of better scores, lie upon."""
    kept: list[Reading] = []
    for one in sorted(found, key=lambda one: -one.score):
        shared = iou_matrix([one.box], [other.box for other in kept])
        if shared.max(initial=0.0) < _SAME:
            kept.append(one)
    return kept
