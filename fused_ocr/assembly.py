"""Reading order: characters become lines, lines become readings, all in the graph.

Two characters are neighbours when they share enough height, are of like size, and
are near; chains of neighbours are lines. Neighbourhood is judged twice: the first pass
finds the slope of the writing, the second sees the photo as level. Everything is
arithmetic on (B, N, N) matrices, without loops, in operators TFLite has as builtins.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from fused_ocr._version import __version__
from fused_ocr.alphabet import Alphabet
from fused_ocr.artefact import FORMAT_VERSION
from fused_ocr.config import AssemblyConfig

__all__ = [
    "ALTERNATIVES",
    "AssembleCharacters",
    "Assembly",
    "best_characters",
    "count_rows",
    "goes_before",
]

ALTERNATIVES = 2
"""How many next-best characters are given for each character."""

_STEEPEST = 0.7
"""Slopes beyond this (35 degrees) are taken for a mistake of the first pass."""


class Assembly(keras.layers.Layer):
    """What every assembly knows and declares: the artefact's description, the outputs.

    Args:
        config: an `AssemblyConfig`, or its dictionary.
        alphabet: the characters, in the order of the probabilities.
        labels: names of the detector's classes, in order.
        format_version: see `fused_ocr.artefact.FORMAT_VERSION`.
        library_version: of the library that fused the model.
    """

    def __init__(
        self,
        config: AssemblyConfig | dict,
        alphabet: str,
        labels: tuple[str, ...] = ("character",),
        format_version: int = FORMAT_VERSION,
        library_version: str = __version__,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.assembly = (
            config
            if isinstance(config, AssemblyConfig)
            else AssemblyConfig.from_dict(config)
        )
        self.alphabet = Alphabet(alphabet)
        self.labels = tuple(labels)
        self.format_version = format_version
        self.library_version = library_version

    def compute_output_spec(
        self, boxes_yxyx: Any, *_: Any, **__: Any
    ) -> dict[str, keras.KerasTensor]:
        """The outputs by name."""
        batch, rows = boxes_yxyx.shape[:2]
        table = (batch, rows, self.assembly.slots)
        return {
            "codes": keras.KerasTensor(table, dtype="int32"),
            "char_scores": keras.KerasTensor(table, dtype="float32"),
            "char_boxes": keras.KerasTensor((*table, 4), dtype="float32"),
            "alt_codes": keras.KerasTensor((*table, ALTERNATIVES), dtype="int32"),
            "alt_scores": keras.KerasTensor((*table, ALTERNATIVES), dtype="float32"),
            "box": keras.KerasTensor((batch, rows, 4), dtype="float32"),
            "score": keras.KerasTensor((batch, rows), dtype="float32"),
            "label": keras.KerasTensor((batch, rows), dtype="int32"),
            "count": keras.KerasTensor((batch,), dtype="int32"),
        }

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "config": self.assembly.to_dict(),
            "alphabet": self.alphabet.characters,
            "labels": list(self.labels),
            "format_version": self.format_version,
            "library_version": self.library_version,
        }


@keras.saving.register_keras_serializable(package="fused_ocr")
class AssembleCharacters(Assembly):
    """Groups single characters into readings, in reading order.

    A character's score is the detector's times the recogniser's probability. It is
    dropped if that is less than `min_score`, or if its likeliest class is the blank:
    the recogniser has the last word on what the detector found. A line is dropped if
    its best character has less than `min_line_score`: two thresholds, as those that
    Canny follows edges with (1986). A reading's score is that of its worst character. A
    line longer than S goes on in the next reading.

    Args:
        config: an `AssemblyConfig`, or its dictionary.
        alphabet: the characters, in the order of the probabilities.
        labels: names of the detector's classes, in order.
        format_version: see `fused_ocr.artefact.FORMAT_VERSION`.
        library_version: of the library that fused the model.

    Input shape:
        boxes_yxyx: (B, N, 4) float32, pixel edges of the photo.
        scores: (B, N) float32, the detector's.
        classes: (B, N) int32.
        count: (B,) int32.
        probabilities: (B, N, 1, A) float32, blank last.

    Output shape:
        A dictionary, R = N readings a photo: ``codes`` int32 (B, R, S) Unicode code
        points, -1 padding; ``char_scores`` float32 (B, R, S), the recogniser's;
        ``char_boxes`` float32 (B, R, S, 4); ``alt_codes`` int32 and ``alt_scores``
        float32 (B, R, S, 2), the next-best characters; ``box`` float32 (B, R, 4);
        ``score`` float32 (B, R); ``label`` int32 (B, R), -1 padding; ``count`` int32
        (B,). Unused places are zero where not said otherwise.
    """

    def call(
        self,
        boxes_yxyx: tf.Tensor,
        scores: tf.Tensor,
        classes: tf.Tensor,
        count: tf.Tensor,
        probabilities: tf.Tensor,
        quads_yx: tf.Tensor | None = None,  # noqa: ARG002 - of regions
    ) -> dict[str, tf.Tensor]:
        """See the class."""
        rows = boxes_yxyx.shape[1]
        read = probabilities[:, :, 0]  # (B, N, A)
        best = tf.argmax(read, -1, output_type=tf.int32)
        named, codes = best_characters(read, self.alphabet)
        sure = scores * named[..., 0]
        valid = (
            tf.sequence_mask(count, rows)
            & (best != self.alphabet.blank)
            & (sure >= self.assembly.min_score)
        )

        together, level_y = self._lines(boxes_yxyx, valid)
        best_beside = tf.reduce_max(tf.where(together, sure[:, None], 0.0), -1)
        valid &= best_beside >= self.assembly.min_line_score
        place, readings = self._places(boxes_yxyx, valid, together, level_y)
        used, at = self._table(place, valid, rows)

        def lay(values: tf.Tensor, empty: float) -> tf.Tensor:
            laid = tf.gather(values, at, batch_dims=1)  # (B, R, S, ...)
            mask = tf.reshape(
                used,
                tf.concat([tf.shape(used), tf.ones(tf.rank(laid) - 3, tf.int32)], 0),
            )
            return tf.where(mask, laid, tf.cast(empty, laid.dtype))

        char_boxes = lay(boxes_yxyx, 0.0)
        spoken = used[..., 0]  # (B, R): the first slot of every reading is used
        worst = tf.reduce_min(lay(sure, 2.0), -1)
        far = tf.constant(1e9)
        corner = tf.reduce_min(tf.where(used[..., None], char_boxes[..., :2], far), 2)
        opposite = tf.reduce_max(char_boxes[..., 2:], 2)
        return {
            "codes": lay(codes[..., 0], -1),
            "char_scores": lay(named[..., 0], 0.0),
            "char_boxes": char_boxes,
            "alt_codes": lay(codes[..., 1:], -1),
            "alt_scores": lay(named[..., 1:], 0.0),
            "box": tf.where(spoken[..., None], tf.concat([corner, opposite], -1), 0.0),
            "score": tf.where(spoken, worst, 0.0),
            "label": lay(classes, -1)[..., 0],
            "count": readings,
        }

    def _lines(self, boxes: tf.Tensor, valid: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Which characters share a line, bool (B, N, N); and their level y (B, N)."""
        centre_y = (boxes[..., 0] + boxes[..., 2]) / 2
        centre_x = (boxes[..., 1] + boxes[..., 3]) / 2
        near = tf.cast(self._neighbours(boxes, centre_y, valid), tf.float32)
        run = (centre_x[:, None, :] - centre_x[:, :, None]) * near
        rise = (centre_y[:, None, :] - centre_y[:, :, None]) * near
        slope = tf.math.divide_no_nan(
            tf.reduce_sum(run * rise, (1, 2)), tf.reduce_sum(run * run, (1, 2))
        )
        slope = tf.where(tf.abs(slope) < _STEEPEST, slope, 0.0)
        level_y = centre_y - slope[:, None] * centre_x
        reach = tf.cast(self._neighbours(boxes, level_y, valid), tf.float32)
        steps = max(1, (boxes.shape[1] - 1).bit_length())
        for _ in range(steps):  # chains of 2, 4, 8, ... neighbours
            reach = tf.cast(tf.matmul(reach, reach) > 0.5, tf.float32)
        return reach > 0.5, level_y

    def _neighbours(
        self, boxes: tf.Tensor, centre_y: tf.Tensor, valid: tf.Tensor
    ) -> tf.Tensor:
        """Which characters are side by side, or the same: bool (B, N, N)."""
        height = boxes[..., 2] - boxes[..., 0]
        top, bottom = centre_y - height / 2, centre_y + height / 2
        taller = tf.maximum(height[:, :, None], height[:, None, :])
        smaller = tf.minimum(height[:, :, None], height[:, None, :])
        shared = _reach(tf.minimum, bottom) - _reach(tf.maximum, top)
        gap = _reach(tf.maximum, boxes[..., 1]) - _reach(tf.minimum, boxes[..., 3])
        side_by_side = (
            (shared >= self.assembly.min_overlap * smaller)
            & (gap <= self.assembly.max_gap * taller)
            & (taller <= self.assembly.max_ratio * smaller)
        )
        same = tf.eye(boxes.shape[1], dtype=tf.bool)
        return (side_by_side | same) & valid[:, :, None] & valid[:, None, :]

    def _places(
        self,
        boxes: tf.Tensor,
        valid: tf.Tensor,
        together: tf.Tensor,
        level_y: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Where each character goes: reading * S + slot (B, N); and readings (B,)."""
        slots = self.assembly.slots
        rows = boxes.shape[1]
        index = tf.range(rows)
        earlier = index[None, :, None] < index[None, None, :]  # row before column
        half = (boxes[..., 2] - boxes[..., 0]) / 2
        far = tf.constant(1e9)

        def line_min(values: tf.Tensor) -> tf.Tensor:
            return tf.reduce_min(tf.where(together, values[:, None, :], far), -1)

        top = line_min(level_y - half)
        bottom = -line_min(-(level_y + half))
        left = line_min(boxes[..., 1])
        first = valid & ~tf.reduce_any(together & earlier, 1)  # a line's first row

        # The count of lines before a line, then its index, make a strict order.
        before_it = goes_before(top, bottom, left)
        heads = first[:, :, None] & ~together
        rank = count_rows(before_it & heads)
        # All characters of a line carry its rank and the index of its first row.
        owner = tf.reduce_min(tf.where(together, index[None, None, :], rows), -1)
        key = rank * rows + owner
        length = count_rows(together)
        takes = (length + slots - 1) // slots
        ahead = heads & (key[:, :, None] < key[:, None, :])
        base = tf.reduce_sum(tf.where(ahead, takes[:, :, None], 0), 1)

        centre_x = boxes[..., 1] + boxes[..., 3]
        before = (centre_x[:, :, None] < centre_x[:, None, :]) | (
            (centre_x[:, :, None] == centre_x[:, None, :]) & earlier
        )
        position = count_rows(before & together)
        place = (base + position // slots) * slots + position % slots
        return place, tf.reduce_sum(tf.where(first, takes, 0), -1)

    def _table(
        self, place: tf.Tensor, valid: tf.Tensor, rows: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """For every (reading, slot) whether it is used, and by which row."""
        slots = self.assembly.slots
        batch = tf.shape(place)[0]
        # What is not valid goes to one place more, which is cut off again.
        target = tf.where(valid, place, rows * slots)
        which = tf.repeat(tf.range(batch)[:, None], rows, axis=1)
        values = tf.repeat(tf.range(1, rows + 1)[None], batch, axis=0)
        laid = tf.scatter_nd(
            tf.stack([which, target], -1), values, (batch, rows * slots + 1)
        )
        laid = tf.reshape(laid[:, :-1], (-1, rows, slots))
        return laid > 0, tf.maximum(laid - 1, 0)


def _reach(combine: Any, values: tf.Tensor) -> tf.Tensor:
    """Combine every value with every other: (B, N) to (B, N, N)."""
    return combine(values[:, :, None], values[:, None, :])


def best_characters(read: tf.Tensor, alphabet: Alphabet) -> tuple[tf.Tensor, tf.Tensor]:
    """The three likeliest characters, blank aside.

    Args:
        read: (..., A) float32 probabilities.
        alphabet: of the probabilities.

    Returns:
        Scores float32 and code points int32 (-1 where there are fewer), (..., 3).
    """
    wanted = 1 + ALTERNATIVES
    found = min(wanted, len(alphabet))
    named, index = tf.math.top_k(read[..., : alphabet.blank], found)
    codes = tf.gather(tf.constant(alphabet.codes, tf.int32), index)
    missing = [(0, 0)] * (len(read.shape) - 1) + [(0, wanted - found)]
    return tf.pad(named, missing), tf.pad(codes, missing, constant_values=-1)


def goes_before(top: tf.Tensor, bottom: tf.Tensor, left: tf.Tensor) -> tf.Tensor:
    """Which of N lines, each a float32 (B, N), is read before which: bool (B, N, N).

    A line goes before another in its row if it is further left, and before those of
    lower rows.
    """
    height = bottom - top
    shared = _reach(tf.minimum, bottom) - _reach(tf.maximum, top)
    one_row = shared >= 0.5 * tf.minimum(height[:, :, None], height[:, None, :])
    middle = (top + bottom) / 2
    return tf.where(
        one_row,
        left[:, :, None] < left[:, None, :],
        middle[:, :, None] < middle[:, None, :],
    )


def count_rows(pairs: tf.Tensor) -> tf.Tensor:
    """How many rows hold for each column: bool (B, N, N) to int32 (B, N)."""
    return tf.reduce_sum(tf.cast(pairs, tf.int32), 1)
