"""VGG Image Annotator: the JSON of version 1 and 2, exported or as a project.

Version 1 keeps a photo's regions in a dictionary, version 2 in a list; either may be
the whole file or lie in a project under `_via_img_metadata`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fused_ocr.errors import AnnotationError

from .parsing import Keys, files_below, number, read_json
from .records import Finding, Item, PhotoRecord, Points, Region, rectangle

__all__ = ["read_via"]


def read_via(source: Path, keys: Keys | None = None) -> Iterator[Item]:
    """Read a folder of JSON files, or one.

    Args:
        source: the folder, with its subfolders, or the file.
        keys: of `region_attributes`, for class and text.

    Yields:
        A record for each photo, and findings. Rectangles and polygons are taken, and
        the bounds of circles and ellipses; points and open lines have no area.

    Raises:
        AnnotationError: there is no JSON file.
    """
    keys = keys or Keys()
    for path in files_below(source, (".json",)):
        unused: Counter[str] = Counter()
        try:
            for key, entry in _entries(read_json(path)).items():
                yield from _photo(f"{path}, {key!r}", path.parent, entry, keys, unused)
        except AnnotationError as error:
            yield Finding("malformed", str(path), str(error))
        for key, count in unused.items():
            reason = f"{key!r} of {count} regions is taken neither as class nor as text"
            yield Finding("key not used", str(path), reason)


def _entries(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        entries = value.get("_via_img_metadata", value)
        if isinstance(entries, dict) and all(
            isinstance(entry, dict) and "filename" in entry
            for entry in list(entries.values())[:1]
        ):
            return entries
    raise AnnotationError(
        "expected an object with a `filename` and `regions` for each photo, as VIA 1 "
        f"and 2 export it, or a project of VIA 2. Received: {_shown(value)}."
    )


def _photo(
    place: str, folder: Path, entry: Any, keys: Keys, unused: Counter[str]
) -> Iterator[Item]:
    name = entry.get("filename") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not name:
        reason = f"expected an object with a `filename`. Received: {_shown(entry)}."
        yield Finding("malformed", place, reason)
        return
    written = entry.get("regions") or {}
    if not isinstance(written, (dict, list)):
        reason = f"`regions` must be an object or a list. Received: {_shown(written)}."
        yield Finding("malformed", f"{place}, key 'regions'", reason)
        return
    listed = written.items() if isinstance(written, dict) else enumerate(written)
    regions: list[Region] = []
    damaged = 0
    for key, one in listed:
        try:
            region = _region(one, f"region {key}", keys, unused)
        except AnnotationError as error:
            damaged += 1
            yield Finding("malformed", f"{place}, region {key}", str(error))
            continue
        if region is None:
            shape = one["shape_attributes"].get("name")
            reason = f"a {shape} has no area; left out"
            yield Finding("shape without area", f"{place}, region {key}", reason)
            damaged += 1
        else:
            regions.append(region)
    # Photos may be addresses in the web; the file may have been fetched since.
    names = (name, PurePosixPath(name).name)
    yield PhotoRecord(names, folder, place, regions, damaged=damaged)


def _region(one: Any, place: str, keys: Keys, unused: Counter[str]) -> Region | None:
    shape = one.get("shape_attributes") if isinstance(one, dict) else None
    if not isinstance(shape, dict):
        raise AnnotationError(
            f"expected an object with `shape_attributes`. Received: {_shown(one)}."
        )
    points = _points(shape)
    attributes = one.get("region_attributes") or {}
    if not isinstance(attributes, dict):
        raise AnnotationError(
            f"`region_attributes` must be an object. Received: {_shown(attributes)}."
        )
    unused.update(k for k in attributes if k not in (*keys.label, *keys.text))
    if points is None:
        return None
    label, text = keys.find_label(attributes), keys.find_text(attributes)
    return Region(points, label, text, place)


def _points(shape: Mapping[str, Any]) -> Points | None:
    """Outline of a shape; None if it has no area."""

    def value(key: str) -> float:
        if key not in shape:
            raise AnnotationError(f"a {kind} needs {key!r}. It has: {list(shape)}.")
        return number(shape[key], key)

    kind = shape.get("name")
    if kind == "rect":
        x, y = value("x"), value("y")
        return rectangle(x, y, x + value("width"), y + value("height"))
    if kind in ("polygon", "polyline"):
        points = _polygon(shape, str(kind))
        # Some draw a closed line instead of a polygon.
        closed = kind == "polygon" or np.array_equal(points[0], points[-1])
        return points if closed and len(points) >= 3 else None
    if kind in ("circle", "ellipse"):
        rx = value("r" if kind == "circle" else "rx")
        ry = rx if kind == "circle" else value("ry")
        theta = number(shape.get("theta", 0), "theta")
        x, y, cos, sin = value("cx"), value("cy"), math.cos(theta), math.sin(theta)
        across, down = math.hypot(rx * cos, ry * sin), math.hypot(rx * sin, ry * cos)
        return rectangle(x - across, y - down, x + across, y + down)
    if kind == "point":
        return None
    raise AnnotationError(
        "`name` of a shape must be rect, polygon, polyline, circle, ellipse or point. "
        f"Received: {kind!r}."
    )


def _polygon(shape: Mapping[str, Any], kind: str) -> Points:
    axes = [shape.get("all_points_y"), shape.get("all_points_x")]
    y, x = (axis if isinstance(axis, list) else [] for axis in axes)
    if not y or len(y) != len(x):
        raise AnnotationError(
            f"a {kind} needs as many `all_points_x` as `all_points_y`. Received: "
            f"{len(x)} and {len(y)}."
        )
    return np.array(
        [
            [number(v, f"all_points_y {i}"), number(u, f"all_points_x {i}")]
            for i, (v, u) in enumerate(zip(y, x, strict=True))
        ]
    )


def _shown(value: Any) -> str:
    kind = type(value).__name__
    return f"{kind} with {list(value)[:4]}" if isinstance(value, dict) else kind
