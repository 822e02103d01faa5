"""Corners for annotated boxes that have none, as a refiner sees them.

Recognisers read crops along the corners that a refiner found; photos whose annotators
drew boxes teach them such crops only with these corners.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import track

from fused_ocr.boxes import areas
from fused_ocr.errors import ImageError
from fused_ocr.refinement import RefineCorners, need_refiner

from .annotations import AnnotatedPhoto
from .photo_images import images_of

__all__ = ["with_corners"]


def with_corners(
    photos: Sequence[AnnotatedPhoto], refiner: keras.Model, failed: list[ImageError]
) -> tuple[list[AnnotatedPhoto], int]:
    """Photos of which every region has corners, those that had none the refiner's.

    A box whose corners are new becomes their bounds in the photo, since annotations are
    boxes around corners; what has corners already stays as it is. So does a box whose
    corners would lie outside of the photo, and a photo that cannot be read.

    Args:
        photos: annotated.
        refiner: as `build_refiner` gives it, trained.
        failed: gets an error for each photo that cannot be read.

    Returns:
        The photos, and how many regions got corners.

    Raises:
        ArtefactDamagedError: the model is no refiner.
    """
    need_refiner(refiner)
    layer = RefineCorners(refiner)

    @tf.function(
        input_signature=[
            tf.TensorSpec((1, None, None, 3), tf.uint8),
            tf.TensorSpec((1, None, 4), tf.float32),
        ]
    )
    def look(image: tf.Tensor, boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found, quads = layer(image, boxes, tf.shape(boxes)[1:2])
        return found, quads

    done, added = {id(photo): photo for photo in photos}, 0
    asked = [p for p in photos if not np.isfinite(p.quads_yx).all()]
    console = Console(stderr=True)
    tracked = track(asked, "looking at corners", console=console)
    for photo, image in images_of(tracked, failed):
        unknown = np.flatnonzero(~np.isfinite(photo.quads_yx).all((1, 2)))
        seen = look(image[None], photo.boxes_yxyx[None, unknown])
        found, corners = seen[0][0].numpy(), seen[1][0].numpy()
        inside = areas(found) > 0
        boxes, quads = photo.boxes_yxyx.copy(), photo.quads_yx.copy()
        boxes[unknown[inside]] = found[inside]
        quads[unknown[inside]] = corners[inside]
        added += int(inside.sum())
        done[id(photo)] = dataclasses.replace(photo, boxes_yxyx=boxes, quads_yx=quads)
    return list(done.values()), added
