"""One row of the annotation file; the columns are those of `annotations`."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fused_ocr.errors import AnnotationError

__all__ = ["AnnotationRow", "columns_behind_class", "parse_row"]

_UNREADABLE = "unreadable"


@dataclasses.dataclass(frozen=True)
class AnnotationRow:
    """A box as it is written.

    Attributes:
        edges: x1, y1, x2, y2, pixels.
        label: index of the class.
        text: what it says; empty if not known.
        corners: x1, y1, ... x4, y4, clockwise from the text's top left, pixels; empty
            if not known.
        readable: False if nobody can read it.
    """

    edges: list[float]
    label: int
    text: str
    corners: list[float]
    readable: bool


def parse_row(
    place: str, row: list[str], classes: Sequence[str]
) -> AnnotationRow | None:
    """Read a row.

    Args:
        place: file and line, for errors.
        row: its columns.
        classes: names in the order of their indices.

    Returns:
        The box; None if the row is that of a photo without anything.

    Raises:
        AnnotationError: the row is wrong.
    """
    if len(row) < 6 or not row[0]:
        raise AnnotationError(
            f"{place}: a row is path,x1,y1,x2,y2,class_name, with the text of the "
            "box behind it if that is known, or path,,,,, for a photo without "
            f"anything. Received {len(row)} columns: {row}."
        )
    # A few columns behind the text are somebody else's, but for our own word.
    if len(row) < 15:
        flag = _UNREADABLE if _UNREADABLE in row[7:] else ""
        row = [*row[:7], *[""] * (15 - len(row[:7])), flag]
    if not any(row[1:16]):
        return None
    if not all(row[1:6]):
        raise AnnotationError(
            f"{place}: a box needs x1, y1, x2, y2 and a class name; a photo without "
            f"anything has none of them. Received: {row[1:7]}."
        )
    edges = [
        _number(place, name, written, "If this is a headline, remove it.")
        for name, written in zip(("x1", "y1", "x2", "y2"), row[1:5], strict=True)
    ]
    for axis, low, high in (("x", edges[0], edges[2]), ("y", edges[1], edges[3])):
        if high <= low:
            raise AnnotationError(
                f"{place}: {axis}2 must be larger than {axis}1. Received: {axis}1="
                f"{low:g}, {axis}2={high:g}. The order is x1,y1,x2,y2."
            )
    if row[5] not in classes:
        near = difflib.get_close_matches(row[5], classes, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise AnnotationError(
            f"{place}: class {row[5]!r} is not in the class file.{hint} Known: "
            f"{', '.join(classes)}."
        )
    text = row[6] if len(row) > 6 else ""
    flag = row[15] if len(row) > 15 else ""
    if flag not in ("", _UNREADABLE) or (flag and text):
        raise AnnotationError(
            f"{place}: column 16 says {_UNREADABLE!r} of a box without text, or "
            f"nothing. Received: {flag!r}, with the text {text!r}."
        )
    corners = _corners(place, row[7:15], edges)
    return AnnotationRow(edges, list(classes).index(row[5]), text, corners, not flag)


def _corners(place: str, written: list[str], edges: list[float]) -> list[float]:
    """The corners in columns 8 to 15; empty if there are none."""
    if not any(written):
        return []
    names = [f"{axis}{i} of the corners" for i in range(1, 5) for axis in "xy"]
    values = [
        _number(place, name, value, "Columns 8 to 15 are all corners, or all empty.")
        for name, value in zip(names, written, strict=True)
    ]
    for axis in range(2):
        low, high = min(values[axis::2]), max(values[axis::2])
        # The box is cut to the photo, and rounded to whole pixels, but never larger.
        if edges[axis] < low - 1 or edges[axis + 2] > high + 1:
            raise AnnotationError(
                f"{place}: the box must lie in the bounds of its corners. Received: "
                f"{'xy'[axis]} {edges[axis]:g} to {edges[axis + 2]:g}, corners {low:g} "
                f"to {high:g}. Their order is x1,y1,...,x4,y4."
            )
    return values


def _number(place: str, name: str, written: str, hint: str) -> float:
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise AnnotationError(
            f"{place}: {name} must be a number. Received: {written!r}. {hint}"
        )
    return value


def columns_behind_class(
    text: str, corners_yx: npt.NDArray[np.float32], *, readable: bool
) -> list[str]:
    """Columns 7 to 16, as far as there is something in them.

    Args:
        text: of the box; empty if not known.
        corners_yx: float32 (4, 2), clockwise from the text's top left; NaN if not
            known. Written to hundredths of a pixel.
        readable: False if nobody can read it.
    """
    known = bool(np.isfinite(corners_yx).all())
    corners = [
        np.format_float_positional(v, precision=2, trim="-") if known else ""
        for v in corners_yx[:, ::-1].ravel()
    ]
    columns = [text, *corners, "" if readable else _UNREADABLE]
    while columns and not columns[-1]:
        columns.pop()
    return columns
