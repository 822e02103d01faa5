"""Training recognisers of strings: by frames, or by places and a length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from fused_ocr.config import RecognizerConfig
from fused_ocr.recognition.recognizer import build_recognizer

from .runs import Batches, RunConfig, optimizer_for, start_from, strategy_named, train

__all__ = ["train_strings"]


def train_strings(
    config: RecognizerConfig,
    run: RunConfig,
    batches: Batches,
    validation: Batches,
    *,
    init: keras.Model | None = None,
) -> keras.Model:
    """Train a recogniser of strings; goes on where the run's folder stands.

    Args:
        config: the recogniser.
        run: length, learning rate, folder.
        batches: pairs from a given batch on: crops float32 (b, h, w, 1) in 0..1, and
            the indices of their characters int32 (b, S), the blank behind the last.
        validation: the same, always read from the first.
        init: a recogniser of the same configuration to start from.

    Returns:
        The recogniser with the best validation loss.
    """
    with strategy_named(run.strategy).scope():
        recognizer = build_recognizer(config)
        if init is not None:
            start_from(recognizer, init)
        if config.arch == "goodfellow":
            _train_heads(recognizer, run, batches, validation)
        else:
            _train_frames(recognizer, run, batches, validation)
    return recognizer


def _train_frames(
    recognizer: keras.Model, run: RunConfig, batches: Batches, validation: Batches
) -> None:
    # Slots have no weights: what is trained is the recogniser up to its frames.
    slots = recognizer.get_layer("slots")
    model = keras.Model(recognizer.input, recognizer.get_layer("frames").output)

    def exact(truth: Any, frames: Any) -> tf.Tensor:
        """The part of the strings that are right as a whole."""
        return _equal(truth, slots(frames))

    model.compile(optimizer_for(run), loss=_frame_loss, metrics=[exact])
    train(model, batches, validation, run)


def _train_heads(
    recognizer: keras.Model, run: RunConfig, batches: Batches, validation: Batches
) -> None:
    heads = {name: recognizer.get_layer(name).output for name in ("places", "length")}
    model = keras.Model(recognizer.input, heads)
    blank = heads["places"].shape[-1] - 1

    def exact(truth: Any, places: Any) -> tf.Tensor:
        """The part of the strings that are right as a whole."""
        return _equal(truth, places)

    def with_lengths(pairs: Batches) -> Batches:
        def from_batch(first: int) -> Iterator[Any]:
            for crops, codes in pairs(first):
                yield crops, {"places": codes, "length": (codes != blank).sum(-1)}

        return from_batch

    # The paper's: the sum of the heads' cross entropies; a place's is a mean over S.
    each = keras.losses.SparseCategoricalCrossentropy()
    model.compile(
        optimizer_for(run),
        loss={"places": each, "length": each},
        loss_weights={"places": heads["places"].shape[1], "length": 1},
        metrics={"places": [exact]},
    )
    train(model, with_lengths(batches), with_lengths(validation), run)


def _equal(truth: Any, slots: Any) -> tf.Tensor:
    read = tf.argmax(slots, -1, output_type=tf.int32)
    return tf.reduce_all(read == tf.cast(truth, tf.int32), -1)


def _frame_loss(truth: Any, frames: Any) -> tf.Tensor:
    """Connectionist temporal classification (Graves et al. 2006), per character.

    Args:
        truth: (b, S) indices, the blank behind the last.
        frames: (b, T, A) probabilities, the blank last.

    Returns:
        float32 (b,): minus the logarithm of the string's probability, by its length.
    """
    truth = tf.cast(truth, tf.int32)
    blank = frames.shape[-1] - 1
    lengths = tf.reduce_sum(tf.cast(truth != blank, tf.int32), -1)
    loss = tf.nn.ctc_loss(
        labels=truth,
        logits=tf.math.log(tf.maximum(frames, 1e-8)),
        label_length=lengths,
        logit_length=tf.fill([tf.shape(frames)[0]], tf.shape(frames)[1]),
        logits_time_major=False,
        blank_index=-1,
    )
    return loss / tf.cast(tf.maximum(lengths, 1), tf.float32)
