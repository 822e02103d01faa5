"""Annotated photos, in keras-retinanet's CSV: read strictly, written so it reads them.

======  ==================  ======================================================
column  name                meaning
======  ==================  ======================================================
1       path                of the photo
2-5     x1,y1,x2,y2         edges of the box
6       class_name
7       text                what the box says; optional
8-15    x1,y1,...,x4,y4     corners, clockwise from the text's top left; optional
16      unreadable          this word, if nobody can read it; optional
======  ==================  ======================================================

``path,,,,,`` is a photo without anything. Corners and box are two views of one thing:
the box is the corners' bounds, cut to the photo. Unreadable boxes have no text; they
are there so that a detector is not taught to overlook them. The class file has the rows
``class_name,id``.

keras-retinanet reads integers, and the first six columns only; here decimals are read
too, blank lines are skipped, and a wrong line is named. One to seven columns behind the
text are somebody else's and ignored, as are those behind the sixteenth.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fused_ocr.boxes import Boxes, swap_xy
from fused_ocr.errors import AnnotationError
from fused_ocr.files import write_atomically

from .annotation_rows import AnnotationRow, columns_behind_class, parse_row

__all__ = [
    "AnnotatedPhoto",
    "Quads",
    "read_annotations",
    "read_classes",
    "write_annotations",
    "write_classes",
]

Quads = npt.NDArray[np.float32]
"""float32 (n, 4, 2), y and x of corners, clockwise from the text's top left."""

# What leaves these two out; compared by identity, since an empty array may be meant.
_NO_QUADS: Quads = np.zeros((0, 4, 2), np.float32)
_NO_FLAGS: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)


@dataclasses.dataclass(frozen=True, eq=False)
class AnnotatedPhoto:
    """A photo's path and what is in it; without boxes it is a negative.

    Attributes:
        path: of the photo.
        boxes_yxyx: float32 (n, 4), pixel edges of the upright (EXIF-oriented) photo.
        labels: int64 (n,), indices of the classes.
        texts: what each box says; an empty string where that is not known.
        quads_yx: float32 (n, 4, 2), y and x of each box's corners, clockwise from the
            text's top left, pixels; they may lie outside the photo. NaN where unknown,
            which is everywhere if they are left out.
        readable: bool (n,); False where nobody can read it. True if left out.

    Raises:
        AnnotationError: boxes, labels, texts, corners and flags are not equally many,
            or an unreadable box has a text.
    """

    path: Path
    boxes_yxyx: Boxes
    labels: npt.NDArray[np.int64]
    texts: tuple[str, ...]
    quads_yx: Quads = dataclasses.field(default_factory=lambda: _NO_QUADS)
    readable: npt.NDArray[np.bool_] = dataclasses.field(
        default_factory=lambda: _NO_FLAGS
    )

    def __post_init__(self) -> None:
        n = len(self.texts)
        if self.quads_yx is _NO_QUADS:
            unknown = np.full((n, 4, 2), np.nan, np.float32)
            object.__setattr__(self, "quads_yx", unknown)
        if self.readable is _NO_FLAGS:
            object.__setattr__(self, "readable", np.ones(n, np.bool_))
        if self.boxes_yxyx.shape != (n, 4) or self.labels.shape != (n,):
            raise AnnotationError(
                f"{self.path}: a photo needs one label and one text for each of its "
                f"boxes (n, 4). Received: boxes {self.boxes_yxyx.shape}, labels "
                f"{self.labels.shape}, {n} texts."
            )
        if self.quads_yx.shape != (n, 4, 2) or self.readable.shape != (n,):
            raise AnnotationError(
                f"{self.path}: {n} boxes have corners ({n}, 4, 2) and flags ({n},), or "
                f"none. Received: corners {self.quads_yx.shape}, flags "
                f"{self.readable.shape}."
            )
        for text, readable in zip(self.texts, self.readable.tolist(), strict=True):
            if text and not readable:
                raise AnnotationError(
                    f"{self.path}: a box that nobody can read has no text. Received: "
                    f"{text!r}. Leave out the text, or the flag."
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


def read_annotations(
    path: str | Path,
    classes: Sequence[str],
    faults: list[AnnotationError] | None = None,
) -> list[AnnotatedPhoto]:
    """Read an annotation file.

    Args:
        path: of the file; the photos' relative paths start from its folder.
        classes: names in the order of their indices, as `read_classes` gives them.
        faults: gets an error for each row that is wrong and is left out; if it is left
            out itself, the first is raised.

    Returns:
        The photos in the order of their first rows, with the boxes in file order.

    Raises:
        AnnotationError: the file or one of its lines is wrong.
    """
    path = Path(path)
    found: dict[Path, list[AnnotationRow]] = {}
    for line, row in _rows(path):
        place = f"{path}, line {line}"
        try:
            item = parse_row(place, row, classes)
        except AnnotationError as error:
            if faults is None:
                raise
            faults.append(error)
            continue
        items = found.setdefault(path.parent / row[0], [])
        items += [] if item is None else [item]
    return [
        AnnotatedPhoto(
            path=photo,
            boxes_yxyx=swap_xy(np.array([i.edges for i in items]).reshape(-1, 4)),
            labels=np.array([i.label for i in items], np.int64),
            texts=tuple(i.text for i in items),
            quads_yx=_quads(items),
            readable=np.array([i.readable for i in items], np.bool_),
        )
        for photo, items in found.items()
    ]


def write_annotations(
    path: str | Path, photos: Sequence[AnnotatedPhoto], classes: Sequence[str]
) -> None:
    """Write an annotation file that keras-retinanet reads too.

    Edges are rounded to whole pixels, and a box keeps at least one; corners to
    hundredths. Rows end behind the last thing that is known. Photos below the file's
    folder get relative paths, the others absolute ones.

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
        for box, label, text, quad, readable in zip(
            swap_xy(photo.boxes_yxyx).tolist(),
            photo.labels.tolist(),
            photo.texts,
            photo.quads_yx,
            photo.readable.tolist(),
            strict=True,
        ):
            if not 0 <= label < len(classes):
                raise AnnotationError(
                    f"{photo.path}: label {label} has no class. Expected 0.."
                    f"{len(classes) - 1}, indices of {list(classes)}."
                )
            edges = _whole_pixels(photo.path, box)
            more = columns_behind_class(text, quad, readable=readable)
            rows.append([name, *edges, classes[label], *more])
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


def _quads(items: Sequence[AnnotationRow]) -> Quads:
    quads = np.full((len(items), 4, 2), np.nan, np.float32)
    for i, item in enumerate(items):
        if item.corners:
            quads[i] = np.reshape(item.corners, (4, 2))[:, ::-1]
    return quads


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
    # Of a box within a pixel, that pixel.
    left, top = min(round(x1), math.ceil(x2) - 1), min(round(y1), math.ceil(y2) - 1)
    return [left, top, max(round(x2), left + 1), max(round(y2), top + 1)]


def _write(path: Path, rows: Sequence[Sequence[object]]) -> None:
    if not rows:
        raise AnnotationError(f"{path} would be empty. Expected at least one row.")
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_atomically(path, text.getvalue().encode())
