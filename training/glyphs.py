"""Where the characters of synthetic scenes come from: handwriting, arrays and fonts.

A source draws one character as a mask: uint8 (h, w), 0 empty to 255 ink, cut tight to
the ink, h as asked for. Sources hold their own half of the material (`split`), so that
what is measured was never trained on.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from fused_ocr.alphabet import DIGITS
from fused_ocr.errors import ConfigError

__all__ = [
    "ArrayGlyphs",
    "ChangedGlyphs",
    "FontGlyphs",
    "GlyphSource",
    "Mask",
    "find_fonts",
    "ink_box",
    "mnist_glyphs",
    "print_text",
]

Mask = npt.NDArray[np.uint8]
"""uint8 (h, w), 0 empty to 255 ink."""

INK = 90
"""A pixel of a mask is ink from this value on; boxes are the bounds of the ink."""

_UNSEEN_PART = 5
"""One font family in this many is kept out of training."""

_PICTURES = re.compile("D050000L|dingbat|webding|wingding", re.IGNORECASE)
"""Fonts by this name have pictures at the places of digits, as tall as these."""

_EVEN = 1.8
"""Tallest of a font's digits and capitals over the shortest, at most: old-style digits
reach 1.6. A font of symbols that stand at the places of digits has no such measure."""


class GlyphSource(Protocol):
    """Draws characters."""

    def has(self, characters: str) -> bool:
        """Whether it draws all of these."""

    def style(self, rng: np.random.Generator) -> int:
        """A style that one line keeps: a font, or 0 where each character differs."""

    def draw(
        self, rng: np.random.Generator, character: str, height: int, style: int
    ) -> Mask:
        """The mask of a character, `height` rows of tight ink."""


def ink_box(mask: Mask, threshold: int = INK) -> tuple[int, int, int, int] | None:
    """Bounds (y1, x1, y2, x2) of the ink of a mask, or None where there is none."""
    ink = mask >= threshold
    rows = np.flatnonzero(ink.any(1))
    columns = np.flatnonzero(ink.any(0))
    if not len(rows):
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


class ArrayGlyphs:
    """Characters from small white-on-black pictures, each time another one.

    Args:
        images: uint8 (N, h, w), 0 empty to 255 ink.
        labels: N characters.
        sharpen: how much the soft edges of an enlarged picture are steepened, drawn
            from this range for each character; 1 leaves them.
    """

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        labels: Sequence[str],
        sharpen: tuple[float, float] = (1.0, 3.0),
    ) -> None:
        self.images = images
        labels_array = np.asarray(labels)
        self._indices = {
            str(c): np.flatnonzero(labels_array == c) for c in np.unique(labels_array)
        }
        self.sharpen = sharpen

    def has(self, characters: str) -> bool:
        """Whether there is a picture of each of these."""
        return set(characters) <= set(self._indices)

    def style(self, rng: np.random.Generator) -> int:  # noqa: ARG002
        """No style: a hand writes no character twice the same."""
        return 0

    def draw(
        self,
        rng: np.random.Generator,
        character: str,
        height: int,
        style: int,  # noqa: ARG002
    ) -> Mask:
        """See `GlyphSource`; raises `ConfigError` for a character it has not."""
        if character not in self._indices:
            raise ConfigError(
                f"No picture of {character!r}; there are: {sorted(self._indices)}."
            )
        mask = self.images[rng.choice(self._indices[character])]
        bounds = ink_box(mask)
        if bounds is None:
            return np.zeros((height, max(1, height // 2)), np.uint8)
        y1, x1, y2, x2 = bounds
        # One pixel more on each side keeps the soft edge that enlarging needs.
        padded = np.pad(mask, 1)[y1 : y2 + 2, x1 : x2 + 2]
        scale = height / (y2 - y1)
        size = (max(1, round(padded.shape[1] * scale)), round(padded.shape[0] * scale))
        large = np.asarray(
            Image.fromarray(padded).resize(size, Image.Resampling.BICUBIC), np.float32
        )
        gain = rng.uniform(*self.sharpen)
        steep: npt.NDArray[np.float32] = np.clip((large - 110) * gain + 110, 0, 255)
        return steep.astype(np.uint8)


class FontGlyphs:
    """Characters from TrueType and OpenType fonts.

    Args:
        paths: the font files, as from `find_fonts`.
        dies: whether plates may have characters that are in no font, see
            `regions.plate_dies`.
    """

    def __init__(self, paths: Sequence[str], *, dies: bool = False) -> None:
        if not paths:
            raise ConfigError(
                "No fonts. Give a folder with .ttf or .otf files that have the "
                "characters; Debian's fonts-* packages put theirs in /usr/share/fonts."
            )
        self.paths = list(paths)
        self.dies = dies

    def has(self, characters: str) -> bool:  # noqa: ARG002
        """Fonts draw what they were chosen for, and letters."""
        return True

    def style(self, rng: np.random.Generator) -> int:
        """The index of a font."""
        return int(rng.integers(len(self.paths)))

    def draw(
        self,
        rng: np.random.Generator,  # noqa: ARG002
        character: str,
        height: int,
        style: int,
    ) -> Mask:
        """See `GlyphSource`."""
        return _render(self.paths[style], character, height)


def mnist_glyphs(split: str, data_dir: str | None = None) -> ArrayGlyphs:
    """The digits of MNIST, through tensorflow-datasets.

    Args:
        split: `train` or `test`.
        data_dir: where tensorflow-datasets keeps its data; None for its default.
    """
    from .mnist import load_mnist

    images, labels = load_mnist(split, data_dir)
    return ArrayGlyphs(images, [DIGITS[label] for label in labels])


@dataclasses.dataclass(frozen=True)
class ChangedGlyphs:
    """Another source's characters, some of them changed.

    Attributes:
        source: draws them.
        change: from a generator and a mask to another mask of the same character.
        often: part of the characters that are changed.
    """

    source: GlyphSource
    change: Callable[[np.random.Generator, Mask], Mask]
    often: float

    def has(self, characters: str) -> bool:
        """Whether the source draws all of these."""
        return self.source.has(characters)

    def style(self, rng: np.random.Generator) -> int:
        """The source's."""
        return self.source.style(rng)

    def draw(
        self, rng: np.random.Generator, character: str, height: int, style: int
    ) -> Mask:
        """See `GlyphSource`; the height may be changed a little, too."""
        mask = self.source.draw(rng, character, height, style)
        return self.change(rng, mask) if rng.random() < self.often else mask


