"""Anchors, and the boxes and corners that the regression heads make of them.

The one rule, keras-retinanet's: centres at ``(i + 0.5) * stride``; a ratio is height /
width at constant area; the regression gives the shift of each edge in parts of the
anchor's width or height, divided by 0.2. Places run row by row, and at one place the
ratios run slower than the scales. Corners follow it: each is shifted from the same
corner of the anchor.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fused_ocr.boxes import CORNER_EDGES
from fused_ocr.config import AnchorConfig
from fused_ocr.detection.places import FrameGrid, Places
from fused_ocr.errors import ConfigError

__all__ = [
    "REGRESSION_SCALE",
    "DecodeBoxes",
    "DecodeCorners",
    "anchor_sides",
    "anchors_for_frame",
]

REGRESSION_SCALE = 0.2
"""keras-retinanet's standard deviation of the regression targets."""


_ENDS = np.array([(-0.5, -0.5), (0.5, 0.5)], np.float32)
"""Low and high edges of a box, y and x in parts of its sides from its middle."""

_CORNERS = _ENDS.ravel()[list(CORNER_EDGES)].reshape(4, 2)
"""Its corners likewise, clockwise from the top left."""


_Y_FIRST = [1, 0, 3, 2]
"""Of keras-retinanet's x1, y1, x2, y2."""


def anchors_for_frame(
    height: int, width: int, config: AnchorConfig
) -> npt.NDArray[np.float32]:
    """All anchors of a frame, level by level.

    Args:
        height: of the frame, pixels; a multiple of the largest stride.
        width: likewise.
        config: levels, sizes, ratios, scales.

    Returns:
        float32 (A, 4), yxyx pixels of the frame; they may reach over its border.

    Raises:
        ConfigError: a side is not a multiple of the largest stride.
    """
    largest = max(config.strides)
    if height % largest or width % largest:
        raise ConfigError(
            f"The detector's frame must be a multiple of {largest} pixels (the stride "
            f"of level P{max(config.levels)}) on both sides. "
            f"Received: {height}x{width}."
        )
    return np.asarray(_grid(np, height, width, config), np.float32)


