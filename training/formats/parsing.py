"""Files and values read strictly: whatever is wrong is an `AnnotationError`."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fused_ocr.errors import AnnotationError

__all__ = [
    "Keys",
    "files_below",
    "number",
    "read_bytes",
    "read_json",
    "said",
    "storable",
]


@dataclasses.dataclass(frozen=True)
class Keys:
    """Names under which a format without fixed ones may keep class and text.

    Attributes:
        label: of the class; the first that is there counts.
        text: of what a region says; likewise.
    """

    label: tuple[str, ...] = (
        "label",
        "class",
        "name",
        "object_name",
        "category",
        "type",
    )
    text: tuple[str, ...] = ("text", "transcription", "utf8_string", "caption")

    def find_label(self, attributes: Mapping[str, Any]) -> str:
        """The class among attributes, or `text`."""
        return _first(attributes, self.label) or "text"

    def find_text(self, attributes: Mapping[str, Any]) -> str:
        """The text among attributes; empty if there is none."""
        return _first(attributes, self.text)


def files_below(source: Path, suffixes: Iterable[str]) -> list[Path]:
    """The source itself if it is a file, else the files of these kinds in its tree.

    Hidden files are left out: archives from a Mac have a `._a.xml` beside each `a.xml`.

    Raises:
        AnnotationError: there is none.
    """
    if source.is_file():
        return [source]
    kinds = tuple(suffixes)
    small = tuple(kind.lower() for kind in kinds)
    found = sorted(
        path
        for path in source.rglob("*")
        if path.name.lower().endswith(small)
        and not path.name.startswith(".")
        and path.is_file()
    )
    if not found:
        raise AnnotationError(
            f"No file in {source} or its subfolders ends in {' or '.join(kinds)}. Give "
            "the folder or the file with the annotations."
        )
    return found


def read_bytes(path: Path) -> bytes:
    """The contents of a file.

    Raises:
        AnnotationError: it cannot be read; the message does not name the file.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise AnnotationError(f"cannot be read: {error.strerror}.") from error


def read_json(path: Path) -> Any:
    """The value in a JSON file in UTF-8, UTF-16 or UTF-32.

    Raises:
        AnnotationError: it is none; the message names the line, not the file.
    """
    try:
        return json.loads(read_bytes(path))
    except json.JSONDecodeError as error:
        raise AnnotationError(
            f"line {error.lineno}, column {error.colno}: not JSON ({error.msg})."
        ) from error
    except UnicodeDecodeError as error:
        line = bytes(error.object[: error.start]).count(b"\n") + 1
        raise AnnotationError(
            f"line {line}: not {error.encoding} (byte {error.object[error.start]:#04x})"
            ". Save the file as UTF-8."
        ) from error
    # A number of thousands of digits, or brackets nested thousands deep.
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"not JSON that can be read ({error}).") from error


def number(value: object, name: str) -> float:
    """A finite number, from a number or from how it is written.

    Raises:
        AnnotationError: it is something else.

    >>> number(" 3.5", "x")
    3.5
    """
    try:
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            result = float(value)
            if math.isfinite(result):
                return result
    except (ValueError, OverflowError):
        pass
    raise AnnotationError(f"{name} must be a number. Received: {value!r}.")


def said(value: object, name: str) -> str:
    """What an attribute says: a string, a number, or the one ticked of several boxes.

    Raises:
        AnnotationError: several are ticked, or it is something else.

    >>> said({"plate": True, "sign": False}, "kind")
    'plate'
    """
    if value is None:
        return ""
    if isinstance(value, Mapping):
        ticked = [str(key) for key, on in value.items() if on]
        if len(ticked) <= 1:
            return ticked[0] if ticked else ""
        raise AnnotationError(f"{name} must be one thing. Received: {ticked}.")
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value).strip()
    raise AnnotationError(f"{name} must be a string. Received: {value!r}.")


def storable(text: str) -> bool:
    """Whether a text can be written to a file and read again.

    JSON can hold half a character, and zero bytes; CSV and UTF-8 cannot.

    >>> storable("Ä"), storable(chr(0xD800))
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _first(attributes: Mapping[str, Any], keys: Iterable[str]) -> str:
    return next((said(attributes[k], k) for k in keys if attributes.get(k)), "")
