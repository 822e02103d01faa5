"""Where the photos are that annotations name: beside them, or in given folders.

Annotations travel, so that the folder they name is often that of another machine, and
the suffix that of before a conversion. A photo is looked for at its written place, then
by its name, then by its name without the suffix; it is never guessed among equals.
"""

from __future__ import annotations

import itertools
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["PICTURES", "PhotoFolders"]

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Suffixes of photos, in small letters."""

_USUAL = ("images", "JPEGImages", "photos")
"""Names of folders that lie beside one with annotations."""

_Index = dict[str, list[Path]]


class PhotoFolders:
    """Finds photos.

    Args:
        folders: to look in, with their subfolders, before looking beside annotations.
        source: of the annotations; its tree is looked through if there are no folders.
    """

    def __init__(self, folders: Sequence[Path], source: Path) -> None:
        self._folders = tuple(folders)
        # Of a single file only the folder's own files: that folder may be a home.
        self._trees = self._folders or ((source,) if source.is_dir() else ())
        self._tree: _Index | None = None
        self._listings: dict[Path, _Index] = {}

    def find(self, names: Iterable[str], near: Path) -> tuple[Path, ...]:
        """Find a photo.

        Args:
            names: what it may be called, the most trusted first.
            near: the folder that relative names start from.

        Returns:
            The photo; several if they are equally likely; none if there is none.
        """
        written = [name.replace("\\", "/") for name in names if name.strip()]
        places = [near, near.parent, *(near.parent / name for name in _USUAL)]
        if "labels" in near.parts:
            places.insert(1, _images_of(near))
        for base in (*self._folders, *places):
            for name in written:
                if _is_file(base / name):
                    return (base / name,)
        indices = [self._listed(place) for place in places]
        indices.insert(0 if self._folders else len(indices), self._walked())
        for key in (_key, _stem_key):
            for name in written:
                for index in indices:
                    if key(name) in index:
                        return _nearest(index[key(name)], near)
        return ()

    def _walked(self) -> _Index:
        if self._tree is None:
            paths = (path for tree in self._trees for path in tree.rglob("*"))
            self._tree = _indexed(paths)
        return self._tree

    def _listed(self, folder: Path) -> _Index:
        if folder not in self._listings:
            there = folder.iterdir() if folder.is_dir() else ()
            self._listings[folder] = _indexed(there)
        return self._listings[folder]


def _images_of(labels: Path) -> Path:
    """`.../labels/train` to `.../images/train`: YOLO's rule, for the last `labels`."""
    parts = list(labels.parts)
    at = len(parts) - 1 - parts[::-1].index("labels")
    return Path(*parts[:at], "images", *parts[at + 1 :])


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or a zero byte in it
        return False


def _indexed(paths: Iterable[Path]) -> _Index:
    """Pictures by name and by name without suffix."""
    index: _Index = defaultdict(list)
    for path in sorted(paths):
        hidden = path.name.startswith(".")
        if path.suffix.lower() in PICTURES and not hidden and path.is_file():
            index[_key(path.name)].append(path)
            index[_stem_key(path.name)].append(path)
    return dict(index)


def _key(name: str) -> str:
    # Names that went through a Mac or Windows come back decomposed, or in capitals.
    return unicodedata.normalize("NFC", name.rsplit("/", 1)[-1]).casefold()


def _stem_key(name: str) -> str:
    stem, suffix = os.path.splitext(_key(name))
    # A name without a suffix may have dots all the same. No file's name has a slash,
    # so that this never meets the key of a whole name.
    return "/" + (stem if suffix in PICTURES else stem + suffix)


def _nearest(paths: list[Path], near: Path) -> tuple[Path, ...]:
    """Those of the paths that share the longest way with `near`."""
    start = near.absolute().parts

    def shared(path: Path) -> int:
        pairs = zip(path.absolute().parts, start, strict=False)
        return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))

    most = max(map(shared, paths))
    return tuple(path for path in paths if shared(path) == most)
