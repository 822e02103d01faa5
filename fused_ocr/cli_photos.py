"""Photos as they are named on the command line."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from fused_ocr.errors import ImageError
from fused_ocr.files import one_line

__all__ = [
    "PICTURES",
    "given_photos",
    "name_failed",
    "photo_files",
    "tell_failed",
]

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


def given_photos(photos: tuple[str, ...]) -> list[str]:
    """The same, at least one if anything is named.

    Raises:
        click.UsageError: what is named has none.
    """
    paths = list(photo_files(photos))
    if photos and not paths:
        named = one_line(" ".join(photos))
        raise click.UsageError(f"No photos ({', '.join(PICTURES)}) in {named}.")
    return paths


def name_failed(failed: Sequence[ImageError]) -> None:
    """Name on stderr what could not be read."""
    for error in failed:
        click.echo(f"Error: {one_line(str(error))}", err=True)


def tell_failed(failed: Sequence[ImageError]) -> None:
    """Name on stderr what could not be read, and fail if there is something."""
    name_failed(failed)
    if failed:
        raise click.ClickException(f"Photos that could not be read: {len(failed)}.")