def _grid(xp: Any, height: Any, width: Any, config: AnchorConfig) -> Any:
    """The anchors by the rule above.

    xp is numpy, or TensorFlow's copy of it where the frame's size is only known when
    the graph runs.
    """
    levels = []
    for half, stride in zip(anchor_sides(config) / 2, config.strides, strict=True):
        # TensorFlow's copy of arange takes no size that is only known at run time.
        arange = np.arange if xp is np else tf.range
        rows = (xp.asarray(arange(height // stride), np.float32) + 0.5) * stride
        columns = (xp.asarray(arange(width // stride), np.float32) + 0.5) * stride
        centres = xp.stack(xp.meshgrid(rows, columns, indexing="ij"), -1)
        centres = xp.reshape(centres, (-1, 1, 2))
        boxes = xp.concatenate([centres - half, centres + half], -1)  # (places, K, 4)
        levels.append(xp.reshape(boxes, (-1, 4)))
    return xp.concatenate(levels, 0)


def anchor_sides(config: AnchorConfig) -> npt.NDArray[np.float32]:
    """Heights and widths of the anchors of each level, (levels, K, 2) pixels."""
    ratios = np.asarray(config.ratios)[:, None]
    widths = np.asarray(config.scales) / np.sqrt(ratios)  # (ratios, scales)
    kinds = np.stack([widths * ratios, widths], -1).reshape(-1, 2)
    return np.asarray(np.multiply.outer(config.sizes, kinds), np.float32)


class _Decode(keras.layers.Layer):
    """The anchors of whatever frames a decoder is called with."""

    def __init__(self, anchors: AnchorConfig | dict, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.anchors = (
            anchors
            if isinstance(anchors, AnchorConfig)
            else AnchorConfig.from_dict(anchors)
        )

    def _decode(
        self, shifts: tf.Tensor, frames: tf.Tensor, starts: npt.NDArray[np.float32]
    ) -> tf.Tensor:
        """Points that are shifted from points of the anchors.

        Args:
            shifts: float32 (B, A, 2 * n), y and x of each point, as heads give them.
            frames: (B, H, W, 3).
            starts: float32 (n, 2), where the shifts start, y and x in parts of the
                anchor's sides from its middle.

        Returns:
            float32 (B, A, n, 2), pixels of the frame.
        """
        height, width = frames.shape[1:3]
        if height is None or width is None:
            height, width = tf.unstack(tf.shape(frames)[1:3])
            anchors = tf.cast(
                _grid(tf.experimental.numpy, height, width, self.anchors), tf.float32
            )
        else:
            anchors = tf.constant(anchors_for_frame(height, width, self.anchors))
        low, high = anchors[:, None, :2], anchors[:, None, 2:]  # (A, 1, 2)
        batch, count = tf.unstack(tf.shape(shifts)[:2])
        parts = tf.reshape(shifts, (batch, count, len(starts), 2)) * REGRESSION_SCALE
        return (low + high) / 2 + (high - low) * (parts + starts)

    def _chosen(
        self,
        shifts: tf.Tensor,
        grid: FrameGrid,
        places: Places,
        starts: npt.NDArray[np.float32],
    ) -> tf.Tensor:
        """The same for some of the anchors of a grid.

        Args:
            shifts: float32 (B, K, 2 * n).
            grid: of a frame.
            places: of the anchors in it, (B, K).
            starts: as for `_decode`.

        Returns:
            float32 (B, K, 2 * n).
        """
        pyramid = anchor_sides(self.anchors)
        sides = np.stack([pyramid[level] * 2**i for i, level, _ in grid.views])
        spans = tf.gather(
            tf.constant(sides.reshape(-1, 2)),
            places.level * sides.shape[1] + places.kind,
        )  # (B, K, 2)
        strides = tf.gather(tf.constant(grid.strides, tf.float32), places.level)
        at = tf.stack([places.row, places.column], -1)
        middles = (tf.cast(at, tf.float32) + 0.5) * strides[..., None]
        # TFLite loses the batch where two sides are reshaped that it does not know.
        middles, spans = (
            tf.concat([one] * len(starts), -1) for one in (middles, spans)
        )
        return middles + spans * (shifts * REGRESSION_SCALE + starts.ravel())

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "anchors": self.anchors.to_dict()}


@keras.saving.register_keras_serializable(package="fused_ocr")
class DecodeBoxes(_Decode):
    """Turns the regression head's output into boxes of the frame.

    It also carries what the detector finds (`labels`), so that a saved detector says
    so itself.

    Args:
        anchors: an `AnchorConfig`, or its dictionary.
        labels: names of the classes, in order.

    Input shape:
        A list: regression float32 (B, A, 4), keras-retinanet's order x1 y1 x2 y2; and
        the frames (B, H, W, 3), of which only H and W are used.

    Output shape:
        float32 (B, A, 4), yxyx pixels of the frame, not clipped.

    Raises:
        ConfigError: H or W is known and no multiple of the largest stride.
    """

    def __init__(
        self, anchors: AnchorConfig | dict, labels: tuple[str, ...], **kwargs: Any
    ) -> None:
        super().__init__(anchors, **kwargs)
        self.labels = tuple(labels)

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """See the class."""
        regression, frames = inputs
        shifts = tf.gather(regression, _Y_FIRST, axis=-1)
        ends = self._decode(shifts, frames, _ENDS)  # (B, A, 2, 2)
        return tf.reshape(ends, tf.shape(regression))

    def chosen(
        self,
        regression: tf.Tensor,
        grid: FrameGrid,
        places: Places,
    ) -> tf.Tensor:
        """Boxes (B, K, 4) of some anchors: most are never looked at.

        Args:
            regression: float32 (B, K, 4), what the head gave for them.
            grid: of the frame.
            places: of these anchors in it.
        """
        shifts = tf.gather(regression, _Y_FIRST, axis=-1)
        return self._chosen(shifts, grid, places, _ENDS)

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        """(B, A, 4), as the regression."""
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "labels": list(self.labels)}


@keras.saving.register_keras_serializable(package="fused_ocr")
class DecodeCorners(_Decode):
    """Turns the corner head's output into corners in the frame.

    Args:
        anchors: an `AnchorConfig`, or its dictionary.

    Input shape:
        A list: the shifts float32 (B, A, 8), corner by corner clockwise from the text's
        top left, y then x, each from the same corner of the anchor, in parts of the
        anchor's height or width divided by 0.2; and the frames (B, H, W, 3), of which
        only H and W are used.

    Output shape:
        float32 (B, A, 4, 2), y and x of the corners in the same order, pixels of the
        frame, not clipped.

    Raises:
        ConfigError: H or W is known and no multiple of the largest stride.
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """See the class."""
        shifts, frames = inputs
        return self._decode(shifts, frames, _CORNERS)

    def chosen(
        self,
        shifts: tf.Tensor,
        grid: FrameGrid,
        places: Places,
    ) -> tf.Tensor:
        """Corners (B, K, 4, 2) of some anchors, as `DecodeBoxes.chosen` has it."""
        points = self._chosen(shifts, grid, places, _CORNERS)
        return tf.stack([points[..., 0::2], points[..., 1::2]], -1)

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        """(B, A, 4, 2), of shifts (B, A, 8)."""
        return (*input_shape[0][:2], 4, 2)
