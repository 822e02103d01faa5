"""Networks that read a line of text: frames from left to right, each a character."""

from __future__ import annotations

from typing import Any

import keras

from fused_ocr.alphabet import Alphabet
from fused_ocr.config import RecognizerConfig
from fused_ocr.recognition.character import ContrastNormalization, convolution

__all__ = ["PIXELS_PER_FRAME", "frame_features", "frame_probabilities"]

PIXELS_PER_FRAME = 2
"""Of the crop's width. Two equal characters need three frames: ones side by side in a
string of ten stand six pixels apart."""

_PIXELS_PER_COLUMN = 4
"""Of the crop's width, in what the convolutions give."""

_WIDTH = 24

_STEPS = (1, 1, 1, 4, 12)
"""Between the seven frames that a layer of context looks at: the first see the strokes
of a character, the last the whole row, whose other characters tell an O from a 0."""

_QUIET = 0.1
"""How strongly what is far begins: at random it would drown what is near, or what a
network knew before it had these layers."""


def frame_features(crops: Any, config: RecognizerConfig) -> Any:
    """Convolutions down to the rows of text, and context along them.

    `crnn` takes its context from a bidirectional recurrent layer (Shi et al. 2015,
    arXiv 1507.05717), `convctc` from separable convolutions along the row, which run
    side by side. Where a crop may hold several rows of text, each column gives
    frames to every row, and the rows come one after the other.

    Args:
        crops: Keras tensor (B, h, w, 1), 0..1.
        config: the recogniser.

    Returns:
        Keras tensor (B, rows * (w / 2), F) float32.
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
    # What is left of the height becomes channels: a column is some frames of each row.
    x = keras.layers.Permute((2, 1, 3), name="columns")(x)
    x = keras.layers.Reshape((x.shape[1], -1), name="column")(x)
    columns, rows = x.shape[1], config.rows
    each = _PIXELS_PER_COLUMN // PIXELS_PER_FRAME
    x = keras.layers.Dense(rows * each * 4 * width, activation="relu", name="mix")(x)
    x = keras.layers.Reshape((columns, rows, each * 4 * width), name="part")(x)
    x = keras.layers.Permute((2, 1, 3), name="rows")(x)
    frames = columns * each
    x = keras.layers.Reshape((rows, frames, 4 * width), name="frame")(x)
    if config.arch == "crnn":
        x = keras.layers.Reshape((rows * frames, 4 * width), name="sequence")(x)
        return keras.layers.Bidirectional(
            keras.layers.GRU(2 * width, return_sequences=True, reset_after=True),
            name="context",
        )(x)
    for i, step in enumerate(_STEPS):
        x = _along(x, f"context{i + 1}", step)
    return keras.layers.Reshape((rows * frames, 4 * width), name="sequence")(x)


def frame_probabilities(features: Any, config: RecognizerConfig) -> Any:
    """A softmax at every frame.

    Args:
        features: Keras tensor (B, T, F), as `frame_features` gives it.
        config: the recogniser.

    Returns:
        Keras tensor (B, T, A) float32, named `frames`: probabilities to train with the
        loss of connectionist temporal classification.
    """
    x = keras.layers.Dropout(0.2, name="dropout")(features)
    return keras.layers.Dense(
        len(Alphabet(config.alphabet)) + 1, activation="softmax", name="frames"
    )(x)


def _along(x: Any, name: str, step: int) -> Any:
    """What stands beside a frame, seven frames that many apart, added to it."""
    y = keras.layers.DepthwiseConv2D(
        (1, 7),
        padding="same",
        dilation_rate=(1, step),
        use_bias=False,
        name=f"{name}_beside",
    )(x)
    y = convolution(y, x.shape[-1], name, kernel=1, gamma=1.0 if step == 1 else _QUIET)
    return keras.layers.Add(name=f"{name}_add")([x, y])
