"""Networks that read a line of text: frames from left to right, each a character."""

from __future__ import annotations

from typing import Any

import keras

from fused_ocr.alphabet import Alphabet
from fused_ocr.config import RecognizerConfig
from fused_ocr.recognition.character import ContrastNormalization, convolution

__all__ = ["PIXELS_PER_FRAME", "frame_probabilities"]

PIXELS_PER_FRAME = 4
"""Columns of the crop that become one frame."""

_WIDTH = 24


def frame_probabilities(crops: Any, config: RecognizerConfig) -> Any:
    """Convolutions down to one row, context along it, and a softmax at every frame.

    `crnn` takes its context from a bidirectional recurrent layer (Shi et al. 2015,
    arXiv 1507.05717), `convctc` from separable convolutions along the row, which run
    side by side.

    Args:
        crops: Keras tensor (B, h, w, 1), 0..1.
        config: the recogniser.

    Returns:
        Keras tensor (B, w / 4, A) float32, named `frames`: probabilities to train with
        the loss of connectionist temporal classification.
    """
    width = config.width or _WIDTH
    x = ContrastNormalization(name="contrast")(crops)
    x = convolution(x, width, "conv1")
    x = keras.layers.MaxPooling2D(name="pool1")(x)
    x = convolution(x, 2 * width, "conv2a")
    x = convolution(x, 2 * width, "conv2b")
    x = keras.layers.MaxPooling2D(name="pool2")(x)
    x = convolution(x, 4 * width, "conv3a")
    x = convolution(x, 4 * width, "conv3b")
    x = keras.layers.MaxPooling2D((2, 1), name="pool3")(x)
    x = convolution(x, 4 * width, "conv4")
    x = keras.layers.MaxPooling2D((2, 1), name="pool4")(x)
    # What is left of the height becomes channels: a column of the crop, one frame.
    x = keras.layers.Permute((2, 1, 3), name="columns")(x)
    x = keras.layers.Reshape((x.shape[1], -1), name="row")(x)
    x = keras.layers.Dense(4 * width, activation="relu", name="column")(x)
    if config.arch == "crnn":
        x = keras.layers.Bidirectional(
            keras.layers.GRU(2 * width, return_sequences=True, reset_after=True),
            name="context",
        )(x)
    else:
        for i in range(3):
            x = _along(x, f"context{i + 1}")
    x = keras.layers.Dropout(0.2, name="dropout")(x)
    return keras.layers.Dense(
        len(Alphabet(config.alphabet)) + 1, activation="softmax", name="frames"
    )(x)


def _along(x: Any, name: str) -> Any:
    """What stands beside a frame, seven frames wide, added to it."""
    y = keras.layers.SeparableConv1D(
        x.shape[-1], 7, padding="same", use_bias=False, name=name
    )(x)
    y = keras.layers.BatchNormalization(name=f"{name}_norm")(y)
    y = keras.layers.ReLU(name=f"{name}_relu")(y)
    return keras.layers.Add(name=f"{name}_add")([x, y])
