"""The detector's recipe: synthetic scenes or annotated photos in, a detector out."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from fused_ocr.config import DetectorConfig
from fused_ocr.detection.retinanet import (
    add_decoding,
    build_retinanet,
    training_model,
)

from .anchor_transfer import heads_for
from .cluster import replicas
from .examples import Example
from .feed import ordered
from .one_batch import undistributed, whole_batch_mean
from .runs import RunConfig, optimizer_for, train
from .shares import OwnExamples
from .targets import AnchorTargets
from .transfer import freeze, start_from

__all__ = ["CORNER_WEIGHT", "detector_losses", "train_detector"]

CORNER_WEIGHT = 0.25
"""Of the loss of corners: they are twice as many values as a box has edges, and farther
from the anchor. With the weight 1 they are two thirds of the whole loss for a thousand
steps, and boxes and scores are learnt the slower."""


def train_detector(
    config: DetectorConfig,
    run: RunConfig,
    examples: Callable[[int], Example],
    validation: Callable[[int], Example],
    *,
    backbone_weights: str | os.PathLike[str] | None = None,
    init: keras.Model | None = None,
) -> keras.Model:
    """Train a detector; goes on where the run's folder stands.

    Args:
        config: the detector.
        run: length, learning rate, folder.
        examples: training example of an index; picklable, all frames of one size. A
            detector with corners learns those of objects whose `quads_yx` are known.
        validation: validation example of an index.
        backbone_weights: None, `imagenet`, or a file; only for a new detector.
        init: as `add_decoding` gives it, a detector of the same backbone and channels
            to start from, see `start_from`; for other anchors see `heads_for`.

    Returns:
        The detector with decoding, as `add_decoding` gives it.
    """
    frame_yx = examples(0).frame.shape[:2]
    targets = AnchorTargets(frame_yx, config.anchors, len(config.labels))

    size = run.share.of(run.batch_size)

    def batches(make: Callable[[int], Example], processes: int) -> Any:
        own = OwnExamples(make, run.batch_size, run.share)

        def from_batch(first: int) -> Iterator[Any]:
            stream = ordered(own, start=first * size, workers=processes)
            while group := list(itertools.islice(stream, size)):
                frames = np.stack([example.frame for example in group])
                yield (
                    frames.astype(np.float32),
                    targets(
                        [example.boxes_yxyx for example in group],
                        [example.labels for example in group],
                        [example.quads_yx for example in group]
                        if config.corners
                        else None,
                    ),
                )

        return from_batch

    with replicas(run.strategy):
        model = build_retinanet(config, weights=backbone_weights)
        if init is not None:
            heads = heads_for(config.anchors, init)
            start_from(model, training_model(init), instead=heads)
        freeze(model, run.freeze)
        losses = detector_losses(config)
        weights = [1.0, 1.0, CORNER_WEIGHT][: len(losses)]
        model.compile(optimizer_for(run), loss=losses, loss_weights=weights)
        train(
            model,
            batches(examples, run.workers),
            batches(validation, 0),
            run,
            whole=False,
        )
    return add_decoding(undistributed(model), config)


def detector_losses(config: DetectorConfig) -> list[Callable[[Any, Any], Any]]:
    """keras-retinanet's loss for each output of a detector in training.

    Each takes the targets of `AnchorTargets` float32 (B, A, n + 1) and the output
    (B, A, n). Regression and corners have the smooth L1 loss with sigma 3, summed over
    values and anchors of state 1, and divided by the number of these anchors (at least
    1, and of all replicas); scores have the focal loss.
    """
    from keras_retinanet import losses

    each = [losses.smooth_l1(), losses.focal()]
    each += [losses.smooth_l1()] if config.corners else []
    return [whole_batch_mean(loss) for loss in each]
