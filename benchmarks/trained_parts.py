"""The two models of a fused reader as they were before fusing, to be timed as glue.

Fusing folds batch normalisation into the convolutions. Who glues two models together
has it in them, so here it is given back; the answers stay the same.
"""

from __future__ import annotations

import dataclasses

import keras

from fused_ocr.config import DetectorConfig, RecognizerConfig
from fused_ocr.detection.retinanet import add_decoding, build_retinanet, decoding_of
from fused_ocr.fusion import parts_of
from fused_ocr.recognition.recognizer import alphabet_of, build_recognizer
from fused_ocr.training.transfer import start_from

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
    start_from(trained.detector, parts.detector)
    start_from(trained.recognizer, folded)
    return trained
