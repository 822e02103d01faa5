"""The page's icon, drawn: a yellow plate between the marks of a viewfinder."""

from __future__ import annotations

from PIL import Image, ImageDraw

__all__ = ["icon"]

_INK, _YELLOW = (16, 18, 21), (255, 214, 0)
_SMOOTH = 4
"""How many times larger it is drawn than shown."""


def icon(size: int) -> Image.Image:
    """A square icon, RGB, whose middle four fifths bear being cut to any shape.

    Args:
        size: of a side, pixels.
    """
    side = size * _SMOOTH
    picture = Image.new("RGB", (side, side), _INK)
    pen = ImageDraw.Draw(picture)

    def at(*parts: float) -> list[float]:
        return [part * side for part in parts]

    near, far, arm, line = 0.2, 0.8, 0.14, round(0.035 * side)
    for x, inward in ((near, arm), (far, -arm)):
        for y, down in ((near, arm), (far, -arm)):
            corner = at(x + inward, y, x, y, x, y + down)
            pen.line(corner, fill=_YELLOW, width=line, joint="curve")
    pen.rounded_rectangle(at(0.27, 0.38, 0.73, 0.62), 0.05 * side, fill=_YELLOW)
    for x in (0.36, 0.453, 0.547, 0.64):
        bar = at(x - 0.017, 0.44, x + 0.017, 0.56)
        pen.rounded_rectangle(bar, 0.017 * side, fill=_INK)
    return picture.resize((size, size), Image.Resampling.LANCZOS)
