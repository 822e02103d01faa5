"""Photos to check artefacts on, and pictures drawn for those who have none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from fused_ocr.images import read_image

__all__ = ["CheckPhoto", "drawn_photos", "edge_photos", "full_photo"]

_DARK, _LIGHT, _ROAD = (20, 20, 25), (235, 230, 220), (110, 115, 120)

_FRAMES = ((240, 320), (480, 360), (360, 540), (540, 720), (640, 480), (720, 960))
"""Of pictures with a plate."""


@dataclasses.dataclass(frozen=True)
class CheckPhoto:
    """A photo to check on.

    Attributes:
        name: what reports call it.
        image: uint8 (H, W, 3).
    """

    name: str
    image: npt.NDArray[np.uint8]

    @classmethod
    def from_file(cls, path: Path) -> CheckPhoto:
        """Raises `ImageError` if the file cannot be read."""
        return cls(str(path), read_image(path))


def drawn_photos(alphabet: str) -> list[CheckPhoto]:
    """Pictures with the alphabet's characters in Pillow's own font, and an empty one.

    On bare paper for what finds characters, on plates for what finds these. They
    differ in size, orientation and polarity.
    """
    photos = [CheckPhoto("empty picture", np.full((97, 131, 3), 120, np.uint8))]
    for i, (height, width, size) in enumerate(
        [(120, 240, 40), (301, 203, 36), (480, 640, 72), (900, 1201, 60)]
    ):
        ink, paper = (_DARK, _LIGHT)[:: 1 if i % 2 else -1]
        image = Image.new("RGB", (width, height), paper)
        draw = ImageDraw.Draw(image)
        font = ImageFont.load_default(size)
        part = (alphabet * 3)[3 * i : 3 * i + 3]
        draw.text((width // 8, height // 8), part, fill=ink, font=font)
        draw.text((width // 8, height // 2), part[::-1], fill=ink, font=font)
        photos.append(CheckPhoto(f"drawn picture {i} ({part})", np.array(image)))
    for i, (height, width) in enumerate(_FRAMES):
        image = Image.new("RGB", (width, height), _ROAD)
        word = (alphabet * 6)[4 * i : 4 * i + 4 + i % 3]
        middle = (width // (2 + i % 2), height // (3 - i % 2))
        _plate(ImageDraw.Draw(image), middle, word, min(height, width) // (5 + i % 5))
        photos.append(CheckPhoto(f"drawn plate {i} ({word})", np.array(image)))
    return photos


def edge_photos(alphabet: str) -> list[CheckPhoto]:
    """What artefacts are most likely to differ in.

    One character; more words than there is room for, along and upright; the same word
    at two places, whose scores may tie; words that get too small to be read.
    """
    one = Image.new("RGB", (320, 240), _ROAD)
    _plate(ImageDraw.Draw(one), (160, 120), alphabet[0], 60)
    same = Image.new("RGB", (640, 360), _ROAD)
    for x in (160, 480):
        _plate(ImageDraw.Draw(same), (x, 180), (alphabet * 5)[1:5], 60)
    small = Image.new("RGB", (640, 480), _ROAD)
    for i, height in enumerate((40, 28, 20, 14, 10, 7)):
        _plate(
            ImageDraw.Draw(small), (320, 60 + 72 * i), (alphabet * 5)[i : i + 5], height
        )
    return [
        CheckPhoto("one character", np.array(one)),
        CheckPhoto("the same word twice", np.array(same)),
        CheckPhoto("smaller and smaller", np.array(small)),
        CheckPhoto("full, along", full_photo(alphabet, (540, 960))),
        CheckPhoto("full, upright", full_photo(alphabet, (960, 540))),
    ]


def full_photo(alphabet: str, size_yx: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Words on plates, as many as are readable side by side: uint8 (H, W, 3)."""
    image = Image.new("RGB", size_yx[::-1], _ROAD)
    draw, height = ImageDraw.Draw(image), max(12, min(size_yx) // 14)
    for row in range(size_yx[0] // (2 * height)):
        for column in range(size_yx[1] // (5 * height)):
            begin = (row + 3 * column) % len(alphabet)
            place = (round((5 * column + 2.5) * height), (2 * row + 1) * height)
            _plate(draw, place, (alphabet * 6)[begin : begin + 5], height)
    return np.array(image)


def _plate(
    draw: ImageDraw.ImageDraw, middle_xy: tuple[int, int], word: str, height: int
) -> None:
    """A light plate with a word, of a font of so many pixels."""
    x, y = middle_xy
    wide, high = 0.4 * height * (len(word) + 1), 0.75 * height
    box = (x - wide, y - high, x + wide, y + high)
    draw.rectangle(box, _LIGHT, _DARK, max(1, height // 20))
    font = ImageFont.load_default(height)
    draw.text(middle_xy, word, _DARK, font, "mm")
