"""CSV files of texts: a row a text, with a box, four corners, or of a whole photo."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from fused_ocr.errors import AnnotationError, ConfigError

from .parsing import files_below, number, read_bytes
from .records import Finding, Item, PhotoRecord, Points, Region, rectangle

__all__ = ["ROLES", "parse_columns", "read_texts"]

_QUAD = ("x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4")
_BOXES = (_QUAD, _QUAD[:4], ("x", "y", "w", "h"), ("xc", "yc", "w", "h"))
"""Ways to give a place, the most telling first."""

ROLES = ("path", "text", "label", *_QUAD, "x", "y", "w", "h", "xc", "yc", "-")
"""What a column may hold; `-` is ignored."""

_GUESSED = {2: ("path", "text"), 6: ("path", *_QUAD[:4], "text")}
_GUESSED_QUAD = ("path", *_QUAD, "text")

_ALIASES = {
    "path": "path image filename file file_name image_path img photo",
    "text": "text transcription plate word utf8_string",
    "label": "label class class_name category",
    "x1": "x1 xmin x_min",
    "y1": "y1 ymin y_min",
    "x2": "x2 xmax x_max",
    "y2": "y2 ymax y_max",
    "x": "x left",
    "y": "y top",
    "w": "w width",
    "h": "h height",
    "xc": "xc cx x_center xcenter",
    "yc": "yc cy y_center ycenter",
    **{name: name for name in _QUAD[4:]},
}
_ROLE_OF = {alias: role for role, words in _ALIASES.items() for alias in words.split()}


def parse_columns(written: str) -> tuple[str, ...]:
    """Columns as `path,x1,y1,x2,y2,text`; columns behind them are ignored.

    Raises:
        ConfigError: an unknown role, one twice, no path, or neither text nor place.

    >>> parse_columns("path, -, text")
    ('path', '-', 'text')
    """
    columns = tuple(word.strip().lower() for word in written.split(","))
    named = [column for column in columns if column != "-"]
    unknown = sorted(set(columns) - set(ROLES))
    if unknown or len(set(named)) < len(named) or not _complete(columns):
        raise ConfigError(
            f"Columns are some of {', '.join(ROLES)}, each one once: a path, and a "
            f"text or a place or both. Received: {written!r}."
        )
    return columns


def read_texts(
    source: Path,
    columns: Sequence[str] = (),
    *,
    delimiter: str = ",",
    encoding: str = "utf-8-sig",
    relative: bool = False,
) -> Iterator[Item]:
    """Read a CSV file, or all of a folder.

    Args:
        source: the file, or a folder with such files in its tree.
        columns: what they hold, of `ROLES`. Empty takes a headline's word for it, or
            `path,text`, `path,x1,y1,x2,y2,text` or `path,x1,...,y4,text` by how many
            there are, with others behind.
        delimiter: between columns.
        encoding: of the file.
        relative: places are parts of width and height.

    Yields:
        A record for each photo, in the order of their first rows, and findings. A row
        with nothing but a path is a photo without anything; a text without a place is
        that of the whole photo. Four corners run from the text's top left.

    Raises:
        AnnotationError: there is no CSV file.
        ConfigError: there is no such encoding, or a delimiter is no character.
    """
    for path in files_below(source, (".csv",)):
        try:
            text = read_bytes(path).decode(encoding)
        except LookupError as error:
            raise ConfigError(f"Unknown encoding: {encoding!r}.") from error
        except UnicodeDecodeError as error:
            line = bytes(error.object[: error.start]).count(b"\n") + 1
            reason = (
                f"not {error.encoding} (byte {error.object[error.start]:#04x}). Give "
                "its --encoding, or save it as UTF-8."
            )
            yield Finding("malformed", f"{path}, line {line}", reason)
            continue
        except AnnotationError as error:
            yield Finding("malformed", str(path), str(error))
            continue
        yield from _file(path, text, tuple(columns), delimiter, relative=relative)


def _file(
    path: Path, text: str, columns: tuple[str, ...], delimiter: str, *, relative: bool
) -> Iterator[Item]:
    # Strict, or a quote that is never closed would swallow all rows behind it.
    try:
        reader = csv.reader(
            io.StringIO(text, newline=""), strict=True, delimiter=delimiter
        )
    except TypeError as error:
        raise ConfigError(f"A delimiter is one character: {delimiter!r}.") from error
    photos: dict[str, list[Region]] = {}
    damaged: dict[str, int] = {}
    first = True
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            place = f"line {reader.line_num}"
            if first:
                first = False
                headline = _headline(row)
                known = columns or headline or _guessed(row)
                if not columns:
                    reason = f"taken as {','.join(known)}; --columns says otherwise"
                    yield Finding("columns", str(path), reason)
                if headline or _all_words(row, known):
                    continue
            cells = dict(zip(known, (cell.strip() for cell in row), strict=False))
            name = cells.get("path", "")
            try:
                region = _region(cells, known, len(row), place)
            except AnnotationError as error:
                yield Finding("malformed", f"{path}, {place}", str(error))
                photos.setdefault(name, [])
                damaged[name] = damaged.get(name, 0) + 1
                continue
            photos.setdefault(name, []).extend([] if region is None else [region])
    except csv.Error as error:
        reason = f"not CSV ({error}); the rest of the file is not read"
        yield Finding("malformed", f"{path}, line {reader.line_num}", reason)
    for name, regions in photos.items():
        if name:
            yield PhotoRecord(
                (name,),
                path.parent,
                str(path),
                regions,
                relative=relative,
                damaged=damaged.get(name, 0),
            )


def _complete(columns: Sequence[str]) -> bool:
    return "path" in columns and ("text" in columns or bool(_place(columns)))


def _place(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns that give the place; none if it is the whole photo."""
    return next((names for names in _BOXES if set(names) <= set(columns)), ())


