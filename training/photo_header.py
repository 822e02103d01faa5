"""Size and EXIF orientation of a photo, without decoding it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from fused_ocr.errors import ImageDecodeError

__all__ = ["PhotoHeader", "read_header"]

_QUARTER_TURNS = (5, 6, 7, 8)


@dataclasses.dataclass(frozen=True)
class PhotoHeader:
    """What the file says about its picture.

    Attributes:
        height: of the upright photo, pixels.
        width: likewise.
        orientation: EXIF's, 1..8; 1 is stored upright.
        format: Pillow's name of it, such as `JPEG`.
    """

    height: int
    width: int
    orientation: int
    format: str

    @property
    def size_yx(self) -> tuple[int, int]:
        """Height and width of the upright photo."""
        return self.height, self.width

    @property
    def stored_yx(self) -> tuple[int, int]:
        """Height and width of the picture as it is stored."""
        turned = self.orientation in _QUARTER_TURNS
        return (self.width, self.height) if turned else (self.height, self.width)

    def to_upright(self, points_yx: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Points (..., 2) of the stored picture, in pixels, on the upright one."""
        height, width = self.stored_yx
        y, x = points_yx[..., 0], points_yx[..., 1]
        turned = {
            2: (y, width - x),
            3: (height - y, width - x),
            4: (height - y, x),
            5: (x, y),
            6: (x, height - y),
            7: (width - x, height - y),
            8: (width - x, y),
        }
        return np.stack(turned.get(self.orientation, (y, x)), -1)


def read_header(path: Path) -> PhotoHeader:
    """Read a photo's header.

    Raises:
        FileNotFoundError: there is no such file.
        ImageDecodeError: it is no image, or a damaged one.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
            kind = image.format or ""
    except FileNotFoundError:
        raise
    # Damaged files make Pillow's readers raise almost anything.
    except Exception as error:
        raise ImageDecodeError(str(error) or type(error).__name__, str(path)) from error
    if orientation not in range(1, 9):
        orientation = 1
    if orientation in _QUARTER_TURNS:
        height, width = width, height
    return PhotoHeader(height, width, orientation, kind)
