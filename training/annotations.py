"""Annotated photos, in keras-retinanet's CSV: read strictly, written so it reads them.

A row is ``path,x1,y1,x2,y2,class_name`` with an optional seventh column, the text in
the box; ``path,,,,,`` is a photo without anything. The class file has the rows
``class_name,id``. keras-retinanet reads integers and ignores the seventh column; here
decimals are read too, blank lines are skipped, and a wrong line is named.
"""

from __future__ import annotations

import csv
import dataclasses
import difflib
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fused_ocr.boxes import Boxes, swap_xy
from fused_ocr.errors import AnnotationError

from .files import write_atomically

__all__ = [
    "AnnotatedPhoto",
    "read_annotations",
    "read_classes",
    "write_annotations",
    "write_classes",
]


@dataclasses.dataclass(frozen=True, eq=False)
class AnnotatedPhoto:
    """A photo's path and what is in it; without boxes it is a negative.

    Attributes:
        path: of the photo.
        boxes_yxyx: float32 (n, 4), pixel edges of the upright (EXIF-oriented) photo.
        labels: int64 (n,), indices of the classes.
        texts: what each box says; an empty string where that is not known.

    Raises:
        AnnotationError: boxes, labels and texts are not equally many.
    """

    path: Path
    boxes_yxyx: Boxes
    labels: npt.NDArray[np.int64]
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.texts)
        if self.boxes_yxyx.shape != (n, 4) or self.labels.shape != (n,):
            raise AnnotationError(
                f"{self.path}: a photo needs one label and one text for each of its "
                f"boxes (n, 4). Received: boxes {self.boxes_yxyx.shape}, labels "
                f"{self.labels.shape}, {n} texts."
            )


def read_classes(path: str | Path) -> tuple[str, ...]:
    """Read a class file.

    Args:
        path: of the file; rows ``class_name,id``.

    Returns:
        The names in the order of their ids.

    Raises:
        AnnotationError: the file or one of its lines is wrong, or the ids are not
            0..n-1.
    """
    path = Path(path)
    ids: dict[str, int] = {}
    lines: dict[int, int] = {}
    for line, row in _rows(path):
        place = f"{path}, line {line}"
        if len(row) != 2 or not row[0]:
            raise AnnotationError(
                f"{place}: a class is written as class_name,id. Received: {row}."
            )
        name = row[0]
        try:
            number = int(row[1])
        except ValueError as error:
            raise AnnotationError(
                f"{place}: the id of class {name!r} must be an integer. "
                f"Received: {row[1]!r}."
            ) from error
        if name in ids:
            raise AnnotationError(
                f"{place}: class {name!r} is already on line {lines[ids[name]]}. "
                "Remove one of the two."
            )
        if number in lines:
            raise AnnotationError(
                f"{place}: id {number} of class {name!r} is already taken on line "
                f"{lines[number]}. Give each class an id of its own."
            )
        ids[name] = number
        lines[number] = line
    for number, line in lines.items():
        if not 0 <= number < len(ids):
            raise AnnotationError(
                f"{path}, line {line}: the ids of {len(ids)} classes are "
                f"0..{len(ids) - 1}. Received: {number}. Number them without a gap."
            )
    return tuple(sorted(ids, key=ids.__getitem__))


def read_annotations(path: str | Path, classes: Sequence[str]) -> list[AnnotatedPhoto]:
    """Read an annotation file.

    Args:
        path: of the file; the photos' relative paths start from its folder.
        classes: names in the order of their indices, as `read_classes` gives them.

    Returns:
        The photos in the order of their first rows, with the boxes in file order.

    Raises:
        AnnotationError: the file or one of its lines is wrong.
    """
    path = Path(path)
    found: dict[Path, list[tuple[list[float], int, str]]] = {}
    for line, row in _rows(path):
        place = f"{path}, line {line}"
        if len(row) < 6 or not row[0]:
            raise AnnotationError(
                f"{place}: a row is path,x1,y1,x2,y2,class_name, with the text of the "
                "box behind it if that is known, or path,,,,, for a photo without "
                f"anything. Received {len(row)} columns: {row}."
            )
        items = found.setdefault(path.parent / row[0], [])
        if any(row[1:7]):
            items.append(_item(place, row, classes))
    return [
        AnnotatedPhoto(
            path=photo,
            boxes_yxyx=swap_xy(np.array([i[0] for i in items]).reshape(-1, 4)),
            labels=np.array([i[1] for i in items], np.int64),
            texts=tuple(i[2] for i in items),
        )
        for photo, items in found.items()
    ]


