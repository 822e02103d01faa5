"""Starting from trained weights: what is taken over, and what stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import keras
from rich.console import Console

from fused_ocr.errors import ConfigError

__all__ = ["STAGES", "freeze", "start_from"]

STAGES = ("none", "backbone", "features")
"""What may be frozen: nothing, the convolutions that see, all but the last layers."""

_HEADS = re.compile(
    r"pyramid_(regression|classification|corners)$|pyramid_corners"
    r"|corners$|characters$|frames$|place_logits$|length$|crop_hidden$|readable$|kinds$"
)
"""Layers that speak of anchors, labels, alphabets: with others, they start afresh."""

_BEHIND_BACKBONE = re.compile(r"C\d_reduced$|P\d$|pyramid_|mix$|context|hidden$|dense")
"""Of detectors the pyramid; of recognisers what brings the seen in connection."""


def start_from(model: keras.Model, init: keras.Model) -> tuple[str, ...]:
    """Give a new model the weights of another one, layer by layer.

    Layers that speak of anchors, labels or an alphabet may be of another shape, or
    missing: they keep their random weights, so that the features are taken over by what
    is to find or to read something else. A normalisation that is frozen in the other
    one is frozen here: one that began to follow small batches would spoil what it
    starts from.

    Args:
        model: is changed.
        init: where the weights come from.

    Returns:
        The names of the layers that start afresh.

    Raises:
        ConfigError: another layer does not fit.
    """
    known = {layer.name: layer for layer in _layers(init)}
    fresh, wrong = [], []
    pairs = []
    for layer in _layers(model):
        twin = known.get(layer.name)
        if twin is not None and _shapes(twin) == _shapes(layer):
            pairs.append((layer, twin))
        elif _HEADS.match(layer.name) and layer.weights:
            fresh.append(layer.name)
        elif layer.weights:
            wrong.append(layer.name)
    if wrong:
        raise ConfigError(
            f"The weights of {init.name!r} do not fit this {model.name!r}: others are "
            f"{', '.join(wrong[:3])}{', ...' if len(wrong) > 3 else ''}. Start from a "
            "model of the same backbone, channels and crop size, or the same network."
        )
    for layer, twin in pairs:
        layer.set_weights(twin.get_weights())
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = twin.trainable
    if fresh:
        Console(stderr=True).print(f"Starting afresh: {', '.join(fresh)}.")
    return tuple(fresh)


def freeze(model: keras.Model, stage: str) -> None:
    """Keep the first layers as they are while the others are trained.

    Args:
        model: a detector or a recogniser, as it is trained.
        stage: one of `STAGES`.

    Raises:
        ConfigError: there is no such stage.
    """
    if stage not in STAGES:
        raise ConfigError(
            f"Stages to freeze: {', '.join(STAGES)}. Received: {stage!r}."
        )
    for layer in _layers(model):
        head = _HEADS.match(layer.name)
        behind = head or _BEHIND_BACKBONE.match(layer.name)
        if stage != "none" and not (behind if stage == "backbone" else head):
            layer.trainable = False


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model, and those of models inside."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]
