"""What of a record is kept: pixels of the upright photo, inside it, each box once."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from fused_ocr.boxes import Boxes, areas, clip
from fused_ocr.errors import ConfigError

from ..photo_header import PhotoHeader
from .characters import each_character, united
from .outlines import bounds, corners_of
from .parsing import storable
from .records import PhotoRecord, Points, Region

__all__ = ["KeptRegion", "Rules", "Say", "keep_regions"]

Say: TypeAlias = Callable[[str, str, str], None]
"""Takes kind, place and reason of a finding."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
    """What is wanted of a source.

    Attributes:
        only: classes of the source to take; empty takes all.
        label: one class for all regions; None keeps the source's.
        characters: `each` or `unite` for boxes of single characters whose class is the
            character; None for all others.
        alphabet: characters that texts may have; None for any.
        unreadable: texts by which the source says that nobody can read it.
        unturned: points lie on the photo as it is stored, without its EXIF turn.

    Raises:
        ConfigError: an empty label or alphabet.
    """

    only: tuple[str, ...] = ()
    label: str | None = None
    characters: Literal["each", "unite"] | None = None
    alphabet: str | None = None
    unreadable: tuple[str, ...] = ("###",)
    unturned: bool = False

    def __post_init__(self) -> None:
        for name in ("label", "alphabet"):
            if getattr(self, name) == "":
                raise ConfigError(f"Rules.{name} must not be empty. Received: ''.")


@dataclasses.dataclass(frozen=True, eq=False)
class KeptRegion:
    """One region that is taken over.

    Attributes:
        box_yxyx: float32 (4,), pixel edges inside the upright photo, at least a pixel
            high and wide.
        corners_yx: float32 (4, 2), clockwise from the text's top left; NaN if unknown.
        label: name of the class.
        text: empty if not known.
        readable: False if nobody can read it; it has no text then.
    """

    box_yxyx: Boxes
    corners_yx: npt.NDArray[np.float32]
    label: str
    text: str
    readable: bool


def keep_regions(
    record: PhotoRecord, header: PhotoHeader, rules: Rules, say: Say
) -> list[KeptRegion] | None:
    """The regions that are kept.

    Args:
        record: as it was read.
        header: of its photo.
        rules: what is wanted.
        say: is told what is not taken over as written.

    Returns:
        The regions; none for a photo without anything; None for a photo that is not
        empty but has nothing left, and so must not become a negative.
    """
    if rules.only:
        record = _asked_for(record, rules.only, say)
    if rules.characters == "each":
        record = each_character(record, say)
    elif rules.characters == "unite":
        record = united(record, say)
    lost = record.damaged > 0
    stored = _lies_stored(record, header, rules, say)
    kept: list[KeptRegion] = []
    seen: set[tuple[object, ...]] = set()
    for region in record.regions:
        place = f"{record.place}, {region.place}" if region.place else record.place
        points = _pixels(region, record, header, stored=stored)
        problem = _problem(points, header)
        if problem:
            say(problem[0], place, problem[1])
            lost = True
            continue
        if not (storable(region.text) and storable(region.label)):
            reason = f"no text or class: {region.text!r}, {region.label!r}; left out"
            say("malformed", place, reason)
            lost = True
            continue
        one = _kept(region, points, header, rules, _placed(say, place))
        key = (*one.box_yxyx.tolist(), one.label, one.text)
        if key in seen:
            say("duplicate box", place, f"{_named(points)} comes again; left out")
            continue
        seen.add(key)
        kept.append(one)
    return None if lost and not kept else kept


def _asked_for(record: PhotoRecord, only: tuple[str, ...], say: Say) -> PhotoRecord:
    for region in record.regions:
        if region.label not in only:
            place = f"{record.place}, {region.place}"
            say("class not asked for", place, f"class {region.label!r} is left out")
    regions = tuple(region for region in record.regions if region.label in only)
    return dataclasses.replace(record, regions=regions)


def _placed(say: Say, place: str) -> Callable[[str, str], None]:
    return lambda kind, reason: say(kind, place, reason)


