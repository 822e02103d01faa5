"""Starting from trained weights: what is taken over, and what stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import keras
import numpy as np
from rich.console import Console

from fused_ocr.alphabet import Alphabet
from fused_ocr.errors import ConfigError
from fused_ocr.recognition.recognizer import alphabet_of

from .unfolding import Weights, given_back, normalize_as_seen

__all__ = ["STAGES", "freeze", "layers_of", "start_from"]

STAGES = ("none", "backbone", "features")
"""What may be frozen: nothing, the convolutions that see, all but the last layers."""

_HEADS = re.compile(
    r"pyramid_(regression|classification|corners)$|pyramid_corners"
    r"|corners$|characters$|frames$|place_logits$|length$|crop_hidden$|readable$|kinds$"
)
"""Layers that speak of anchors, labels, alphabets: with others, they start afresh."""

_OF_HEIGHT = re.compile(r"mix$")
"""Layers that bring a crop's rows together: they depend on its height."""

_OF_CONTEXT = re.compile(r"context\d")
"""Layers that add what stands beside: a network may have more of them than another."""

_OF_ALPHABET = re.compile(r"(characters|frames|place_logits)$")
"""Layers with an output for every character and the blank, once or for each place."""

_SEEN = 16
"""Batches that tell what normalisations see."""

_BEHIND_BACKBONE = re.compile(r"C\d_reduced$|P\d$|pyramid_|mix$|context|hidden$|dense")
"""Of detectors the pyramid; of recognisers what brings the seen in connection."""


def start_from(
    model: keras.Model,
    init: keras.Model,
    batches: Callable[[int], Iterator[Any]] | None = None,
    *,
    instead: Mapping[str, Weights] | None = None,
) -> tuple[str, ...]:
    """Give a new model the weights of another one, layer by layer.

    Layers that speak of anchors, labels or an alphabet may be of another shape, or
    missing: they keep their random weights, so that the features are taken over by what
    is to find or to read something else. Characters that are in both alphabets are
    taken over as well; what brings together the rows of a crop is stretched to crops of
    another height. A normalisation that is frozen in the other one is frozen here: one
    that began to follow small batches would spoil what it starts from.

    The convolutions of a fused reader's parts have taken up the normalisations behind
    them; these are given back, with the mean and the deviation of some batches. Without
    batches nobody knows these any more, and the normalisations are frozen.

    Args:
        model: is changed.
        init: where the weights come from.
        batches: what it is to be trained on, from a given batch on; inputs first.
        instead: weights of layers, by name, that stand for those of `init`.

    Returns:
        The names of the layers that start afresh, all of them.

    Raises:
        ConfigError: another layer does not fit.
    """
    known, layers = ({one.name: one for one in layers_of(m)} for m in (init, model))
    unfolded, norms = given_back(layers, known)
    theirs = {name: one.get_weights() for name, one in known.items()} | unfolded
    theirs |= instead or {}
    fresh, wrong = [], []
    taken: dict[str, Weights] = {}
    for name, layer in layers.items():
        weights = name in known and _taken(layer, theirs[name], model, init)
        if weights:
            taken[name] = weights
        elif layer.weights and (
            _HEADS.match(name)
            or (name in known and _OF_HEIGHT.match(name))
            or (name not in known and _OF_CONTEXT.match(name))
        ):
            fresh.append(name)
        elif layer.weights:
            wrong.append(name)
    if wrong:
        raise ConfigError(
            f"The weights of {init.name!r} do not fit this {model.name!r}: others are "
            f"{', '.join(wrong[:3])}{', ...' if len(wrong) > 3 else ''}. Start from a "
            "model of the same network (--arch), backbone, channels and crop size."
        )
    for name, weights in taken.items():
        layers[name].set_weights(weights)
        if isinstance(layers[name], keras.layers.BatchNormalization):
            layers[name].trainable = known[name].trainable
    if norms and batches:
        some = (batch[0] for batch in islice(batches(0), _SEEN))
        normalize_as_seen(model, list(norms.values()), some)
    for norm in norms.values():
        norm.trainable = batches is not None
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


def _taken(
    layer: keras.layers.Layer, theirs: Weights, model: keras.Model, init: keras.Model
) -> Weights | None:
    """What a layer takes of its twin's weights; None if they do not fit."""
    if not layer.weights:
        return None
    if _OF_ALPHABET.match(layer.name):
        return _shared(layer, theirs, alphabet_of(model), alphabet_of(init))
    if [weight.shape for weight in theirs] == [w.shape for w in layer.weights]:
        return theirs
    if _OF_HEIGHT.match(layer.name):
        channels = model.get_layer("columns").output.shape[-1]
        return _stretched(layer, theirs, channels)
    return None


def _shared(
    layer: keras.layers.Layer, theirs: Weights, new: Alphabet, old: Alphabet
) -> Weights | None:
    """A layer's weights with those of the characters that its twin knows, too.

    None where none of them is known, or the layers differ in more than the alphabet.
    """
    rows = [(i, old.encode(c)[0]) for i, c in enumerate(new.characters) if c in old]
    if not rows:
        return None
    to, source = np.array([*rows, (new.blank, old.blank)]).T
    made = []
    for mine, other in zip(layer.get_weights(), theirs, strict=True):
        whole = mine.reshape(*mine.shape[:-1], -1, len(new) + 1)
        known = other.reshape(*other.shape[:-1], -1, len(old) + 1)
        if whole.shape[:-1] != known.shape[:-1]:
            return None
        whole[..., to] = known[..., source]
        made.append(whole.reshape(mine.shape))
    return made


def _stretched(
    layer: keras.layers.Layer, theirs: Weights, channels: int
) -> Weights | None:
    """A twin's weights for columns of another height, between its rows.

    None where the layers differ in more than that.
    """
    wanted, (kernel, bias) = layer.get_weights()[0], theirs
    if kernel.shape[1] != wanted.shape[1] or len(kernel) % channels:
        return None
    rows, known = len(wanted) // channels, len(kernel) // channels
    at = np.clip((np.arange(rows) + 0.5) * known / rows - 0.5, 0, known - 1)
    above = at.astype(int)
    below, part = np.minimum(above + 1, known - 1), (at - above)[:, None, None]
    columns = kernel.reshape(known, channels, -1)
    made = columns[above] * (1 - part) + columns[below] * part
    # As many rows as before see what they saw, in sum.
    return [(made * known / rows).reshape(wanted.shape), bias]


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model, and those of models inside."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer
