"""The same frame at several sizes: what is large in one is small in the next.

A detector has seen objects in some range of sizes. A larger frame shows it smaller ones
and loses the largest; these it finds in the same frame halved, which costs a quarter.
There the lowest level of its pyramid is left out: see `lowest_level`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from fused_ocr.detection.places import FrameGrid, lowest_level
from fused_ocr.detection.retinanet import decoding_of

__all__ = ["Octaves", "joined", "look"]

_PLACES = {"boxes", "corners"}
"""What a detector says in pixels of the frame it saw."""


@keras.saving.register_keras_serializable(package="fused_ocr")
class Octaves(keras.layers.Layer):
    """A frame, and the means of 2x2 of its pixels, and of these: an image pyramid.

    Args:
        count: of the sizes, at least 1.

    Input shape:
        (B, h, w, 3) float32, h and w multiples of 2 ** (count - 1).

    Output shape:
        A list, float32: (B, h, w, 3), (B, h / 2, w / 2, 3) and so on.
    """

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = int(count)

    def call(self, frames: tf.Tensor) -> list[tf.Tensor]:
        """See the class."""
        views = [frames]
        for _ in range(self.count - 1):
            views.append(tf.nn.avg_pool2d(views[-1], 2, 2, "VALID"))
        return views

    def compute_output_shape(self, input_shape: tuple) -> list[tuple]:
        """Of each size."""
        batch, height, width, channels = input_shape
        return [(batch, height >> i, width >> i, channels) for i in range(self.count)]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "count": self.count}


def look(detector: keras.Model, frames: Any, octaves: Octaves | None) -> dict[str, Any]:
    """What a detector finds in frames of all sizes, one after the other.

    Args:
        detector: of frames, to ``boxes`` (B, A, 4), ``scores`` (B, A, C) and perhaps
            ``corners``; as `add_decoding` gives it, if there are octaves.
        frames: (B, h, w, 3).
        octaves: makes the sizes; None for one.

    Returns:
        The same for the anchors of all sizes, boxes and corners in pixels of the
        largest frame.
    """
    if octaves is None:
        found: dict[str, Any] = detector(frames)
        return found
    anchors = decoding_of(detector).anchors
    first, *smaller = octaves(frames)
    views = [detector(first)]
    for i, view in enumerate(smaller, 1):
        grid = FrameGrid(anchors, tuple(view.shape[1:3]))
        skipped = anchors.count * grid.firsts[lowest_level(i)]
        found = {name: value[:, skipped:] for name, value in detector(view).items()}
        views.append(
            found | {name: found[name] * 2.0**i for name in _PLACES & set(found)}
        )
    return joined(views)


def joined(views: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is known of anchors, (B, A, ...), octave behind octave."""
    return {
        name: keras.ops.concatenate([view[name] for view in views], axis=1)
        for name in views[0]
    }
