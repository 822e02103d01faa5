"""The pictures of annotated photos, of which one that is bad loses no other."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console

from fused_ocr.errors import ImageError
from fused_ocr.images import read_image

from .annotations import AnnotatedPhoto

__all__ = ["image_of", "images_of", "leave_out"]


def images_of(
    photos: Iterable[AnnotatedPhoto], failed: list[ImageError]
) -> Iterator[tuple[AnnotatedPhoto, npt.NDArray[np.uint8]]]:
    """Annotated photos and their pictures, read one by one.

    Args:
        photos: annotated.
        failed: gets an error for each that cannot be read; it is left out.

    Yields:
        A photo, and uint8 (H, W, 3) RGB, upright.
    """
    for photo in photos:
        image = image_of(photo.path, failed)
        if image is not None:
            yield photo, image


def image_of(
    path: Path | str, failed: list[ImageError]
) -> npt.NDArray[np.uint8] | None:
    """As `images_of`, of one file; None if it cannot be read."""
    try:
        return read_image(path)
    except ImageError as error:
        failed.append(error)
        return None


def leave_out(failed: Sequence[ImageError], *, kept: int) -> None:
    """Say on stderr what could not be read, each once in a process.

    Args:
        failed: what is left out.
        kept: how many others there are.

    Raises:
        ImageError: the first of `failed`, if there are no others.
    """
    if failed and not kept:
        raise failed[0]
    for error in failed:
        _tell_once(str(error))


@functools.cache
def _tell_once(message: str) -> None:
    Console(stderr=True).print(f"Left out: {message}", markup=False, highlight=False)
