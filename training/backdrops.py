"""Photos with their words painted over, to lie behind synthetic lines."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter
from rich.progress import track

from fused_ocr.errors import AnnotationError, ImageError
from fused_ocr.files import unused_name

from .photo_images import image_of, leave_out

__all__ = ["read_quads", "write_backdrops"]

_UNLIKE_DIGITS = frozenset("ACEFHJKMNPRTUVWXYacdefhjkmnprtuvwxy")
"""A word of these alone stays: it teaches that letters are no digits."""

_GROWN = 1.25
"""Words are painted over a little beyond their outline."""

Quads = list[tuple[npt.NDArray[np.float64], str]]


def write_backdrops(quads_csv: Path, photos: Path, folder: Path) -> int:
    """Paint over every word that has, or might be taken for, a digit.

    Args:
        quads_csv: rows ``path,x1,y1,x2,y2,x3,y3,x4,y4,text``.
        photos: the folder the paths are relative to.
        folder: where the painted photos go, as JPEG.

    Returns:
        How many photos were written.

    Raises:
        AnnotationError: a row is malformed; it is named.
        ImageError: none of the photos can be read; of some, the others are taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    by_photo = read_quads(quads_csv)
    failed: list[ImageError] = []
    used: set[str] = set()
    for name, quads in track(by_photo.items(), "painting over words"):
        pixels = image_of(photos / name, failed)
        if pixels is None:
            continue
        outlines = [
            corners for corners, text in quads if not set(text) <= _UNLIKE_DIGITS
        ]
        painted = _painted(Image.fromarray(pixels), outlines)
        painted.save(folder / unused_name(Path(name).stem, ".jpg", used), quality=92)
    written = len(by_photo) - len(failed)
    leave_out(failed, kept=written)
    return written


def read_quads(path: Path) -> dict[str, Quads]:
    """Words by photo: corners float64 (4, 2) xy, and text; photos in order."""
    found: dict[str, Quads] = {}
    with open(path, newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.reader(file), 1):
            try:
                corners = np.array([float(v) for v in row[1:9]]).reshape(4, 2)
                text = row[9]
            except (ValueError, IndexError) as error:
                if number == 1 and not any(map(_is_number, row[1:9])):
                    continue  # a headline
                raise AnnotationError(
                    f"{path}, line {number}: expected path, eight numbers and a text. "
                    f"Received: {row!r}."
                ) from error
            found.setdefault(row[0], []).append((corners, text))
    return found


def _is_number(written: str) -> bool:
    try:
        float(written)
    except ValueError:
        return False
    return True


def _painted(
    image: Image.Image, outlines: Iterable[npt.NDArray[np.float64]]
) -> Image.Image:
    """The outlines filled with what is around them, smeared."""
    mask = Image.new("L", image.size)
    draw = ImageDraw.Draw(mask)
    for corners in outlines:
        middle = corners.mean(0)
        grown = (corners - middle) * _GROWN + middle
        draw.polygon([(float(x), float(y)) for x, y in grown], fill=255)
    covered = np.asarray(mask) > 0
    pixels = np.asarray(image, np.float32) * ~covered[..., None]
    # Blurring picture and mask alike and dividing them leaves the covered parts out.
    radius = max(image.size) / 40
    light = _blurred(pixels, radius)
    weight = _blurred((~covered).astype(np.float32)[..., None] * 255, radius)
    fill = light / np.maximum(weight / 255, 0.02)
    result = np.where(covered[..., None], np.clip(fill, 0, 255), np.asarray(image))
    return Image.fromarray(result.astype(np.uint8))


def _blurred(values: npt.NDArray[np.float32], radius: float) -> npt.NDArray[np.float32]:
    bands = [
        Image.fromarray(values[..., i].astype(np.uint8)).filter(
            ImageFilter.GaussianBlur(radius)
        )
        for i in range(values.shape[-1])
    ]
    return np.stack([np.asarray(band, np.float32) for band in bands], -1)