def find_fonts(
    folders: Iterable[str | Path], split: str, characters: str = DIGITS
) -> list[str]:
    """Fonts that draw all the characters, in one of two halves that share no family.

    A family's name is the file name up to the first hyphen or space; a checksum of it
    decides the half, so that the halves stay the same when fonts come or go.

    Args:
        folders: searched with all their subfolders.
        split: `train` (four families of five) or `unseen` (the fifth).
        characters: what a font has to draw: distinct shapes, none empty.

    Returns:
        Sorted paths.
    """
    if split not in ("train", "unseen"):
        raise ConfigError(f"split must be 'train' or 'unseen'. Received: {split!r}.")
    paths = sorted(
        {
            str(path)
            for folder in folders
            for suffix in ("ttf", "otf")
            for path in Path(folder).rglob(f"*.{suffix}")
        }
    )
    paths = [path for path in paths if not _PICTURES.search(Path(path).stem)]
    wanted = [p for p in paths if (_is_unseen(p)) == (split == "unseen")]
    return [path for path in wanted if _draws(path, characters)]


def _is_unseen(path: str) -> bool:
    family = Path(path).stem.replace(" ", "-").split("-")[0].lower()
    return zlib.crc32(family.encode()) % _UNSEEN_PART == 0


def _draws(path: str, characters: str) -> bool:
    try:
        masks = [_render(path, character, 24) for character in characters]
        absent = _render(path, "\U0010fffd", 24)
    except (OSError, ValueError):
        return False
    tall = [_tall(path, c) for c in characters if c.isdigit() or c.isupper()]
    shapes = {mask.tobytes() for mask in masks}
    # The box that a font draws for what it has not looks the same for every character.
    return (
        len(shapes) == len(characters)
        and absent.tobytes() not in shapes
        and all((mask >= INK).sum() > 12 and mask.shape[1] < 72 for mask in masks)
        and max(tall, default=1.0) <= _EVEN * min(tall, default=1.0)
    )


def print_text(path: str, text: str, size: int) -> Mask:
    """The mask of a text, at a font's size, with a rim of a pixel or more.

    Args:
        path: of the font.
        text: any characters the font has.
        size: of the font, pixels.
    """
    font = _font(path, size)
    x1, y1, x2, y2 = (int(v) for v in font.getbbox(text))
    image = Image.new("L", (max(1, x2 - x1 + 2), max(1, y2 - y1 + 2)))
    ImageDraw.Draw(image).text((1 - x1, 1 - y1), text, font=font, fill=255)
    return np.asarray(image)


@functools.lru_cache(maxsize=4096)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def _tall(path: str, character: str) -> float:
    """Rows of a character's ink at font size 64, at least 1."""
    box = _font(path, 64).getbbox(character)
    return max(1.0, box[3] - box[1])


def _render(path: str, character: str, height: int) -> Mask:
    """A character at the font size that makes its ink about `height` rows."""
    size = max(4, round(64 * height / _tall(path, character)))
    mask = print_text(path, character, min(size, 640))
    bounds = ink_box(mask)
    if bounds is None:
        return np.zeros((height, 1), np.uint8)
    top, left, bottom, right = bounds
    return np.ascontiguousarray(
        mask[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
    )
