"""Giving back the normalisation that a fused reader's convolutions have taken up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from fused_ocr.folding import FoldedNormalization

__all__ = ["Weights", "given_back", "normalize_as_seen"]

Weights = list[npt.NDArray[Any]]
"""Of a layer, as Keras orders them."""

Layers = dict[str, keras.layers.Layer]


def given_back(layers: Layers, known: Layers) -> tuple[dict[str, Weights], Layers]:
    """Weights of convolutions and normalisations that are one layer in a fused reader.

    Args:
        layers: of the model to train, by name.
        known: of the part of a fused reader, by name.

    Returns:
        Weights by name, of which the normalisations' only add the offset that the
        convolution in front of them had taken up; and the normalisations.
    """
    weights: dict[str, Weights] = {}
    norms: Layers = {}
    for name in layers:
        if isinstance(known.get(name), FoldedNormalization):
            norm = norms[name] = layers[name]
            before = norm.input._keras_history.operation
            kernel, offset = known[before.name].get_weights()
            one = np.ones_like(offset)
            weights[name] = [one * np.sqrt(1 + norm.epsilon), offset, one * 0, one]
            weights[before.name] = [kernel, one * 0][: len(before.weights)]
    return weights, norms


def normalize_as_seen(
    model: keras.Model, norms: Sequence[keras.layers.Layer], crops: Iterable[Any]
) -> None:
    """Make normalisations that only add an offset know what they normalise.

    The answers stay the same: the factor becomes the deviation, and the offset takes up
    the mean, which training then takes away again, with those of each batch.

    Args:
        model: with these layers; is changed.
        norms: as `given_back` makes them; one at least.
        crops: batches that the model is to be trained on; one at least.
    """
    seen = keras.Model(model.input, [norm.input for norm in norms])
    moments: list[list[Any]] = [[] for _ in norms]
    for batch in crops:
        for known, values in zip(moments, seen(batch, training=False), strict=True):
            flat = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
            known.append([flat.mean(0), (flat**2).mean(0)])
    for norm, known in zip(norms, moments, strict=True):
        mean, square = np.mean(known, 0)
        variance = np.maximum(square - mean**2, 0.0)
        deviation = np.sqrt(variance + norm.epsilon)
        norm.set_weights([deviation, norm.beta + mean, mean, variance])
