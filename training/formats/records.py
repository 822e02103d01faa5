"""What a reader of a format yields: photos with regions, class names, and findings.

Readers say what is written and judge nothing else: where the photo is, whether a box
lies in it, and what its classes are numbered is the conversion's business.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "LEVELS",
    "NOWHERE",
    "ClassNames",
    "Finding",
    "Item",
    "Level",
    "PhotoRecord",
    "Points",
    "Region",
    "rectangle",
]

Points = npt.NDArray[np.float64]
"""float64 (k, 2), y and x of points."""

Level: TypeAlias = Literal["failed", "dropped", "noted"]

NOWHERE = "class that is nowhere"

LEVELS: dict[str, Level] = {
    "malformed": "failed",
    NOWHERE: "failed",
    "missing photo": "dropped",
    "ambiguous photo": "dropped",
    "unreadable photo": "dropped",
    "duplicate photo": "dropped",
    "nothing left of photo": "dropped",
    "unknown photo": "dropped",
    "empty box": "dropped",
    "box outside photo": "dropped",
    "duplicate box": "dropped",
    "shape without area": "dropped",
    "unknown class": "dropped",
    "class not asked for": "dropped",
    "not a character": "dropped",
    "text outside alphabet": "dropped",
    "box cut at the edge": "noted",
    "corners left out": "noted",
    "other size than written": "noted",
    "other suffix than written": "noted",
    "turned upright": "noted",
    "key not used": "noted",
    "classes without names": "noted",
    "photo without regions": "noted",
    "photo without annotation": "noted",
    "columns": "noted",
}
"""How bad each kind of finding is: not understood, left out, or only worth knowing."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that was not taken over as it was written.

    Attributes:
        kind: a key of `LEVELS`.
        place: the file, and where in it.
        reason: what is there, and what became of it.
    """

    kind: str
    place: str
    reason: str

    @property
    def level(self) -> Level:
        """`failed`, `dropped` or `noted`."""
        return LEVELS[self.kind]


@dataclasses.dataclass(frozen=True, eq=False)
class Region:
    """One region as it is written.

    Attributes:
        points_yx: float64 (k, 2), pixel edges or, with `PhotoRecord.relative`, parts of
            height and width. Two points are a rectangle's first and last corner, more
            are a polygon; None is the whole photo.
        label: name of the class.
        text: what it says; empty if not known.
        place: where in the record, such as `object 2`.
        ordered: four points run from the text's top left along its upper edge; if not,
            they may start anywhere.
        readable: False if the source says that nobody can read it.
    """

    points_yx: Points | None
    label: str
    text: str = ""
    place: str = ""
    ordered: bool = False
    readable: bool = True


@dataclasses.dataclass(frozen=True, eq=False)
class PhotoRecord:
    """One photo as it is written.

    Attributes:
        names: what the photo may be called, the most trusted first: paths or file
            names, with or without a suffix.
        near: the folder that relative names start from.
        place: the file that says so, and where in it.
        regions: in the order they are written; none for a photo without anything.
        size_yx: height and width that the source gives; None if it does not.
        relative: points are parts of height and width, not pixels.
        damaged: regions of it that were malformed, and are findings instead.
    """

    names: tuple[str, ...]
    near: Path
    place: str
    regions: Sequence[Region] = ()
    size_yx: tuple[int, int] | None = None
    relative: bool = False
    damaged: int = 0


@dataclasses.dataclass(frozen=True)
class ClassNames:
    """Classes that a source lists in an order of its own, used or not."""

    names: tuple[str, ...]


Item: TypeAlias = PhotoRecord | Finding | ClassNames
"""What readers yield."""


def rectangle(x1: float, y1: float, x2: float, y2: float) -> Points:
    """The two points of a rectangle from edges in the order of most formats.

    >>> rectangle(1, 2, 3, 4).tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    return np.array([[y1, x1], [y2, x2]], np.float64)
