"""Starting from trained weights: what is taken over, and what stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import keras
import numpy as np
import numpy.typing as npt
from rich.console import Console

from fused_ocr.alphabet import Alphabet
from fused_ocr.errors import ConfigError
from fused_ocr.recognition.recognizer import alphabet_of

__all__ = ["STAGES", "freeze", "layers_of", "start_from"]

STAGES = ("none", "backbone", "features")
"""What may be frozen: nothing, the convolutions that see, all but the last layers."""

_HEADS = re.compile(
    r"pyramid_(regression|classification|corners)$|pyramid_corners"
    r"|corners$|characters$|frames$|place_logits$|length$|crop_hidden$|readable$|kinds$"
)
"""Layers that speak of anchors, labels, alphabets: with others, they start afresh."""

_OF_HEIGHT = re.compile(r"mix$")
"""Layers that bring a crop's rows together: of another height they start afresh."""

_OF_ALPHABET = re.compile(r"(characters|frames|place_logits)$")
"""Layers with an output for every character and the blank, once or for each place."""

_BEHIND_BACKBONE = re.compile(r"C\d_reduced$|P\d$|pyramid_|mix$|context|hidden$|dense")
"""Of detectors the pyramid; of recognisers what brings the seen in connection."""


def start_from(model: keras.Model, init: keras.Model) -> tuple[str, ...]:
    """Give a new model the weights of another one, layer by layer.

    Layers that speak of anchors, labels, an alphabet or a crop's height may be of
    another shape, or missing: they keep their random weights, so that the features are
    taken over by what is to find or to read something else. Characters that are in both
    alphabets are taken over as well. A normalisation that is frozen in the other one is
    frozen here: one that began to follow small batches would spoil what it starts from.

    Args:
        model: is changed.
        init: where the weights come from.

    Returns:
        The names of the layers that start afresh, all of them.

    Raises:
        ConfigError: another layer does not fit.
    """
    known = {layer.name: layer for layer in layers_of(init)}
    fresh, wrong = [], []
    pairs: list[tuple[keras.layers.Layer, list[npt.NDArray]]] = []
    for layer in layers_of(model):
        twin = known.get(layer.name)
        weights = None
        if twin is not None and layer.weights and _OF_ALPHABET.match(layer.name):
            weights = _shared(layer, twin, alphabet_of(model), alphabet_of(init))
        elif twin is not None and _shapes(twin) == _shapes(layer):
            weights = twin.get_weights()
        if weights is not None:
            pairs.append((layer, weights))
        elif layer.weights and (
            _HEADS.match(layer.name) or (twin and _OF_HEIGHT.match(layer.name))
        ):
            fresh.append(layer.name)
        elif layer.weights:
            wrong.append(layer.name)
    if wrong:
        raise ConfigError(
            f"The weights of {init.name!r} do not fit this {model.name!r}: others are "
            f"{', '.join(wrong[:3])}{', ...' if len(wrong) > 3 else ''}. Start from a "
            "model of the same backbone, channels and crop size, or the same network."
        )
    for layer, weights in pairs:
        layer.set_weights(weights)
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = known[layer.name].trainable
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
    for layer in layers_of(model):
        head = _HEADS.match(layer.name)
        behind = head or _BEHIND_BACKBONE.match(layer.name)
        if stage != "none" and not (behind if stage == "backbone" else head):
            layer.trainable = False


def _shared(
    layer: keras.layers.Layer, twin: keras.layers.Layer, new: Alphabet, old: Alphabet
) -> list[npt.NDArray] | None:
    """A layer's weights with those of the characters that its twin knows, too.

    None where none of them is known, or the layers differ in more than the alphabet.
    """
    rows = [(i, old.encode(c)[0]) for i, c in enumerate(new.characters) if c in old]
    if not rows:
        return None
    to, source = np.array([*rows, (new.blank, old.blank)]).T
    made = []
    for mine, other in zip(layer.get_weights(), twin.get_weights(), strict=True):
        whole = mine.reshape(*mine.shape[:-1], -1, len(new) + 1)
        theirs = other.reshape(*other.shape[:-1], -1, len(old) + 1)
        if whole.shape[:-1] != theirs.shape[:-1]:
            return None
        whole[..., to] = theirs[..., source]
        made.append(whole.reshape(mine.shape))
    return made


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model, and those of models inside."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer


def _shapes(layer: keras.layers.Layer) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in layer.weights]
