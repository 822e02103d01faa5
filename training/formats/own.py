"""Our own annotation file as a source: to filter it, or to make TFRecords of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..annotations import AnnotatedPhoto, read_annotations, read_classes
from .records import ClassNames, Item, PhotoRecord, Region

__all__ = ["read_own"]


def read_own(annotations: Path, classes: Path) -> Iterator[Item]:
    """Read an annotation file and its class file.

    Yields:
        The classes, and a record for each photo.

    Raises:
        AnnotationError: a line is wrong; nothing is yielded then.
    """
    known = read_classes(classes)
    photos = read_annotations(annotations, known)
    yield ClassNames(known)
    for photo in photos:
        regions = [_region(photo, i, known) for i in range(len(photo.texts))]
        place = f"{annotations}, {photo.path}"
        # Absolute, or its folder would be put before it once more.
        names = (str(photo.path.absolute()),)
        yield PhotoRecord(names, annotations.parent, place, regions)


def _region(photo: AnnotatedPhoto, i: int, names: tuple[str, ...]) -> Region:
    corners = photo.quads_yx[i].astype(np.float64)
    known = bool(np.isfinite(corners).all())
    return Region(
        corners if known else photo.boxes_yxyx[i].astype(np.float64).reshape(2, 2),
        names[int(photo.labels[i])],
        photo.texts[i],
        f"box {i + 1}",
        ordered=known,
        readable=bool(photo.readable[i]),
    )
