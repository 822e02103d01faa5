"""A string whose characters stand in fixed places: one network reads each of them.

The wheels of a meter, the boxes of a form, digits in a row: a crop is as many equal
places side by side as there are slots, and a place may be empty. The network of single
characters (`cnn`) looks at each place by itself, with the same weights for all, so a
digit is learnt once and not once for every place.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from fused_ocr.config import RecognizerConfig
from fused_ocr.recognition.character import CharacterHead, cnn_features

__all__ = ["JoinPlaces", "PartPlaces", "PlacesHead", "place_features"]


def place_features(crops: Any, config: RecognizerConfig) -> Any:
    """What the network of single characters sees in each place.

    Args:
        crops: Keras tensor (B, h, w, 1), 0..1, w a multiple of the slots.
        config: the recogniser.

    Returns:
        Keras tensor (B, S, F) float32.
    """
    places = PartPlaces(config.slots, name="part")(crops)
    return JoinPlaces(config.slots, name="join")(cnn_features(places, config))


@keras.saving.register_keras_serializable(package="fused_ocr")
class PartPlaces(keras.layers.Layer):
    """Cuts a crop into equal places side by side, folded into the batch.

    Args:
        slots: S, how many places there are.

    Input shape:
        (B, h, S * w, C) float32.

    Output shape:
        (B * S, h, w, C) float32, the places of a crop in their order.
    """

    def __init__(self, slots: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slots = slots

    def call(self, crops: tf.Tensor) -> tf.Tensor:
        """See the class."""
        _, height, width, channels = crops.shape
        each = width // self.slots
        # Columns first: a row of places is then one axis, in four dimensions.
        columns = tf.transpose(crops, (0, 2, 1, 3))
        places = tf.reshape(columns, (-1, each, height, channels))
        return tf.transpose(places, (0, 2, 1, 3))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """(B * S, h, w, C)."""
        count, height, width, channels = input_shape
        folded = None if count is None else count * self.slots
        return (folded, height, width // self.slots, channels)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "slots": self.slots}


@keras.saving.register_keras_serializable(package="fused_ocr")
class JoinPlaces(keras.layers.Layer):
    """Gives each crop its places back.

    Args:
        slots: S, how many places there are.

    Input shape:
        (B * S, F) float32.

    Output shape:
        (B, S, F) float32.
    """

    def __init__(self, slots: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.slots = slots

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """See the class."""
        return tf.reshape(features, (-1, self.slots, features.shape[-1]))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """(B, S, F)."""
        count, channels = input_shape
        return (None if count is None else count // self.slots, self.slots, channels)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "slots": self.slots}


@keras.saving.register_keras_serializable(package="fused_ocr")
class PlacesHead(CharacterHead):
    """Probabilities of the character in every place, and their alphabet.

    Args:
        alphabet: the characters in order; the blank, an empty place, comes behind them.

    Input shape:
        (B, S, F) float32 features.

    Output shape:
        (B, S, A) float32 probabilities that sum to 1, A = len(alphabet) + 1.

    Raises:
        ConfigError: see `Alphabet`.
    """

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """See the class."""
        return tf.nn.softmax(self._dense(features))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """(B, S, A)."""
        return (*input_shape[:-1], len(self.alphabet) + 1)
