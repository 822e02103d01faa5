"""The refiner's recipe: regions of annotated photos in, a refiner out."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fused_ocr.config import RefinerConfig
from fused_ocr.errors import ConfigError
from fused_ocr.refinement import build_refiner, crop_for

from .annotations import read_annotations
from .cluster import replicas
from .corner_crops import CornerBatches, corner_patches
from .one_batch import undistributed
from .outcome import leave
from .recipes import Options, annotated_sets, initial
from .runs import Batches, RunConfig, optimizer_for, train
from .sources import held_and_kept
from .strip_augmentation import StripAugmentation
from .transfer import freeze, start_from

__all__ = ["corner_loss", "refiner_recipe", "train_refiner"]

_MEASURED = 20
"""Batches that the score is measured on."""


def train_refiner(
    config: RefinerConfig,
    run: RunConfig,
    batches: Batches,
    validation: Batches,
    *,
    init: keras.Model | None = None,
) -> keras.Model:
    """Train a refiner; goes on where the run's folder stands.

    Args:
        config: the refiner.
        run: length, learning rate, folder.
        batches: as `CornerBatches` gives them.
        validation: the same, always read from the first.
        init: a refiner to start from.

    Returns:
        The refiner with the best validation loss.
    """
    with replicas(run.strategy):
        refiner = build_refiner(config)
        if init is not None:
            start_from(refiner, init, batches)
        freeze(refiner, run.freeze)
        loss = corner_loss(config.size_yx)
        refiner.compile(optimizer_for(run), loss=loss)
        train(refiner, batches, validation, run)
    return undistributed(refiner)


def corner_loss(size_yx: tuple[int, int]) -> Any:
    """How far corners are off, in parts of the region's longest side.

    Where only a box is known, the box around the corners must be that one.

    Args:
        size_yx: of the crop, pixels: distances are those of its picture.

    Returns:
        A function of truth float32 (b, 9), see `CornerBatches`, and corners float32
        (b, 4, 2), to float32 (b,).
    """
    scale = tf.constant(size_yx, tf.float32)

    def loss(truth: Any, seen: Any) -> tf.Tensor:
        true = tf.reshape(truth[:, :8], (-1, 4, 2)) * scale
        seen = seen * scale
        longest = tf.reduce_max(tf.norm(true - tf.roll(true, 1, 1), axis=-1), -1)
        # Of no distance the norm has no gradient.
        apart = tf.sqrt(tf.reduce_sum(tf.square(seen - true), -1) + 1e-6)
        sides = tf.abs(tf.reduce_min(seen, 1) - tf.reduce_min(true, 1)) + tf.abs(
            tf.reduce_max(seen, 1) - tf.reduce_max(true, 1)
        )
        known = truth[:, 8] > 0
        off = tf.where(known, tf.reduce_mean(apart, -1), tf.reduce_mean(sides, -1) / 2)
        return off / tf.maximum(longest, 1.0)

    return loss


def refiner_recipe(
    out: Path,
    material: Any,  # noqa: ARG001 - the regions come from annotations alone
    run: RunConfig,
    options: Options,
) -> tuple[Path, dict[str, float]]:
    """Train a refiner on the regions of annotated photos.

    Args:
        out: the run's folder.
        material: is not used.
        run: the run.
        options: those of `fused-ocr train refiner`, by name.

    Returns:
        The path of `refiner.keras`, and how far known corners are off after one look at
        the regions kept for validation, from starts that are off as in training.

    Raises:
        ConfigError: annotations without classes, regions or corners.
    """
    init = initial(options, "refiner")
    config = RefinerConfig(width=options["width"])
    labels, sets = annotated_sets(options)
    back = None
    if options["validation"] is not None:
        photos = read_annotations(options["validation"], labels)
        back = corner_patches(photos, str(options["validation"]))
    names = map(str, options["annotations"])
    held, kept = held_and_kept(map(corner_patches, sets, names), options["share"], back)
    if not any(source.known.any() for source in kept):
        raise ConfigError(
            "A refiner needs annotations with corners, and none of the boxes has any. "
            "Synthetic regions have: fused-ocr synth --kind plates."
        )
    crop, size, seed = crop_for(config), run.batch_size, options["seed"]
    changed, plain = (
        StripAugmentation.of_strength(config.size_yx, strength)
        for strength in (options["augmentation"], 0.0)
    )
    validation = CornerBatches(held, crop, size, options["validation_seed"], plain)
    refiner = train_refiner(
        config,
        run,
        CornerBatches(kept, crop, size, seed, changed),
        validation,
        init=init,
    )
    scores = {"corner error, one look": lambda: _error(refiner, validation)}
    return leave(refiner, out / "refiner.keras", run, scores)


def _error(refiner: keras.Model, batches: Batches) -> float:
    """How far known corners are off; nan if there are none."""
    loss = corner_loss(tuple(refiner.input_shape[1:3]))
    off = []
    for crops, truth in itertools.islice(batches(0), _MEASURED):
        known = truth[:, 8] > 0
        off.append(loss(truth, refiner(crops, training=False)).numpy()[known])
    apart = np.concatenate(off)
    return float(apart.mean()) if len(apart) else float("nan")
