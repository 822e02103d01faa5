"""Training recognisers of strings: by frames, or by places and a length."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from fused_ocr.config import CropConfig, RecognizerConfig
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.recognition.slots import part_rows

from .cluster import replicas
from .one_batch import undistributed
from .runs import Batches, RunConfig, optimizer_for, train
from .transfer import freeze, start_from

__all__ = ["UNKNOWN", "best_texts", "frame_loss", "train_strings"]


UNKNOWN = -1
"""In the place of a label that nobody gave."""

_HEAD_WEIGHT = 0.3
"""Of the loss of a head on the whole crop, against that of the text."""


def train_strings(
    config: RecognizerConfig,
    run: RunConfig,
    batches: Batches,
    validation: Batches,
    *,
    crop: CropConfig | None = None,
    init: keras.Model | None = None,
) -> keras.Model:
    """Train a recogniser of strings; goes on where the run's folder stands.

    Args:
        config: the recogniser.
        run: length, learning rate, folder.
        batches: pairs from a given batch on: crops float32 (b, h, w, 1) in 0..1, and a
            dictionary: ``text``, the indices of their characters int32 (b, S), the
            blank behind the last; ``readable`` and ``kinds`` int32 (b,), if the
            recogniser has these heads. `UNKNOWN` where nobody knows.
        validation: the same, always read from the first.
        crop: how its crops are cut; kept inside of it.
        init: a recogniser of the same network to start from, see `start_from`.

    Returns:
        The recogniser of the epoch that read most strings of the validation exactly.
    """
    with replicas(run.strategy):
        recognizer = build_recognizer(config, crop)
        if init is not None:
            start_from(recognizer, init, batches)
        freeze(recognizer, run.freeze)
        places: Any = tf.identity
        if config.arch == "goodfellow":
            losses = _place_losses(config)
        elif config.arch == "places":
            losses = {"characters": _places_loss}
        else:
            losses = {"frames": lambda text, f: frame_loss(text, f, config.rows)}
            # Slots have no weights: what is trained is the recogniser up to them.
            places = recognizer.get_layer("slots")

        def exact(truth: Any, read: Any) -> tf.Tensor:
            return _equal(truth, places(read))

        text = next(iter(losses))
        heads = {
            "readable": _readable_loss if config.readable else None,
            "kinds": _kind_loss if config.kinds else None,
        }
        losses |= {name: loss for name, loss in heads.items() if loss is not None}
        model = keras.Model(
            recognizer.input,
            {name: recognizer.get_layer(name).output for name in losses},
        )
        model.compile(
            optimizer_for(run),
            loss=losses,
            loss_weights={n: _HEAD_WEIGHT if n in heads else 1.0 for n in losses},
            metrics={
                text: [_named(exact, "exact")],
                **{n: [_named(_RIGHT[n], "right")] for n in losses if n in heads},
            },
        )

        def targets(pairs: Batches) -> Batches:
            def from_batch(first: int) -> Iterator[Any]:
                for crops, known in pairs(first):
                    yield (
                        crops,
                        {name: known.get(name, known["text"]) for name in losses},
                    )

            return from_batch

        # The loss is ruled by the few crops that nobody reads for sure.
        named = f"{text}_exact" if len(losses) > 1 else "exact"  # as Keras logs it
        run = dataclasses.replace(run, best_by=f"val_{named}")
        train(model, targets(batches), targets(validation), run)
    return undistributed(recognizer)


def _place_losses(config: RecognizerConfig) -> dict[str, Any]:
    """The paper's: the sum of the heads' cross entropies (section 4)."""
    blank = len(config.alphabet)

    def length(text: Any, read: Any) -> tf.Tensor:
        long = tf.reduce_sum(tf.cast(text != tf.cast(blank, text.dtype), tf.int32), -1)
        return _where_known(
            text, keras.losses.sparse_categorical_crossentropy(long, read)
        )

    return {"places": _places_loss, "length": length}


def _places_loss(text: Any, read: Any) -> tf.Tensor:
    each = keras.losses.sparse_categorical_crossentropy(tf.maximum(text, 0), read)
    return _where_known(text, tf.reduce_sum(each, -1))


def _readable_loss(truth: Any, read: Any) -> tf.Tensor:
    truth = tf.cast(tf.reshape(truth, (-1, 1)), tf.float32)
    loss = keras.losses.binary_crossentropy(tf.maximum(truth, 0.0), read)
    return tf.where(truth[:, 0] >= 0, loss, 0.0)


def _kind_loss(truth: Any, read: Any) -> tf.Tensor:
    truth = tf.cast(tf.reshape(truth, (-1,)), tf.int32)
    loss = keras.losses.sparse_categorical_crossentropy(tf.maximum(truth, 0), read)
    return tf.where(truth >= 0, loss, 0.0)


def _readable_right(truth: Any, read: Any) -> tf.Tensor:
    truth = tf.cast(tf.reshape(truth, (-1,)), tf.int32)
    return _of_known(truth >= 0, (read[:, 0] >= 0.5) == (truth == 1))


def _kind_right(truth: Any, read: Any) -> tf.Tensor:
    truth = tf.cast(tf.reshape(truth, (-1,)), tf.int32)
    return _of_known(truth >= 0, tf.argmax(read, -1, output_type=tf.int32) == truth)


_RIGHT = {"readable": _readable_right, "kinds": _kind_right}


def _named(metric: Any, name: str) -> Any:
    return keras.metrics.MeanMetricWrapper(metric, name=name)


def _equal(truth: Any, slots: Any) -> tf.Tensor:
    """The part of the known strings that are right as a whole."""
    truth = tf.cast(truth, tf.int32)
    right = tf.reduce_all(best_texts(slots) == truth, -1)
    return _of_known(truth[:, 0] != UNKNOWN, right)


def best_texts(slots: Any) -> tf.Tensor:
    """The likeliest characters of slots (b, S, A): int32 (b, S), blank from the end on.

    As in the graph, a string ends with its first blank.
    """
    blank = slots.shape[-1] - 1
    read = tf.argmax(slots, -1, output_type=tf.int32)
    ended = tf.cumsum(tf.cast(read == blank, tf.int32), 1) > 0
    return tf.where(ended, blank, read)


def _of_known(known: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """What is right, of those whose truth is known: the metric is their mean."""
    return tf.cast(tf.boolean_mask(right, known), tf.float32)


def _where_known(text: Any, loss: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.cast(text, tf.int32)[:, 0] != UNKNOWN, loss, 0.0)


def frame_loss(truth: Any, frames: Any, rows: int = 1) -> tf.Tensor:
    """Connectionist temporal classification (Graves et al. 2006), per character.

    Args:
        truth: (b, S) indices, the blank behind the last; `UNKNOWN` loses nothing.
        frames: (b, T, A) probabilities, the blank last.
        rows: of text, whose frames come one row after the other.

    Returns:
        float32 (b,): minus the logarithm of the string's probability, by its length.
    """
    text = tf.cast(truth, tf.int32)
    blank = frames.shape[-1] - 1
    frames = part_rows(frames, rows)
    text = tf.where(text == UNKNOWN, blank, text)
    lengths = tf.reduce_sum(tf.cast(text != blank, tf.int32), -1)
    loss = tf.nn.ctc_loss(
        labels=text,
        logits=tf.math.log(tf.maximum(frames, 1e-8)),
        label_length=lengths,
        logit_length=tf.fill([tf.shape(frames)[0]], tf.shape(frames)[1]),
        logits_time_major=False,
        blank_index=-1,
    )
    return _where_known(truth, loss / tf.cast(tf.maximum(lengths, 1), tf.float32))
