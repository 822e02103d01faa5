"""The multi-digit network of Goodfellow et al. 2013 (arXiv 1312.6082).

Eight convolutions, a locally connected layer and two dense ones see the whole crop at
once; one head answers for the string's length, and one for each of its places.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from fused_ocr.alphabet import Alphabet
from fused_ocr.config import RecognizerConfig
from fused_ocr.recognition.character import ContrastNormalization

__all__ = [
    "LengthVote",
    "LocallyConnected",
    "Maxout",
    "SubtractLocalMean",
    "goodfellow_features",
    "goodfellow_heads",
]

_WIDTH = 48
_UNITS = (48, 64, 128, 160, 192, 192, 192, 192)
"""Of the convolutions in the paper; another width scales all of them alike."""


def goodfellow_features(crops: Any, config: RecognizerConfig) -> Any:
    """The network up to its heads.

    Pooling is 2x2 with strides 2 and 1 in turn; every convolution is 5x5, followed by
    the subtraction of the local mean; the first is a maxout of three; dropout is
    everywhere (section 5.1). With the default width of 48 the dense layers have the
    paper's 3,072 units.

    Args:
        crops: Keras tensor (B, h, w, 1), 0..1.
        config: the recogniser.

    Returns:
        Keras tensor (B, F) float32.
    """
    width = config.width or _WIDTH
    x = ContrastNormalization(name="contrast")(crops)
    for i, paper in enumerate(_UNITS, 1):
        units = max(1, round(paper * width / _WIDTH))
        pieces = 3 if i == 1 else 1
        x = keras.layers.Conv2D(
            units * pieces, 5, padding="same", kernel_initializer="he_normal",
            name=f"conv{i}",
        )(x)  # fmt: skip
        if pieces > 1:
            x = Maxout(pieces, name="maxout")(x)
        else:
            x = keras.layers.ReLU(name=f"conv{i}_relu")(x)
        x = keras.layers.MaxPooling2D(
            2, strides=2 if i % 2 else 1, padding="same", name=f"pool{i}"
        )(x)
        x = SubtractLocalMean(name=f"subtract{i}")(x)
        x = keras.layers.Dropout(0.1, name=f"conv{i}_dropout")(x)
    x = LocallyConnected(max(1, 4 * width), 5, name="local")(x)
    x = keras.layers.ReLU(name="local_relu")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for i in (1, 2):
        x = keras.layers.Dense(64 * width, activation="relu", name=f"dense{i}")(x)
        x = keras.layers.Dropout(0.3, name=f"dense{i}_dropout")(x)
    return x


def goodfellow_heads(features: Any, config: RecognizerConfig) -> tuple[Any, Any]:
    """A head for each place, and one for the length.

    Args:
        features: Keras tensor (B, F), as `goodfellow_features` gives it.
        config: the recogniser.

    Returns:
        Keras tensors: `places` (B, S, A), the probabilities of each place, blank last;
        and `length` (B, S + 1), those of the string's length.
    """
    classes = len(Alphabet(config.alphabet)) + 1
    places = keras.layers.Dense(config.slots * classes, name="place_logits")(features)
    places = keras.layers.Reshape((config.slots, classes), name="place_rows")(places)
    places = keras.layers.Softmax(name="places")(places)
    length = keras.layers.Dense(config.slots + 1, activation="softmax", name="length")
    return places, length(features)


@keras.saving.register_keras_serializable(package="fused_ocr")
class Maxout(keras.layers.Layer):
    """The largest of several channels (Goodfellow et al. 2013, arXiv 1302.4389).

    Args:
        pieces: how many channels make one.

    Input shape:
        (B, h, w, pieces * C) float32, pieces running slowest.

    Output shape:
        (B, h, w, C) float32.
    """

    def __init__(self, pieces: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pieces = pieces

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """See the class."""
        best, *others = tf.split(inputs, self.pieces, -1)
        for other in others:
            best = tf.maximum(best, other)
        return best

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """(B, h, w, C)."""
        return (*input_shape[:-1], input_shape[-1] // self.pieces)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "pieces": self.pieces}


@keras.saving.register_keras_serializable(package="fused_ocr")
class SubtractLocalMean(keras.layers.Layer):
    """Subtractive normalisation over 3x3 windows; at the border over what is there.

    Args:
        **kwargs: of every Keras layer.

    Input shape:
        (B, h, w, C) float32.

    Output shape:
        The same shape, float32.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """See the class."""
        return inputs - tf.nn.avg_pool2d(inputs, 3, 1, "SAME")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape."""
        return tuple(input_shape)


@keras.saving.register_keras_serializable(package="fused_ocr")
class LocallyConnected(keras.layers.Layer):
    """A convolution with another kernel at every place.

    Args:
        units: C', channels of the output.
        size: side of the odd, square kernel; zeros beyond the border.

    Input shape:
        (B, h, w, C) float32, h and w known.

    Output shape:
        (B, h, w, C') float32.
    """

    def __init__(self, units: int, size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.size = size

    def build(self, input_shape: tuple) -> None:
        """Make the weights."""
        _, height, width, channels = input_shape
        inputs = self.size * self.size * channels
        self.kernel = self.add_weight(
            name="kernel",
            shape=(height * width, inputs, self.units),
            # He's for each place: Keras would take the places for a part of the fan-in.
            initializer=keras.initializers.RandomNormal(stddev=(2 / inputs) ** 0.5),
        )
        self.bias = self.add_weight(
            name="bias", shape=(height, width, self.units), initializer="zeros"
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """See the class."""
        _, height, width, channels = inputs.shape
        rim = self.size // 2
        padded = tf.pad(inputs, ((0, 0), (rim, rim), (rim, rim), (0, 0)))
        seen = tf.concat(
            [
                padded[:, y : y + height, x : x + width]
                for y in range(self.size)
                for x in range(self.size)
            ],
            -1,
        )  # (B, h, w, size * size * C)
        inputs_seen = self.size * self.size * channels
        places = tf.reshape(seen, (-1, height * width, inputs_seen))
        made = tf.matmul(tf.transpose(places, (1, 0, 2)), self.kernel)
        made = tf.transpose(made, (1, 0, 2))
        return tf.reshape(made, (-1, height, width, self.units)) + self.bias

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """(B, h, w, C')."""
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "units": self.units, "size": self.size}


@keras.saving.register_keras_serializable(package="fused_ocr")
class LengthVote(keras.layers.Layer):
    """Lets the length speak on the places: where they disagree, scores are lowered.

    Every place's probabilities are multiplied by that of the length which the places
    spell, their characters before the first blank; so which characters are likeliest
    stays, and how sure they are takes the length into account.

    Args:
        alphabet: the characters in order; the blank comes behind them.

    Input shape:
        places: (B, S, A) float32 probabilities.
        length: (B, S + 1) float32 probabilities of the lengths 0..S.

    Output shape:
        A list: the places (B, S, A) float32, and what they are multiplied by,
        (B, 1) float32.

    Raises:
        ConfigError: see `Alphabet`.
    """

    def __init__(self, alphabet: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alphabet = Alphabet(alphabet)

    def call(self, places: tf.Tensor, length: tf.Tensor) -> list[tf.Tensor]:
        """See the class."""
        best = tf.argmax(places, -1, output_type=tf.int32)
        blanks = tf.cumsum(tf.cast(best == self.alphabet.blank, tf.int32), 1)
        spelled = tf.reduce_sum(tf.cast(blanks == 0, tf.int32), 1)  # (B,)
        chosen = tf.one_hot(spelled, length.shape[1], dtype=length.dtype)
        agreement = tf.reduce_sum(length * chosen, 1, keepdims=True)
        return [places * agreement[..., None], agreement]

    def compute_output_shape(
        self, places_shape: tuple, *_: Any, **__: Any
    ) -> list[tuple]:
        """(B, S, A) and (B, 1)."""
        return [tuple(places_shape), (places_shape[0], 1)]

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "alphabet": self.alphabet.characters}
