"""Characters as dies stamp them into number plates: one stroke, even and round.

The dies of most American states, and of others, are in no font. What they share is
drawn here, each time another way: strokes of one thickness, between two lines, with
corners that are more or less rounded; and for many characters two or three forms, as
an open or a closed 4.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from fused_ocr.alphabet import ALPHANUMERIC
from fused_ocr.errors import ConfigError

from ..glyphs import Mask

__all__ = ["PlateDies"]

_TALL = 6.0
"""Of all characters' strokes, from the first y to the last; x starts at 0."""

_FINE = 3
"""Pixels drawn for one of the mask's, along each side."""

_O = "o0,0 4,0 4,6 0,6 0,0"
_P = "-0,6 0,0;o0,0 4,0 4,3.3 0,3.3"

_FORMS = {
    "A": ("-0,6 2,0 4,6;-.7,4 3.3,4", "-0,6 1.6,0 2.4,0 4,6;-.6,4 3.4,4",
          "o0,6 0,0 4,0 4,6;-0,3.5 4,3.5"),
    "B": ("-0,0 0,6;o0,0 3.7,0 3.7,2.9 0,2.9;o0,2.9 4,2.9 4,6 0,6",),
    "C": ("o4,1.6 4,0 0,0 0,6 4,6 4,4.4",),
    "D": ("-0,0 0,6;o0,0 4,0 4,6 0,6", "-.5,0 .5,6;o0,0 4,0 4,6 0,6"),
    "E": ("-4,0 0,0 0,6 4,6;-0,3 3.3,3",),
    "F": ("-4,0 0,0 0,6;-0,3 3.3,3",),
    "G": ("o4,1.6 4,0 0,0 0,6 4,6 4,3.2 2.3,3.2",
          "o4,1.6 4,0 0,0 0,6 4,6 4,3.3;-2.2,3.3 4,3.3",
          "o4,1.6 4,0 0,0 0,6 4,6;-2.2,3.3 4,3.3 4,6"),
    "H": ("-0,0 0,6;-4,0 4,6;-0,3 4,3",),
    "I": ("-0,0 0,6", "-0,0 2.4,0;-1.2,0 1.2,6;-0,6 2.4,6"),
    "J": ("o3.6,0 3.6,6 0,6 0,4.2", "-1.6,0 3.6,0;o3.6,0 3.6,6 0,6 0,4.2"),
    "K": ("-0,0 0,6;-4,0 0,3.8;-1.3,2.6 4,6", "-0,0 0,6;-4,0 0,3 4,6"),
    "L": ("-0,0 0,6 3.8,6",),
    "M": ("-0,6 0,0 2.4,3.4 4.8,0 4.8,6", "-0,6 0,0 2.4,6 4.8,0 4.8,6",
          "-0,6 .5,0 2.4,4.4 4.3,0 4.8,6"),
    "N": ("-0,6 0,0 4,6 4,0",),
    "O": (_O,),
    "P": (_P,),
    "Q": (f"{_O};-2.3,4.2 4.2,6", f"{_O};-2.2,4.2 3.4,6"),
    "R": (f"{_P};-2,3.3 4,6", f"{_P};o2,3.3 4,3.3 4,6"),
    "S": ("o4,1.5 4,0 0,0 0,3 4,3 4,6 0,6 0,4.5",),
    "T": ("-0,0 4,0;-2,0 2,6",),
    "U": ("o0,0 0,6 4,6 4,0",),
    "V": ("-0,0 2,6 4,0",),
    "W": ("-0,0 1.3,6 2.6,1.5 3.9,6 5.2,0", "-0,0 .6,6 2.6,2.6 4.6,6 5.2,0",
          "-0,0 1.3,6 2.6,0 3.9,6 5.2,0"),
    "X": ("-0,0 4,6;-4,0 0,6",),
    "Y": ("-0,0 2,3.2 4,0;-2,3.2 2,6", "o0,0 0,3.3 4,3.3 4,0;-2,3.3 2,6"),
    "Z": ("-0,0 4,0 0,6 4,6",),
    "0": (_O, _O, _O, f"{_O};-.7,5.2 3.3,.8"),
    "1": ("-0,1.3 1.4,0 1.4,6", "-0,0 0,6", "-.2,1.3 1.5,0 1.5,6;-0,6 3,6",
          "-0,.7 1,0 1,6"),
    "2": ("o0,1.6 0,0 4,0 4,2.8 0,5 0,6;-0,6 4,6", "o0,1.6 0,0 4,0 4,3.2 0,6;-0,6 4,6",
          "o0,1.6 0,0 4,0 4,3 0,3 0,6;-0,6 4,6"),
    "3": ("o0,1.5 0,0 4,0 4,2.9 1.4,2.9;o1.4,2.9 4,2.9 4,6 0,6 0,4.5",
          "-0,0 4,0 1.8,2.6;o1.8,2.6 4,2.6 4,6 0,6 0,4.5"),
    "4": ("-3,6 3,0 0,4.3 4,4.3", "-3.2,0 3.2,6;-0,0 0,3.8 4,3.8",
          "-2.6,6 2.6,0 0,4 3.9,4", "-3,2.2 3,6;-1.6,0 0,4.1 4,4.1"),
    "5": ("-3.8,0 .3,0 0,2.7;o0,2.7 4,2.7 4,6 0,6 0,4.5",
          "-3.8,0 0,0 0,2.9;o0,2.4 4,2.4 4,6 0,6 0,4.6"),
    "6": ("o4,1.4 4,0 0,0 0,6 4,6 4,2.8 0,2.8",
          "-3,0 .2,3.6;o0,2.8 4,2.8 4,6 0,6 0,2.8"),
    "7": ("-0,0 4,0 1.4,6", "o0,0 4,0 4,1.6 1.6,3.6 1.6,6", "-0,1 0,0 4,0 1.2,6"),
    "8": ("o.2,0 3.8,0 3.8,2.9 .2,2.9 .2,0;o0,2.9 4,2.9 4,6 0,6 0,2.9",),
    "9": ("o0,4.6 0,6 4,6 4,0 0,0 0,3.2 4,3.2",
          "-1,6 3.8,2.4;o4,3.2 0,3.2 0,0 4,0 4,3.2"),
}  # fmt: skip
"""Forms of each character; a stroke is `-`, with sharp corners, or `o`, with round
ones, and its corners x,y."""

