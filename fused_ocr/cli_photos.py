"""Photos as they are named on the command line."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PICTURES", "photo_files"]

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Endings of the files that are taken from a folder."""


def photo_files(photos: tuple[str, ...]) -> Iterator[str]:
    """Files as they are, folders and patterns as the pictures in them, sorted."""
    for photo in photos:
        if os.path.isdir(photo):
            yield from sorted(
                str(p)
                for p in Path(photo).rglob("*")
                if p.suffix.lower() in PICTURES and p.is_file()
            )
        elif not os.path.exists(photo) and glob.has_magic(photo):
            # A pattern without a match is reported like a file that is not there.
            yield from sorted(glob.glob(photo, recursive=True)) or [photo]
        else:
            yield photo
