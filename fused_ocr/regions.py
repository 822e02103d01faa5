"""Regions become readings: each crop is a string already, and only their order is open.

The counterpart of `AssembleCharacters` for recognisers that read whole strings, with
the same outputs; arithmetic on (B, N, N), in operators TFLite has as builtins.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from fused_ocr.assembly import Assembly, best_characters, count_rows, goes_before
from fused_ocr.overlaps import kept_greedily, shared_areas
from fused_ocr.rectification import corners_of

__all__ = ["AssembleRegions"]

_SAME = 0.5
"""IoU from which on two regions are one."""

_WITHIN = 0.7
"""The part of a region that lies inside another from which on it is one of its parts:
the 7 of a 74 is no number."""


@keras.saving.register_keras_serializable(package="fused_ocr")
class AssembleRegions(Assembly):
    """Puts regions in reading order and drops those in which nothing is read.

    Two finds of one region, as two classes or with corners that a refiner brought
    together, are one reading: that with the better score; and so are a region and a
    part of it. A string ends at its first blank slot. A reading's score is the
    detector's times the recogniser's probability of the worst character; if that is
    less than `min_score` the region is dropped. Where single characters stand in the
    region is not known: each has the region's box.

    If the recogniser says whether the length agrees with its characters, that is told;
    the characters' scores know it already.
    If the recogniser says whether a region can be read, that probability lowers the
    score, too, and a region that cannot be read stays, without a text. If it tells
    kinds apart, they take the place of the detector's classes.

    Args:
        config: an `AssemblyConfig`, or its dictionary; `slots`, `min_readable`
            and `min_score` are used.
        alphabet: the characters, in the order of the probabilities.
        labels: names of the recogniser's kinds, or else of the detector's classes.
        format_version: see `fused_ocr.artefact.FORMAT_VERSION`.
        library_version: of the library that fused the model.

    Input shape:
        boxes_yxyx: (B, N, 4) float32, pixel edges of the photo.
        scores: (B, N) float32, the detector's.
        classes: (B, N) int32.
        count: (B,) int32.
        read: (B, N, S, A) float32 probabilities, blank last; or a dictionary of these,
            ``characters``, and of ``readable`` and ``agreement`` (B, N, 1) or ``kinds``
            (B, N, K).
        quads_yx: (B, N, 4, 2) float32, optional: the regions' corners, y and x,
            clockwise from the text's top left.

    Output shape:
        The dictionary of `AssembleCharacters`, R = N: ``codes`` int32 (B, R, S),
        ``char_scores`` float32 (B, R, S), ``char_boxes`` float32 (B, R, S, 4),
        ``alt_codes`` and ``alt_scores`` (B, R, S, 2), ``box`` float32 (B, R, 4),
        ``score`` float32 (B, R), ``label`` int32 (B, R), ``count`` int32 (B,). Besides,
        ``quad`` float32 (B, R, 4, 2), the corners, or those of the box; and
        ``readable`` and ``agreement`` float32 (B, R), 1 where the recogniser does not
        say.
    """

    def call(
        self,
        boxes_yxyx: tf.Tensor,
        scores: tf.Tensor,
        classes: tf.Tensor,
        count: tf.Tensor,
        read: tf.Tensor | dict[str, tf.Tensor],
        quads_yx: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """See the class."""
        heads = read if isinstance(read, dict) else {"characters": read}
        probabilities = heads["characters"]
        rows = boxes_yxyx.shape[1]
        found = tf.sequence_mask(count, rows)  # (B, N)
        sure = tf.ones_like(scores)[..., None]
        readable = heads.get("readable", sure)[..., 0]
        agreement = heads.get("agreement", sure)[..., 0]
        if "kinds" in heads:
            classes = tf.argmax(heads["kinds"], -1, output_type=tf.int32)
        legible = readable >= self.assembly.min_readable
        best = tf.argmax(probabilities, -1, output_type=tf.int32)  # (B, N, S)
        blanks = tf.cumsum(tf.cast(best == self.alphabet.blank, tf.int32), 2)
        spoken = (blanks == 0) & (found & legible)[..., None]
        named, codes = best_characters(probabilities, self.alphabet)
        worst = tf.reduce_min(tf.where(spoken, named[..., 0], 1.0), -1)
        final = scores * worst * readable
        sure = spoken[..., 0] & (final >= self.assembly.min_score)
        valid = sure | (found & ~legible)  # (B, N)
        valid = kept_greedily(valid, _outdoes(boxes_yxyx, final))
        spoken &= valid[..., None]

        before = goes_before(boxes_yxyx[..., 0], boxes_yxyx[..., 2], boxes_yxyx[..., 1])
        rank = count_rows(before & valid[:, :, None])
        # Ties, and what is not read, in the detector's order.
        key = (rank + tf.where(valid, 0, rows)) * rows + tf.range(rows)
        order = tf.math.top_k(-key, rows).indices

        def lay(values: tf.Tensor, used: tf.Tensor, empty: float) -> tf.Tensor:
            return tf.gather(
                tf.where(used, values, tf.cast(empty, values.dtype)),
                order,
                batch_dims=1,
            )

        each, pairs = spoken[..., None], valid[..., None]
        boxes = tf.repeat(boxes_yxyx[:, :, None], probabilities.shape[2], axis=2)
        if quads_yx is None:
            quads_yx = corners_of(boxes_yxyx)
        return {
            "codes": lay(codes[..., 0], spoken, -1),
            "char_scores": lay(named[..., 0], spoken, 0.0),
            "char_boxes": lay(boxes, each, 0.0),
            "alt_codes": lay(codes[..., 1:], each, -1),
            "alt_scores": lay(named[..., 1:], each, 0.0),
            "box": lay(boxes_yxyx, pairs, 0.0),
            "quad": lay(quads_yx, pairs[..., None], 0.0),
            "score": lay(final, valid, 0.0),
            "readable": lay(readable, valid, 0.0),
            "agreement": lay(agreement, valid, 0.0),
            "label": lay(classes, valid, -1),
            "count": tf.reduce_sum(tf.cast(valid, tf.int32), -1),
        }

    def compute_output_spec(
        self, boxes_yxyx: Any, *args: Any, **kwargs: Any
    ) -> dict[str, keras.KerasTensor]:
        """The outputs by name."""
        batch, rows = boxes_yxyx.shape[:2]
        return {
            **super().compute_output_spec(boxes_yxyx, *args, **kwargs),
            "quad": keras.KerasTensor((batch, rows, 4, 2), dtype="float32"),
            "readable": keras.KerasTensor((batch, rows), dtype="float32"),
            "agreement": keras.KerasTensor((batch, rows), dtype="float32"),
        }


def _outdoes(boxes_yxyx: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Which regions (B, N, N) are one with another and have the better score.

    Between a region and a part of it the score decides, whichever is the larger.

    Args:
        boxes_yxyx: (B, N, 4).
        scores: (B, N).
    """
    shared, area = shared_areas(boxes_yxyx)  # (B, N, N), (B, N)
    union = area[:, :, None] + area[:, None] - shared
    place = tf.range(tf.shape(scores)[1])
    mine, its = scores[:, :, None], scores[:, None]
    first = place[:, None] < place[None, :]  # of equals the first stays
    better = (mine > its) | ((mine == its) & first)
    smaller = tf.minimum(area[:, :, None], area[:, None])
    one = (shared > _SAME * union) | (shared > _WITHIN * smaller)
    return better & one
