"""The recogniser's recipe: pools of patches in, a recogniser out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fused_ocr.config import RecognizerConfig
from fused_ocr.errors import ConfigError
from fused_ocr.recognition.recognizer import build_recognizer

from .augmentation import Augmentation, centre_crops
from .cluster import replicas
from .one_batch import undistributed
from .patches import CROP, Pool, concatenate
from .runs import RunConfig, optimizer_for, train
from .transfer import freeze, start_from

__all__ = ["train_recognizer"]


def train_recognizer(
    config: RecognizerConfig,
    run: RunConfig,
    pools: Sequence[Pool],
    validation: Sequence[Pool],
    *,
    augmentation: Augmentation | None = None,
    init: keras.Model | None = None,
    seed: int = 0,
) -> keras.Model:
    """Train a recogniser; goes on where the run's folder stands.

    Args:
        config: the recogniser; its crops are 28x28.
        run: length, learning rate, folder.
        pools: training patches; a batch draws from each by its weight.
        validation: patches of which the middle is read as it is.
        augmentation: how patches are changed; the defaults if left out.
        init: a recogniser of the same network to start from, see `start_from`.
        seed: another seed, other draws.

    Returns:
        The recogniser with the best validation loss.

    Raises:
        ConfigError: another crop size.
    """
    if config.size_yx != (CROP, CROP):
        raise ConfigError(
            f"This recipe's patches are made for crops of {CROP}x{CROP}. "
            f"Received: size_yx={config.size_yx}."
        )
    change = tf.function(augmentation or Augmentation())
    odds = np.array([pool.weight for pool in pools])
    odds = odds / odds.sum()

    def batches(first: int) -> Iterator[Any]:
        step = first
        while True:
            rng = np.random.default_rng([seed, step])
            shares = rng.multinomial(run.batch_size, odds)
            picks = [
                rng.integers(len(pool.labels), size=share)
                for pool, share in zip(pools, shares, strict=True)
            ]
            drawn = list(zip(pools, picks, strict=True))
            patches = np.concatenate([pool.patches[pick] for pool, pick in drawn])
            labels = np.concatenate([pool.labels[pick] for pool, pick in drawn])
            invert = np.repeat([pool.invert for pool in pools], shares)
            key = tf.constant([seed, 2 * step], tf.int32)
            yield change(patches, invert, key), labels[:, None]
            step += 1

    held, truth = concatenate(validation)
    crops = centre_crops(held)

    def validation_batches(first: int) -> Iterator[Any]:
        for start in range(first, len(truth), 512):
            part = slice(start, start + 512)
            yield crops[part], truth[part, None]

    with replicas(run.strategy):
        model = build_recognizer(config)
        if init is not None:
            start_from(model, init, batches)
        freeze(model, run.freeze)
        model.compile(
            optimizer_for(run),
            loss=keras.losses.SparseCategoricalCrossentropy(),
            metrics=["accuracy"],
        )
        train(model, batches, validation_batches, run)
    return undistributed(model)
