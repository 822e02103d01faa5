"""Networks that read one character: the article's two dense layers, and a small CNN."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from fused_ocr.alphabet import Alphabet
from fused_ocr.config import RecognizerConfig

__all__ = [
    "CharacterHead",
    "ContrastNormalization",
    "cnn_features",
    "convolution",
    "dense_features",
]

_CNN_WIDTH = 16
_DENSE_WIDTH = 128


@keras.saving.register_keras_serializable(package="fused_ocr")
class CharacterHead(keras.layers.Layer):
    """The last layer of a recogniser: probabilities, and the alphabet they speak of.

    Args:
        alphabet: the characters in order; the blank comes behind them.

    Input shape:
        (B, F) float32 features.

    Output shape:
        (B, 1, A) float32 probabilities that sum to 1, A = len(alphabet) + 1: one slot,
        because a crop holds one character.

    Raises:
        ConfigError: see `Alphabet`.
    """

    def __init__(self, alphabet: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alphabet = Alphabet(alphabet)
        self._dense = keras.layers.Dense(
            len(self.alphabet) + 1, name="dense", dtype=self.dtype_policy
        )

    def build(self, input_shape: tuple) -> None:
        """Make the weights."""
        self._dense.build(input_shape)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """See the class."""
        return tf.nn.softmax(self._dense(features))[:, None]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """(B, 1, A)."""
        return (input_shape[0], 1, len(self.alphabet) + 1)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "alphabet": self.alphabet.characters}


@keras.saving.register_keras_serializable(package="fused_ocr")
class ContrastNormalization(keras.layers.Layer):
    """Gives every crop mean 0 and deviation 1: faint print looks like strong print.

    Args:
        epsilon: added to the variance, so that an empty crop stays quiet; 0.001 is a
            deviation of 8 grey levels of 255.

    Input shape:
        (B, h, w, 1) float32, 0..1.

    Output shape:
        The same shape, float32.
    """

    def __init__(self, epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, crops: tf.Tensor) -> tf.Tensor:
        """See the class."""
        mean = tf.reduce_mean(crops, (1, 2, 3), keepdims=True)
        centred = crops - mean
        variance = tf.reduce_mean(tf.square(centred), (1, 2, 3), keepdims=True)
        return centred * tf.math.rsqrt(variance + self.epsilon)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "epsilon": self.epsilon}


def dense_features(crops: Any, config: RecognizerConfig) -> Any:
    """The article's: one hidden dense layer; the head is the second."""
    x = keras.layers.Flatten(name="flatten")(crops)
    return keras.layers.Dense(
        config.width or _DENSE_WIDTH, activation="relu", name="hidden"
    )(x)


def cnn_features(crops: Any, config: RecognizerConfig) -> Any:
    """Five convolutions in three stages: 5 million multiplications at 28x28."""
    width = config.width or _CNN_WIDTH
    x = ContrastNormalization(name="contrast")(crops)
    x = convolution(x, width, "conv1", kernel=5)
    x = keras.layers.MaxPooling2D(name="pool1")(x)
    x = convolution(x, 2 * width, "conv2a")
    x = convolution(x, 2 * width, "conv2b")
    x = keras.layers.MaxPooling2D(name="pool2")(x)
    x = convolution(x, 4 * width, "conv3a")
    x = convolution(x, 4 * width, "conv3b")
    x = keras.layers.MaxPooling2D(name="pool3")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dropout(0.2, name="dropout1")(x)
    x = keras.layers.Dense(8 * width, activation="relu", name="hidden")(x)
    return keras.layers.Dropout(0.2, name="dropout2")(x)


def convolution(
    x: Any,
    channels: int,
    name: str,
    kernel: Any = 3,
    strides: int = 1,
    gamma: float = 1.0,
) -> Any:
    """A convolution without bias, batch normalisation that begins at gamma, ReLU."""
    x = keras.layers.Conv2D(
        channels, kernel, strides, padding="same", use_bias=False, name=name
    )(x)
    x = keras.layers.BatchNormalization(
        gamma_initializer=keras.initializers.Constant(gamma), name=f"{name}_norm"
    )(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)
