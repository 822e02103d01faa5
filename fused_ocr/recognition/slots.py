"""From frames along a line of text to slots, one a character: CTC's last step."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from fused_ocr.alphabet import Alphabet
from fused_ocr.errors import ConfigError

__all__ = ["CollapseFrames", "part_rows"]


def part_rows(frames: tf.Tensor, rows: int) -> tf.Tensor:
    """A blank frame between the rows: equal characters on both sides stay two.

    Args:
        frames: (B, T, A) float32 probabilities, blank last.
        rows: how many rows of T / rows frames there are.

    Returns:
        (B, T + rows - 1, A) float32.
    """
    if rows == 1:
        return frames
    first, *others = tf.split(frames, rows, 1)
    blank = tf.one_hot(frames.shape[-1] - 1, frames.shape[-1], dtype=frames.dtype)
    between = tf.zeros_like(first[:, :1]) + blank
    return tf.concat([first, *(t for row in others for t in (between, row))], 1)


@keras.saving.register_keras_serializable(package="fused_ocr")
class CollapseFrames(keras.layers.Layer):
    """Greedy decoding of connectionist temporal classification, inside the graph.

    Runs of frames with the same likeliest character become one slot, frames whose
    likeliest class is the blank become none (Graves et al. 2006, section 3.2: best path
    decoding). A slot's probabilities are the mean over its run. Written without loops,
    in operators that TFLite has as builtins.

    Args:
        alphabet: the characters in order; the blank comes behind them.
        slots: S; characters beyond it are left out.
        rows: of text, whose frames come one row after the other; a run ends with its
            row.

    Input shape:
        (B, T, A) float32 probabilities of T frames, A = len(alphabet) + 1, T a multiple
        of the rows.

    Output shape:
        (B, S, A) float32 probabilities; slots behind the last character are blank for
        certain.

    Raises:
        ConfigError: see `Alphabet`; or there is no slot.
    """

    def __init__(self, alphabet: str, slots: int, rows: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, value in (("slots", slots), ("rows", rows)):
            if value < 1:
                raise ConfigError(f"`{name}` must be at least 1. Received: {value}.")
        self.alphabet = Alphabet(alphabet)
        self.slots = slots
        self.rows = rows

    def call(self, frames: tf.Tensor) -> tf.Tensor:
        """See the class."""
        blank = self.alphabet.blank
        frames = part_rows(frames, self.rows)
        best = tf.argmax(frames, -1, output_type=tf.int32)  # (B, T)
        before = tf.pad(best[:, :-1], ((0, 0), (1, 0)), constant_values=blank)
        spoken = best != blank
        begins = tf.cast(spoken & (best != before), tf.int32)
        slot = tf.cumsum(begins, 1) - 1  # of the run that a frame is in
        member = tf.cast(
            (tf.expand_dims(slot, -1) == tf.range(self.slots))
            & tf.expand_dims(spoken, -1),
            frames.dtype,
        )  # (B, T, S)
        length = tf.reduce_sum(member, 1)[..., None]  # (B, S, 1), frames of the run
        mean = tf.matmul(member, frames, transpose_a=True) / tf.maximum(length, 1.0)
        empty = tf.one_hot(blank, blank + 1, dtype=frames.dtype)
        return tf.where(length > 0.5, mean, empty)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """(B, S, A)."""
        return (input_shape[0], self.slots, len(self.alphabet) + 1)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "alphabet": self.alphabet.characters,
            "slots": self.slots,
            "rows": self.rows,
        }