def write_annotations(
    path: str | Path, photos: Sequence[AnnotatedPhoto], classes: Sequence[str]
) -> None:
    """Write an annotation file that keras-retinanet reads too.

    Edges are rounded to whole pixels, and a box keeps at least one. Photos below the
    file's folder get relative paths, the others absolute ones.

    Args:
        path: of the file; it is replaced only when all rows are good.
        photos: at least one; each path once.
        classes: names in the order of their indices.

    Raises:
        AnnotationError: no photos, a path twice, a label without a class, or an empty
            or inverted box.
    """
    path = Path(path)
    rows: list[list[object]] = []
    seen: set[str] = set()
    for photo in photos:
        name = _name(photo.path, path.parent)
        if name in seen:
            raise AnnotationError(
                f"{path} would have {name} twice. Put all boxes into one photo."
            )
        seen.add(name)
        if not photo.texts:
            rows.append([name, "", "", "", "", ""])
        for box, label, text in zip(
            swap_xy(photo.boxes_yxyx).tolist(),
            photo.labels.tolist(),
            photo.texts,
            strict=True,
        ):
            if not 0 <= label < len(classes):
                raise AnnotationError(
                    f"{photo.path}: label {label} has no class. Expected 0.."
                    f"{len(classes) - 1}, indices of {list(classes)}."
                )
            edges, texts = _whole_pixels(photo.path, box), [text] if text else []
            rows.append([name, *edges, classes[label], *texts])
    _write(path, rows)


def write_classes(path: str | Path, classes: Sequence[str]) -> None:
    """Write a class file: the names with ids 0..n-1.

    Raises:
        AnnotationError: no names, an empty one, or one twice.
    """
    path = Path(path)
    if len(set(classes)) != len(classes) or "" in classes:
        raise AnnotationError(
            f"{path}: every class needs a name of its own. Received: {list(classes)}."
        )
    _write(path, [[name, number] for number, name in enumerate(classes)])


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and columns of each row that is not blank."""
    try:
        text = path.read_bytes().decode("utf-8-sig")  # Excel begins with a mark
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise AnnotationError(
            f"{path}, line {line}: not UTF-8 (byte {error.object[error.start]:#04x}). "
            "Save the file as UTF-8."
        ) from error
    except OSError as error:
        raise AnnotationError(
            f"{path} cannot be read: {error.strerror}. Expected a CSV file."
        ) from error
    # Strict, or a quote that is never closed would swallow all rows behind it.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    empty = True
    try:
        for row in reader:
            if row:
                empty = False
                yield reader.line_num, row
    except csv.Error as error:
        place = f"{path}, line {reader.line_num}"
        raise AnnotationError(f"{place}: not CSV ({error}).") from error
    if empty:
        raise AnnotationError(f"{path} is empty. Expected at least one row.")


def _item(
    place: str, row: list[str], classes: Sequence[str]
) -> tuple[list[float], int, str]:
    """Box (x1, y1, x2, y2), label and text of a row that is not a negative's."""
    if not all(row[1:6]):
        raise AnnotationError(
            f"{place}: a box needs x1, y1, x2, y2 and a class name; a photo without "
            f"anything has none of them. Received: {row[1:7]}."
        )
    edges = []
    for name, written in zip(("x1", "y1", "x2", "y2"), row[1:5], strict=True):
        try:
            edge = float(written)
        except ValueError:
            edge = math.nan
        if not math.isfinite(edge):
            raise AnnotationError(
                f"{place}: {name} must be a number. Received: {written!r}. If this is "
                "a headline, remove it."
            )
        edges.append(edge)
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
    return edges, list(classes).index(row[5]), row[6] if len(row) > 6 else ""


def _name(photo: Path, folder: Path) -> str:
    whole, start = photo.absolute(), folder.absolute()
    return (whole.relative_to(start) if start in whole.parents else whole).as_posix()


def _whole_pixels(photo: Path, box_xyxy: list[float]) -> list[int]:
    x1, y1, x2, y2 = box_xyxy
    if not (x1 < x2 and y1 < y2):
        raise AnnotationError(
            f"{photo}: a box must have x1 < x2 and y1 < y2. Received (x1, y1, x2, y2): "
            f"{tuple(box_xyxy)}."
        )
    left, top = round(x1), round(y1)
    return [left, top, max(round(x2), left + 1), max(round(y2), top + 1)]


def _write(path: Path, rows: Sequence[Sequence[object]]) -> None:
    if not rows:
        raise AnnotationError(f"{path} would be empty. Expected at least one row.")
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(path, text.getvalue().encode())
