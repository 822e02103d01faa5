"""The two models of a fused reader as they were before fusing, to be timed as glue.

Fusing folds batch normalisation into the convolutions. Who glues two models together
has it in them, so here it is put back: with mean 0, variance 1 and the offset that the
convolution had taken over, the answers stay the same.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np

from fused_ocr.config import DetectorConfig, RecognizerConfig
from fused_ocr.detection.retinanet import add_decoding, build_retinanet, decoding_of
from fused_ocr.fusion import parts_of
from fused_ocr.recognition.recognizer import alphabet_of, build_recognizer

__all__ = ["TrainedParts", "as_trained"]


@dataclasses.dataclass(frozen=True)
class TrainedParts:
    """The two models.

    Attributes:
        detector: frames to the boxes and scores of all anchors.
        recognizer: crops to probabilities.
    """

    detector: keras.Model
    recognizer: keras.Model


def as_trained(model: keras.Model) -> TrainedParts:
    """The parts of a fused reader of the default architecture, unfolded."""
    parts = parts_of(model)
    decoding = decoding_of(parts.detector)
    config = DetectorConfig(anchors=decoding.anchors, labels=decoding.labels)
    folded = parts.recognize.recognizer
    trained = TrainedParts(
        add_decoding(build_retinanet(config), config),
        build_recognizer(
            RecognizerConfig(
                alphabet=alphabet_of(folded).characters,
                size_yx=folded.input_shape[1:3],
                width=folded.get_layer("conv1").filters,
            )
        ),
    )
    _unfold(parts.detector, trained.detector)
    _unfold(folded, trained.recognizer)
    return trained


def _unfold(folded: keras.Model, plain: keras.Model) -> None:
    for layer in plain.layers:
        twin = folded.get_layer(layer.name)
        if isinstance(layer, keras.Model):
            _unfold(twin, layer)
        elif isinstance(layer, keras.layers.BatchNormalization) and not twin.weights:
            before = layer.input._keras_history.operation
            offset: Any = folded.get_layer(before.name).get_weights()[-1]
            one = np.ones_like(offset)
            layer.set_weights([one * np.sqrt(1 + layer.epsilon), offset, one * 0, one])
        elif layer.weights:
            # The offset of a folded convolution went to its normalisation above.
            layer.set_weights(twin.get_weights()[: len(layer.get_weights())])