def _headline(row: Sequence[str]) -> tuple[str, ...]:
    """The roles of a headline's columns; none if it is no headline."""
    roles: list[str] = []
    for cell in row:
        role = _ROLE_OF.get(cell.strip().lower(), "-")
        roles.append("-" if role in roles else role)
    # width and height beside edges are those of the photo.
    if set(_QUAD[:4]) <= set(roles):
        roles = ["-" if role in ("x", "y", "w", "h") else role for role in roles]
    return tuple(roles) if _complete(roles) else ()


def _all_words(row: Sequence[str], known: Sequence[str]) -> bool:
    """Whether there is a word wherever a row has a number: an unknown headline."""
    cells = [
        cell for role, cell in zip(known, row, strict=False) if role in _place(known)
    ]
    return bool(cells) and not any(cell[:1] in "+-.0123456789" for cell in cells)


def _guessed(row: Sequence[str]) -> tuple[str, ...]:
    if len(row) >= 10:
        return _GUESSED_QUAD
    return _GUESSED[6] if len(row) >= 6 else _GUESSED[2]


def _region(
    cells: dict[str, str], known: Sequence[str], count: int, place: str
) -> Region | None:
    """The region of a row; None if that is a photo without anything."""
    named = _place(known)
    if not cells.get("path") or any(role != "-" for role in known[count:]):
        raise AnnotationError(
            f"expected {','.join(known)}. Received {count} columns: "
            f"{','.join(cells.values())[:80]}."
        )
    text, label = cells.get("text", ""), cells.get("label", "")
    if not named:
        return Region(None, label or "text", text, place)
    if not any(cells[name] for name in named) and not text:
        return None
    values = [number(cells[name], name) for name in named]
    points = _points(named, values)
    return Region(points, label or "text", text, place, ordered=len(points) == 4)


def _points(named: Sequence[str], values: list[float]) -> Points:
    if len(values) == 8:
        return np.reshape(values, (4, 2))[:, ::-1]
    a, b, c, d = values
    if named == ("x1", "y1", "x2", "y2"):
        return rectangle(a, b, c, d)
    if named[0] == "x":
        return rectangle(a, b, a + c, b + d)
    return rectangle(a - c / 2, b - d / 2, a + c / 2, b + d / 2)
