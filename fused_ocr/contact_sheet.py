"""Images side by side with captions, for people to look over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from fused_ocr.errors import ConfigError

__all__ = ["contact_sheet"]

_CELL = 224
"""Sides of the square an image of a sheet is fitted into, pixels."""

_MARGIN = 6
_LINE = 16
"""Height of a line of a caption, pixels."""


def contact_sheet(
    images: Sequence[Image.Image | npt.NDArray[np.uint8]],
    captions: Sequence[str],
    columns: int = 4,
) -> Image.Image:
    """Images side by side, each fitted into a square, with its caption below.

    Args:
        images: of any sizes; arrays are uint8 (H, W) or (H, W, 3).
        captions: one for each image; what is too wide is cut off.
        columns: images in a row.

    Returns:
        The sheet, RGB; small and white if there are no images.

    Raises:
        ConfigError: not as many captions as images, or no columns.
    """
    if len(images) != len(captions) or columns < 1:
        raise ConfigError(
            "A sheet needs a caption for each image and at least one column. Received: "
            f"{len(images)} images, {len(captions)} captions, columns={columns}."
        )
    lines = max((caption.count("\n") + 1 for caption in captions), default=0)
    step_x, step_y = _CELL + _MARGIN, _CELL + lines * _LINE + _MARGIN
    wide, tall = min(columns, len(images)), math.ceil(len(images) / columns)
    size = (wide * step_x + _MARGIN, tall * step_y + _MARGIN)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        x = _MARGIN + i % columns * step_x
        y = _MARGIN + i // columns * step_y
        cell = _fitted(image)
        sheet.paste(cell, (x + (_CELL - cell.width) // 2, y + _CELL - cell.height))
        for k, line in enumerate(caption.split("\n")):
            draw.text(
                (x, y + _CELL + k * _LINE + 1), _cut(line, font), "black", font=font
            )
    return sheet


def _fitted(image: Image.Image | npt.NDArray[np.uint8]) -> Image.Image:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    scale = _CELL / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Small crops are shown with their pixels.
    how = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BILINEAR
    return picture.convert("RGB").resize(size, how)


def _cut(line: str, font: Any) -> str:
    while line and font.getlength(line) > _CELL:
        line = line[:-1]
    return line