_Points = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class _Style:
    """What the characters of one plate share, in units of the forms."""

    thick: float
    radius: float
    wide: float
    zero: float  # width of a 0, compared with an O


@dataclasses.dataclass(frozen=True)
class PlateDies:
    """Draws digits and capitals as dies would; a style is any number."""

    def has(self, characters: str) -> bool:
        """Whether they are digits and capitals."""
        return set(characters) <= set(ALPHANUMERIC)

    def style(self, rng: np.random.Generator) -> int:
        """A set of dies."""
        return int(rng.integers(1 << 31))

    def draw(
        self,
        rng: np.random.Generator,  # noqa: ARG002
        character: str,
        height: int,
        style: int,
    ) -> Mask:
        """The mask of a character, `height` rows; a tip at its edge may be faint.

        Raises:
            ConfigError: it is no digit or capital.
        """
        if character not in _FORMS:
            raise ConfigError(
                f"Dies are of digits and capitals. Received: {character!r}."
            )
        shared = _style(style)
        forms = _FORMS[character]
        form = forms[
            int(np.random.default_rng([style, ord(character)]).integers(len(forms)))
        ]
        strokes = [_stroke(one, shared.radius) for one in form.split(";")]
        unit = _FINE * height / (_TALL + shared.thick)
        thick = max(2, round(shared.thick * unit))
        narrow = shared.wide * (shared.zero if character == "0" else 1.0)
        size = max(x.max() for x, _ in (s.T for s in strokes)) * narrow * unit + thick
        image = Image.new("L", (max(_FINE, round(size)), _FINE * height))
        draw = ImageDraw.Draw(image)
        for stroke in strokes:
            line = stroke * (narrow * unit, unit) + thick / 2
            points = [(float(x), float(y)) for x, y in line]
            draw.line(points, fill=255, width=thick, joint="curve")
            for x, y in (points[0], points[-1]):
                r = thick / 2 - 0.5
                draw.ellipse((x - r, y - r, x + r, y + r), fill=255)
        return np.asarray(image.reduce(_FINE))


@functools.lru_cache(maxsize=1024)
def _style(style: int) -> _Style:
    rng = np.random.default_rng(style)
    return _Style(
        thick=rng.uniform(0.6, 1.2),
        radius=rng.uniform(0.5, 2.1),
        wide=rng.uniform(0.68, 1.0),
        zero=float(rng.choice([1.0, rng.uniform(0.75, 1.0)])),
    )


@functools.lru_cache(maxsize=4096)
def _stroke(written: str, radius: float) -> _Points:
    """The points (n, 2) of a stroke, x and y."""
    pairs = (pair.split(",") for pair in written[1:].split())
    corners = np.array([(float(x), float(y)) for x, y in pairs])
    return corners if written[0] == "-" else _rounded(corners, radius)


def _rounded(corners: _Points, radius: float) -> _Points:
    """A line whose corners are cut along curves that start a radius before them."""
    closed = bool((corners[0] == corners[-1]).all())
    if closed:  # starts in the middle of a side
        middle = (corners[0] + corners[1]) / 2
        corners = np.concatenate([[middle], corners[1:], [middle]])
    points = [corners[:1]]
    bend = np.linspace(0, 1, 9)[:, None]
    last = len(corners) - 2
    for i in range(1, len(corners) - 1):
        before, here, after = corners[i - 1 : i + 2]
        # Half a side is the next corner's; the ends have none.
        rooms = (1.0 if i == 1 else 0.5, 1.0 if i == last else 0.5)
        ends = []
        for other, room in zip((before, after), rooms, strict=True):
            far = float(np.linalg.norm(other - here))
            ends.append(here + (other - here) * min(radius / far, room))
        # A cubic whose handles lie 0.45 of the way from the corner is nearly a circle.
        first, second = (here + (end - here) * 0.45 for end in ends)
        points.append(
            (1 - bend) ** 3 * ends[0]
            + 3 * (1 - bend) ** 2 * bend * first
            + 3 * (1 - bend) * bend**2 * second
            + bend**3 * ends[1]
        )
    points.append(corners[-1:])
    return np.concatenate(points)