def _lies_stored(
    record: PhotoRecord, header: PhotoHeader, rules: Rules, say: Say
) -> bool:
    """Whether the points lie on the photo as it is stored, without its EXIF turn."""
    written, upright, stored = record.size_yx, header.size_yx, header.stored_yx
    # A size that only the stored picture has tells on what it was drawn.
    result = rules.unturned or (written == stored and written != upright)
    if result and header.orientation != 1:
        reason = "drawn on the photo without its EXIF turn; turned with it"
        say("turned upright", record.place, reason)
    real = stored if result else upright
    if written is not None and written != real:
        say(
            "other size than written",
            record.place,
            f"it says {written[1]}x{written[0]}, the photo is {real[1]}x{real[0]} "
            "(width x height); boxes are taken as they are",
        )
    return result


def _pixels(
    region: Region, record: PhotoRecord, header: PhotoHeader, *, stored: bool
) -> Points:
    """The points in pixels of the upright photo."""
    if region.points_yx is None:
        return np.array([(0, 0), header.size_yx], np.float64)
    # What no photo reaches is as good as infinite, and must not overflow.
    points = region.points_yx.clip(-1e9, 1e9)
    if record.relative:
        points = points * (header.stored_yx if stored else header.size_yx)
    # Before it is turned: an inverted rectangle may come out of a turn the right way.
    if len(points) == 2 and not (points[0] < points[1]).all():
        return points
    points = header.to_upright(points) if stored else points
    return np.array([points.min(0), points.max(0)]) if len(points) == 2 else points


def _problem(points: Points, header: PhotoHeader) -> tuple[str, str] | None:
    """Kind and reason if there is nothing to keep."""
    first, last = points[0], points[-1]
    empty = len(points) == 2 and not (first < last).all()
    box = np.array(bounds(points), np.float32)
    if empty or areas(box) <= 0:
        return "empty box", f"{_named(points)} is empty or inverted; left out"
    cut = clip(box, header.height, header.width)
    where = f"in a photo {header.width} wide and {header.height} high"
    if areas(cut) <= 0:
        return "box outside photo", f"{_named(points)} {where}; left out"
    if min(cut[2] - cut[0], cut[3] - cut[1]) < 1:
        reason = f"{_named(points)} {where} shows less than a pixel; left out"
        if np.abs(points).max() <= 1:
            reason += ". If these are parts of width and height: --relative"
        return "empty box", reason
    return None


def _kept(
    region: Region,
    points: Points,
    header: PhotoHeader,
    rules: Rules,
    say: Callable[[str, str], None],
) -> KeptRegion:
    box = np.array(bounds(points), np.float32)
    cut = clip(box, header.height, header.width)
    # Half a pixel over the edge is rounding.
    if np.abs(box - cut).max() > 0.5:
        size = f"{header.width}x{header.height}"
        say("box cut at the edge", f"{_named(points)} in a photo of {size}")
    corners = corners_of(points, ordered=region.ordered)
    if corners is None and region.ordered:
        written = " ".join(f"{x:g},{y:g}" for y, x in points.tolist())
        reason = f"{written} is not convex; only its bounds are kept"
        say("corners left out", reason)
    text = unicodedata.normalize("NFC", region.text).strip()
    readable = region.readable and text not in rules.unreadable
    text = text if readable else ""
    strange = sorted(set(text) - set(rules.alphabet or text))
    if strange:
        say(
            "text outside alphabet",
            f"{text!r} has {' '.join(map(repr, strange))}; its box stays, without text",
        )
        text = ""
    return KeptRegion(
        cut,
        np.full((4, 2), np.nan, np.float32)
        if corners is None
        else corners.astype(np.float32),
        rules.label or region.label,
        text,
        readable,
    )


def _named(points: Points) -> str:
    ends = points if len(points) == 2 else np.array(bounds(points)).reshape(2, 2)
    (y1, x1), (y2, x2) = ends.tolist()
    return f"box x1={x1:g} y1={y1:g} x2={x2:g} y2={y2:g}"
