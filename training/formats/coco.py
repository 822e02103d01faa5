"""COCO's JSON of objects, and COCO-Text's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fused_ocr.errors import AnnotationError

from .parsing import Keys, files_below, number, read_json, storable
from .records import ClassNames, Finding, Item, PhotoRecord, Points, Region, rectangle

__all__ = ["read_coco"]


def read_coco(source: Path, keys: Keys | None = None) -> Iterator[Item]:
    """Read a folder of JSON files, or one.

    Args:
        source: the folder, with its subfolders, or the file.
        keys: of an annotation or of its `attributes`, for the text; the class is that
            of its `category_id`.

    Yields:
        The categories by their ids, a record for each image, and findings. The outline
        is `segmentation` if that is one polygon of four points, else `bbox`.

    Raises:
        AnnotationError: there is no JSON file.
    """
    keys = keys or Keys()
    for path in files_below(source, (".json",)):
        try:
            yield from _file(path, read_json(path), keys)
        except AnnotationError as error:
            yield Finding("malformed", str(path), str(error))


@dataclasses.dataclass
class _Annotations:
    """The regions of an image, and how many of it were malformed."""

    regions: list[Region] = dataclasses.field(default_factory=list)
    damaged: int = 0


def _file(path: Path, value: Any, keys: Keys) -> Iterator[Item]:
    images = _listed(value, "images", "imgs")
    annotations = _listed(value, "annotations", "anns")
    categories: dict[Any, str] = {}
    for i, one in enumerate(_listed(value, "categories", needed=False)):
        name = _name(one, "name")
        if name is None or not storable(name):
            reason = "a category needs an `id` and a `name`."
            yield Finding("malformed", f"{path}, categories[{i}]", reason)
        else:
            categories[one["id"]] = name
    yield ClassNames(tuple(categories[k] for k in sorted(categories, key=_by_id)))
    by_image = {
        one["id"]: _Annotations()
        for one in images
        if _name(one, "file_name") is not None
    }
    for i, one in enumerate(annotations):
        place = f"annotations[{i}]"
        image = one.get("image_id") if isinstance(one, dict) else None
        if not _is_id(image):
            reason = "an annotation needs an `image_id`."
            yield Finding("malformed", f"{path}, {place}", reason)
        elif image not in by_image:
            reason = f"image_id {image!r} is not among the images; left out"
            yield Finding("unknown photo", f"{path}, {place}", reason)
        else:
            try:
                region = _region(one, place, categories, keys)
                by_image[image].regions.append(region)
            except AnnotationError as error:
                yield Finding("malformed", f"{path}, {place}", str(error))
                by_image[image].damaged += 1
    for i, one in enumerate(images):
        place = f"{path}, images[{i}]"
        name = _name(one, "file_name")
        if name is None:
            reason = "an image needs an `id` and a `file_name`."
            yield Finding("malformed", place, reason)
            continue
        # Whose annotations those of an id are that two images have, nobody knows. The
        # first gets them; the second must not become a photo without anything.
        mine = by_image.pop(one["id"], None)
        if mine is None:
            reason = f"id {one['id']!r} is that of an image before it; left out"
            yield Finding("duplicate photo", place, reason)
            continue
        yield PhotoRecord(
            (name,), path.parent, place, mine.regions, _size(one), damaged=mine.damaged
        )


def _name(one: Any, key: str) -> str | None:
    """The name in an entry that has an id, too; else None."""
    name = one.get(key) if isinstance(one, dict) else None
    good = isinstance(name, str) and name != "" and _is_id(one.get("id"))
    return str(name) if good else None


def _listed(value: Any, *names: str, needed: bool = True) -> list[Any]:
    """A list, or COCO-Text's dictionary as one."""
    keys = list(value) if isinstance(value, dict) else []
    for name in names:
        found = value[name] if name in keys else None
        if isinstance(found, dict):
            return list(found.values())
        if isinstance(found, list):
            return found
    if not needed:
        return []
    raise AnnotationError(
        f"expected an object with a list {names[0]!r}. Received: "
        f"{type(value).__name__} with {keys[:6] or 'no keys'}. Is this COCO?"
    )


def _is_id(value: object) -> bool:
    return isinstance(value, (int, str))


def _by_id(value: int | str) -> tuple[bool, int, str]:
    return (True, 0, value) if isinstance(value, str) else (False, value, "")


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = image.get("height"), image.get("width")
    if isinstance(height, int) and isinstance(width, int) and height * width > 0:
        return height, width
    return None


def _region(
    one: Mapping[str, Any], place: str, categories: Mapping[Any, str], keys: Keys
) -> Region:
    category = one.get("category_id")
    if categories and (not _is_id(category) or category not in categories):
        raise AnnotationError(
            f"category_id {category!r} is not among the categories: "
            f"{list(categories)[:10]}."
        )
    attributes = one.get("attributes")
    text = keys.find_text(one)
    if not text and isinstance(attributes, dict):
        text = keys.find_text(attributes)
    return Region(
        _points(one),
        categories[category] if categories else keys.find_label(one),
        text,
        place,
        # COCO-Text's word; what is illegible there has an empty text, or a guess.
        readable=one.get("legibility") != "illegible",
    )


def _points(one: Mapping[str, Any]) -> Points:
    polygons = one.get("segmentation")
    if isinstance(polygons, list) and len(polygons) == 1:
        values = polygons[0]
        if isinstance(values, list) and len(values) in (8, 10):
            numbers = [number(v, f"segmentation {i}") for i, v in enumerate(values)]
            points = np.reshape(numbers, (-1, 2))[:, ::-1]
            if len(points) == 4 or np.array_equal(points[0], points[-1]):
                return points
    box = one.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise AnnotationError(f"`bbox` must be [x, y, width, height]. Received: {box}.")
    x, y, width, height = (
        number(v, f"bbox {n}")
        for n, v in zip(("x", "y", "width", "height"), box, strict=True)
    )
    return rectangle(x, y, x + width, y + height)
