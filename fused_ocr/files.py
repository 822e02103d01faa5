"""Files that are whole or as they were, whatever happens meanwhile; and their names."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["one_line", "set_aside", "unused_name", "write_atomically"]


_numbers = itertools.count()


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file aside and rename it, so that it is whole or as it was."""
    with set_aside(path) as aside, open(aside, "wb") as file:
        file.write(data)


@contextlib.contextmanager
def set_aside(path: Path, aside: Path | None = None) -> Iterator[Path]:
    """A path to write to instead, renamed to `path` unless an error leaves the block.

    For what is too large to be held, or is written by another package. The folder is
    made if need be.

    Args:
        path: of the file.
        aside: the other path, in the same folder; a hidden one if left out.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name may be as long as a name can be: what is added must not be too much.
    hidden = f".{path.name[:50]}.{os.getpid()}.{next(_numbers)}"
    aside = aside or path.with_name(hidden)
    try:
        yield aside
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def unused_name(stem: str, suffix: str, used: set[str]) -> str:
    """A file's name that is not in `used`, and from now on is; equal ones get numbers.

    >>> used = set()
    >>> [unused_name("photo", ".png", used) for _ in range(3)]
    ['photo.png', 'photo-2.png', 'photo-3.png']
    """
    name, number = f"{stem}{suffix}", 1
    while name in used:
        number += 1
        name = f"{stem}-{number}{suffix}"
    used.add(name)
    return name


def one_line(name: str) -> str:
    """A name that stays on one line and in one piece: those of files may have anything.

    >>> one_line("two" + chr(10) + "lines.jpg") == "two" + chr(92) + "nlines.jpg"
    True
    """
    shown = name.encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
