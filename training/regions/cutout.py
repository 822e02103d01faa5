"""A flat picture with transparent parts, drawn before it is put into a scene."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from ..glyphs import Mask
from .chance import Colour

__all__ = ["Cutout", "Rectangle", "rounded"]

Rectangle = tuple[float, float, float, float]
"""Edges (y1, x1, y2, x2), pixels."""


def rounded(size_yx: tuple[int, int], box: Rectangle, radius: float) -> Mask:
    """The mask of a rectangle with round corners; soft edges, uint8 (height, width)."""
    scale = 2
    image = Image.new("L", (size_yx[1] * scale, size_yx[0] * scale))
    y1, x1, y2, x2 = (v * scale for v in box)
    edges = (x1, y1, max(x1, x2 - 1), max(y1, y2 - 1))
    ImageDraw.Draw(image).rounded_rectangle(edges, radius * scale, fill=255)
    return np.asarray(image.reduce(scale))


class Cutout:
    """A picture that is transparent until something is painted.

    Colours are kept multiplied by the cover, so that shrinking and warping mix them
    rightly at the edges.

    Args:
        size_yx: height and width, pixels.

    Attributes:
        pixels: float32 (h, w, 3), 0..255 times the cover.
        cover: float32 (h, w), 0 transparent to 1.
    """

    def __init__(self, size_yx: tuple[int, int]) -> None:
        self.pixels: npt.NDArray[np.float32] = np.zeros((*size_yx, 3), np.float32)
        self.cover: npt.NDArray[np.float32] = np.zeros(size_yx, np.float32)

    @property
    def size_yx(self) -> tuple[int, int]:
        """Height and width, pixels."""
        return self.cover.shape[0], self.cover.shape[1]

    def paint(
        self,
        mask: Mask,
        colour: Colour | Sequence[float],
        *,
        corner_yx: tuple[float, float] = (0, 0),
        opacity: float = 1.0,
    ) -> None:
        """Paint a mask over what is there; the part outside is cut off.

        Args:
            mask: uint8 (h, w), 0 to 255.
            colour: of the paint.
            corner_yx: where the mask's top left goes, rounded to pixels.
            opacity: of the paint, 0..1.
        """
        y, x = (round(v) for v in corner_yx)
        y1, x1 = max(0, y), max(0, x)
        y2 = min(self.size_yx[0], y + mask.shape[0])
        x2 = min(self.size_yx[1], x + mask.shape[1])
        if y1 >= y2 or x1 >= x2:
            return
        alpha = mask[y1 - y : y2 - y, x1 - x : x2 - x] * np.float32(opacity / 255)
        area, cover = self.pixels[y1:y2, x1:x2], self.cover[y1:y2, x1:x2]
        area += (np.asarray(colour, np.float32) - area) * alpha[..., None]
        cover += (1 - cover) * alpha

    def box(
        self,
        box: Rectangle,
        colour: Colour | Sequence[float],
        *,
        radius: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Paint a rectangle, with round corners if `radius` says so."""
        mask, corner = _local(box, radius)
        self.paint(mask, colour, corner_yx=corner, opacity=opacity)

    def frame(
        self,
        box: Rectangle,
        colour: Colour | Sequence[float],
        *,
        thick: float,
        radius: float = 0.0,
    ) -> None:
        """Paint the inner rim of a rectangle, `thick` pixels wide."""
        y1, x1, y2, x2 = box
        inner = (y1 + thick, x1 + thick, y2 - thick, x2 - thick)
        outside, corner = _local(box, radius)
        y, x = corner
        moved = (inner[0] - y, inner[1] - x, inner[2] - y, inner[3] - x)
        shape = (outside.shape[0], outside.shape[1])
        inside = rounded(shape, moved, max(0.0, radius - thick))
        self.paint(np.minimum(outside, 255 - inside), colour, corner_yx=corner)

    def shadow(self, mask: Mask, offset_yx: tuple[float, float], blur: float) -> None:
        """Put a soft shadow of a mask below everything that is painted later."""
        soft = Image.fromarray(mask).filter(ImageFilter.BoxBlur(blur))
        self.paint(np.asarray(soft), (0, 0, 0), corner_yx=offset_yx, opacity=0.5)

    def stain(
        self, alpha: npt.NDArray[np.float32], colour: Colour | Sequence[float]
    ) -> None:
        """Colour only what is covered; `alpha` is float32 (h, w), 0..1."""
        stained = np.asarray(colour, np.float32) * self.cover[..., None]
        self.pixels += (stained - self.pixels) * alpha[..., None]

    def light(self, factor: npt.NDArray[np.float32]) -> None:
        """Multiply the light by float32 (h, w), or (h, w, 3) by channel."""
        self.pixels *= factor if factor.ndim == 3 else factor[..., None]
        np.minimum(self.pixels, 255 * self.cover[..., None], out=self.pixels)

    def image(self) -> Image.Image:
        """Four bands: the multiplied colours, and the cover times 255."""
        bands = np.concatenate([self.pixels, self.cover[..., None] * 255], -1)
        return Image.fromarray(np.clip(bands + 0.5, 0, 255).astype(np.uint8), "RGBX")


def _local(box: Rectangle, radius: float) -> tuple[Mask, tuple[int, int]]:
    """The mask of a rectangle, no larger than needed, and where it goes (y, x)."""
    y, x = math.floor(box[0]), math.floor(box[1])
    size = (max(1, math.ceil(box[2]) - y), max(1, math.ceil(box[3]) - x))
    return rounded(size, (box[0] - y, box[1] - x, box[2] - y, box[3] - x), radius), (
        y,
        x,
    )
