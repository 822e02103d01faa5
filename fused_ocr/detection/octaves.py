"""The same frame at several sizes: what is large in one is small in the next.

A detector has seen objects in some range of sizes. A larger frame shows it smaller ones
and loses the largest; these it finds in the same frame halved, which costs a quarter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

__all__ = ["Octaves", "look"]

_PLACES = ("boxes", "corners")
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


def look(
    detector: Callable[[Any], dict[str, Any]],
    frames: Any,
    octaves: Octaves | None,
    *,
    decoded: bool = True,
) -> dict[str, Any]:
    """What a detector finds in frames of all sizes, one after the other.

    Args:
        detector: of frames, to ``boxes`` (B, A, 4), ``scores`` (B, A, C) and perhaps
            ``corners``.
        frames: (B, h, w, 3).
        octaves: makes the sizes; None for one.
        decoded: whether boxes and corners are pixels, which are made those of the
            largest frame, rather than what heads give.

    Returns:
        The same for all anchors of the first size, then of the second, and so on.
    """
    if octaves is None:
        return detector(frames)
    found = [detector(view) for view in octaves(frames)]
    return {
        name: keras.ops.concatenate(
            [
                one[name] * 2.0**i if decoded and name in _PLACES else one[name]
                for i, one in enumerate(found)
            ],
            axis=1,
        )
        for name in found[0]
    }
