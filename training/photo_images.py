"""The pictures of annotated photos, of which one that is bad loses no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from fused_ocr.errors import ImageError
from fused_ocr.images import read_image

from .annotations import AnnotatedPhoto

__all__ = ["images_of"]


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
        try:
            image = read_image(photo.path)
        except ImageError as error:
            failed.append(error)
            continue
        yield photo, image
