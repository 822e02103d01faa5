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

from fused_ocr.images import read_image
from fused_ocr.refinement import RefineCorners, need_refiner

from .annotations import AnnotatedPhoto

__all__ = ["with_corners"]


def with_corners(
    photos: Sequence[AnnotatedPhoto], refiner: keras.Model
) -> tuple[list[AnnotatedPhoto], int]:
    """Photos of which every region has corners, those that had none the refiner's.

    A box whose corners are new becomes their bounds in the photo, since annotations are
    boxes around corners; what has corners already stays as it is.

    Args:
        photos: annotated.
        refiner: as `build_refiner` gives it, trained.

    Returns:
        The photos, and how many regions got corners.

    Raises:
        ArtefactDamagedError: the model is no refiner.
        ImageError: a photo cannot be read.
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

    done, added = [], 0
    for photo in track(photos, "looking at corners", console=Console(stderr=True)):
        unknown = ~np.isfinite(photo.quads_yx).all((1, 2))
        if unknown.any():
            image = read_image(photo.path)
            boxes, quads = photo.boxes_yxyx.copy(), photo.quads_yx.copy()
            seen = look(image[None], boxes[None, unknown])
            boxes[unknown], quads[unknown] = seen[0][0], seen[1][0]
            added += int(unknown.sum())
            photo = dataclasses.replace(  # noqa: PLW2901
                photo, boxes_yxyx=boxes, quads_yx=quads
            )
        done.append(photo)
    return done, added
