"""How much boxes share, in the graph: every box with every other of its photo."""

from __future__ import annotations

import tensorflow as tf

__all__ = ["shared_areas"]


def shared_areas(boxes_yxyx: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The areas of all intersections (B, K, K), and of the boxes (B, K).

    Args:
        boxes_yxyx: (B, K, 4).
    """
    # Four planes instead of a last axis of two: it takes most of a suppression's time.
    top, left, bottom, right = tf.unstack(boxes_yxyx, axis=-1)  # (B, K) each
    shared = _overlap(top, bottom) * _overlap(left, right)
    return shared, (bottom - top) * (right - left)


def _overlap(start: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """Length that every interval shares with every other: (B, K, K), at least 0."""
    first = tf.maximum(start[:, :, None], start[:, None, :])
    last = tf.minimum(end[:, :, None], end[:, None, :])
    return tf.maximum(last - first, 0.0)
