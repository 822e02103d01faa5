"""From the boxes of all anchors to a few detections, padded to a fixed number.

Non-maximum suppression is the greedy one, for the whole batch at once, and the count is
right at zero, one and more than `max_detections` detections. Ties go to the anchor that
comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from fused_ocr.config import SelectionConfig
from fused_ocr.overlaps import kept_greedily, shared_areas

__all__ = ["Decoder", "SelectDetections"]

Decoder = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""What is known of a frame, and which anchors int32 (B, K) are meant, to their boxes
(B, K, 4) or corners (B, K, 4, 2) in it."""

_UNUSED = {"classes": -1}
"""What stands in unused rows, where it is not 0."""


@keras.saving.register_keras_serializable(package="fused_ocr")
class SelectDetections(keras.layers.Layer):
    """Thresholds, suppresses, pads, and puts boxes into the photo's own pixels.

    Args:
        config: a `SelectionConfig`, or its dictionary.

    Input shape:
        boxes_yxyx: (B, A, 4) float32, pixels of the frame.
        scores: (B, A, C) float32, 0..1; an anchor counts for its best class.
        geometry: (B, 4) float32, as `Letterbox` gives it.
        corners_yx: (B, A, 4, 2) float32, pixels of the frame; may be left out.

    Output shape:
        A dictionary: ``boxes`` float32 (B, N, 4) yxyx edges in pixels of the photo,
        0 <= y1 <= y2 <= H; ``scores`` float32 (B, N), best first; ``classes`` int32
        (B, N), -1 in unused rows; ``count`` int32 (B,). With corners also ``quads``
        float32 (B, N, 4, 2), y and x in pixels of the photo, in the order they came,
        not clipped: a corner may lie outside. Unused rows are zero.
    """

    def __init__(self, config: SelectionConfig | dict, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.selection = (
            config
            if isinstance(config, SelectionConfig)
            else SelectionConfig.from_dict(config)
        )

    def call(
        self,
        boxes_yxyx: tf.Tensor,
        scores: tf.Tensor,
        geometry: tf.Tensor,
        corners_yx: tf.Tensor | None = None,
        decode: Mapping[str, Decoder] | None = None,
    ) -> dict[str, tf.Tensor]:
        """See the class.

        With `decode`, there are no boxes and corners yet: its ``boxes`` and ``corners``
        make them of what is given in their place, for the anchors that are chosen.
        """
        config = self.selection
        best, order = tf.math.top_k(
            tf.reduce_max(scores, -1),
            tf.minimum(config.candidates, tf.shape(scores)[1]),
        )  # (B, K)
        # Suppression takes the square of their number, and a photo has few.
        likely = tf.reduce_sum(tf.cast(best >= config.score_threshold, tf.int32), 1)
        most = tf.maximum(tf.reduce_max(likely), 1)
        best, order = best[:, :most], order[:, :most]
        classes = tf.argmax(
            tf.gather(scores, order, batch_dims=1), -1, output_type=tf.int32
        )
        decode = decode or dict.fromkeys(("boxes", "corners"), _picked)
        boxes = decode["boxes"](boxes_yxyx, order)
        scale = tf.concat([geometry[:, :2], geometry[:, :2]], -1)[:, None]
        limits = tf.concat([geometry[:, 2:], geometry[:, 2:]], -1)[:, None]
        boxes = tf.clip_by_value(boxes * scale, 0.0, limits)

        sides = boxes[..., 2:] - boxes[..., :2]
        valid = (best >= config.score_threshold) & (tf.reduce_min(sides, -1) > 0.0)
        kept = _suppress(
            boxes, classes, valid, config.iou_threshold, config.nested_threshold
        )

        ranked, slots = tf.math.top_k(
            tf.where(kept, best, -1.0),
            tf.minimum(config.max_detections, tf.shape(best)[1]),
        )  # (B, N)
        real = ranked >= 0.0
        rows = {
            "boxes": tf.gather(boxes, slots, batch_dims=1),
            "scores": ranked,
            "classes": tf.gather(classes, slots, batch_dims=1),
        }
        if corners_yx is not None:
            anchors = tf.gather(order, slots, batch_dims=1)
            quads = decode["corners"](corners_yx, anchors)  # (B, N, 4, 2)
            rows["quads"] = quads * geometry[:, None, None, :2]
        return {
            **{
                name: _filled_up(row, real, config.max_detections, _UNUSED.get(name, 0))
                for name, row in rows.items()
            },
            "count": tf.reduce_sum(tf.cast(real, tf.int32), -1),
        }

    def compute_output_spec(
        self,
        boxes_yxyx: Any,
        scores: Any,  # noqa: ARG002
        geometry: Any,  # noqa: ARG002
        corners_yx: Any = None,
    ) -> dict[str, keras.KerasTensor]:
        """Boxes, scores, classes, count; and quads of corners."""
        batch, rows = boxes_yxyx.shape[0], self.selection.max_detections
        spec = {
            "boxes": keras.KerasTensor((batch, rows, 4), dtype="float32"),
            "scores": keras.KerasTensor((batch, rows), dtype="float32"),
            "classes": keras.KerasTensor((batch, rows), dtype="int32"),
            "count": keras.KerasTensor((batch,), dtype="int32"),
        }
        if corners_yx is not None:
            spec["quads"] = keras.KerasTensor((batch, rows, 4, 2), dtype="float32")
        return spec

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "config": self.selection.to_dict()}


def _picked(values: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
    """Of values (B, A, ...) those of some anchors (B, K)."""
    return tf.gather(values, anchors, batch_dims=1)


def _filled_up(row: tf.Tensor, real: tf.Tensor, count: int, unused: float) -> tf.Tensor:
    """Values (B, n, ...) with `unused` where not `real` (B, n), and up to `count`."""
    # Fewer candidates than rows, n < count, is what most photos have.
    inner = row.shape[2:]
    missing = ((0, 0), (0, count - tf.shape(row)[1]), *[(0, 0)] * len(inner))
    real = real[(..., *[tf.newaxis] * len(inner))]
    row = tf.where(real, row, tf.cast(unused, row.dtype))
    row = tf.pad(row, missing, constant_values=unused)
    batch = -1 if row.shape[0] is None else row.shape[0]
    return tf.reshape(row, (batch, count, *inner))


def _suppress(
    boxes: tf.Tensor,
    classes: tf.Tensor,
    valid: tf.Tensor,
    iou_threshold: float,
    nested_threshold: float,
) -> tf.Tensor:
    """Which of K boxes, best first, greedy suppression keeps: bool (B, K)."""
    shared, area = shared_areas(boxes)  # (B, K, K), (B, K)
    union = area[:, :, None] + area[:, None, :] - shared
    smaller = tf.minimum(area[:, :, None], area[:, None, :])
    rank = tf.range(tf.shape(area)[1])[None]
    rivals = (
        ((shared > iou_threshold * union) | (shared > nested_threshold * smaller))
        & (classes[:, :, None] == classes[:, None, :])
        & (rank[:, :, None] < rank[:, None, :])
    )
    return kept_greedily(valid, rivals)
