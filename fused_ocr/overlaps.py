"""How much boxes share, in the graph: every box with every other of its photo."""

from __future__ import annotations

import tensorflow as tf

__all__ = ["kept_greedily", "shared_areas"]


def shared_areas(boxes_yxyx: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The areas of all intersections (B, K, K), and of the boxes (B, K).

    Args:
        boxes_yxyx: (B, K, 4).
    """
    # Four planes instead of a last axis of two: it takes most of a suppression's time.
    top, left, bottom, right = tf.unstack(boxes_yxyx, axis=-1)  # (B, K) each
    shared = _overlap(top, bottom) * _overlap(left, right)
    return shared, (bottom - top) * (right - left)


def kept_greedily(valid: tf.Tensor, beats: tf.Tensor) -> tf.Tensor:
    """Which of K rows stay, if what is beaten by one that stays goes: bool (B, K).

    Whether a row stays depends on better ones alone, so the rule is applied until
    nothing changes. After step i the best i are settled, and a few steps do in
    practice; the result is that of taking them one by one, the best first.

    Args:
        valid: bool (B, K), which there are.
        beats: bool (B, K, K), the first better than the second and its rival; without
            circles.
    """
    weights = tf.cast(beats, tf.float32)

    def settle(kept: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        votes = tf.matmul(tf.cast(kept, tf.float32)[:, None], weights)[:, 0]
        after = valid & (votes < 0.5)
        return after, tf.reduce_any(after != kept)

    kept, _ = tf.while_loop(
        lambda _, changed: changed,
        settle,
        (valid, tf.constant(True)),  # noqa: FBT003
    )
    return kept


def _overlap(start: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
    """Length that every interval shares with every other: (B, K, K), at least 0."""
    first = tf.maximum(start[:, :, None], start[:, None, :])
    last = tf.minimum(end[:, :, None], end[:, None, :])
    return tf.maximum(last - first, 0.0)
