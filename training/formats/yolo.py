"""YOLO: a text file a photo, with a line a region, in parts of width and height.

A line is `class xc yc w h`, with or without a confidence, or `class x1 y1 x2 y2 ...`, a
polygon. The names of the classes are in `data.yaml`, `classes.txt` or `obj.names`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fused_ocr.errors import AnnotationError

from ..dependencies import needed_for
from .parsing import files_below, number, read_bytes
from .photo_folders import PICTURES
from .records import ClassNames, Finding, Item, PhotoRecord, Points, Region, rectangle

__all__ = ["read_class_names", "read_yolo"]

_NAMES = ("data.yaml", "data.yml", "classes.txt", "obj.names", "_darknet.labels")
"""Files with the names of classes, beside or above the labels."""

_NO_LABELS = re.compile(
    r"(classes|train|val|valid|validation|test|readme.*|license|notes|requirements)"
    r"\.txt",
    re.IGNORECASE,
)


def read_yolo(source: Path, names: Path | None = None) -> Iterator[Item]:
    """Read a folder of label files, or one.

    Args:
        source: the folder, with its subfolders. If some are called `labels`, only what
            is in them counts.
        names: the file with the names of the classes; None looks for the usual ones.

    Yields:
        The names, a record for each label file, and findings: also photos that no label
        file speaks of, which are not taken for empty.

    Raises:
        AnnotationError: there is no label file, or the file of the names is wrong.
    """
    names = names or _names_file(source)
    known: tuple[str, ...] = ()
    if names is not None:
        known = read_class_names(names)
        yield ClassNames(known)
    else:
        reason = f"none of {', '.join(_NAMES)} is there; classes are called 0, 1, ..."
        yield Finding("classes without names", str(source), reason)
    labels = [
        path
        for path in files_below(source, (".txt",))
        if path == source or not _NO_LABELS.fullmatch(path.name)
    ]
    inside = [path for path in labels if "labels" in path.relative_to(source).parts]
    for path in inside or labels:
        yield from _photo(path, known)
    yield from _unlabelled(source, {path.stem for path in inside or labels})


def read_class_names(path: Path) -> tuple[str, ...]:
    """The names in a file: the `names` of a `.yaml`, else one a line.

    Raises:
        AnnotationError: there are none, or they cannot be understood.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
        if path.suffix.lower() not in (".yaml", ".yml"):
            found = [line.strip() for line in text.splitlines()]
            while found and not found[-1]:
                found.pop()
        else:
            found = _yaml_names(text)
    except (AnnotationError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path}: {error}") from error
    if not found or "" in found or len(set(found)) < len(found):
        raise AnnotationError(
            f"{path}: expected names of classes, each one once. Received: {found}."
        )
    return tuple(found)


def _names_file(source: Path) -> Path | None:
    folders = [source, *list(source.absolute().parents)[:2]]
    places = (folder / name for folder in folders for name in _NAMES)
    return next((path for path in places if path.is_file()), None)


def _photo(path: Path, known: Sequence[str]) -> Iterator[Item]:
    try:
        lines = read_bytes(path).decode("utf-8-sig").splitlines()
    except (AnnotationError, UnicodeDecodeError) as error:
        yield Finding("malformed", str(path), str(error))
        return
    regions: list[Region] = []
    damaged = 0
    for i, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            regions.append(_region(line.split(), f"line {i}", known))
        except AnnotationError as error:
            damaged += 1
            yield Finding("malformed", f"{path}, line {i}", str(error))
    yield PhotoRecord(
        (path.stem,),
        path.parent,
        str(path),
        regions,
        relative=True,
        damaged=damaged,
    )


def _region(words: list[str], place: str, known: Sequence[str]) -> Region:
    if len(words) < 5 or (len(words) > 6 and len(words) % 2 == 0):
        raise AnnotationError(
            "expected class xc yc w h, or class x1 y1 x2 y2 x3 y3 ... Received: "
            f"{len(words)} columns: {' '.join(words[:10])}."
        )
    label = number(words[0], "the class")
    if label != int(label) or label < 0 or (known and label >= len(known)):
        raise AnnotationError(
            f"the class must be one of 0..{len(known) - 1 if known else 'n'}. "
            f"Received: {words[0]}."
        )
    values = [number(word, f"column {i}") for i, word in enumerate(words[1:], 2)]
    if len(values) <= 5 and max(map(abs, values[:4])) > 2:
        raise AnnotationError(
            "edges must be parts of width and height, 0 to 1. Received: "
            f"{' '.join(words[1:5])}. Are these pixels?"
        )
    name = known[int(label)] if known else str(int(label))
    return Region(_points(values), name, place=place)


def _points(values: list[float]) -> Points:
    if len(values) >= 6:
        return np.reshape(values, (-1, 2))[:, ::-1]
    x, y, width, height = values[:4]
    return rectangle(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _unlabelled(source: Path, stems: set[str]) -> Iterator[Finding]:
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        if path.suffix.lower() in PICTURES and path.stem not in stems:
            reason = (
                "no label file speaks of it; left out (an empty one makes a negative)"
            )
            yield Finding("photo without annotation", str(path), reason)


def _yaml_names(text: str) -> list[str]:
    with needed_for("YAML"):
        import yaml
    try:
        # All scalars stay strings: a class may be called `no`.
        whole = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise AnnotationError(f"not YAML ({reason}).") from error
    if not isinstance(whole, dict) or "names" not in whole:
        raise AnnotationError("has no `names:`.")
    names = whole["names"]
    if isinstance(names, dict):
        numbers = [str(i) for i in range(len(names))]
        if set(names) != set(numbers):
            raise AnnotationError(f"`names` need numbers 0, 1, ... Has: {list(names)}.")
        names = [names[number] for number in numbers]
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise AnnotationError(f"`names` must be a list. Received: {names!r}.")
    return [name.strip() for name in names]
