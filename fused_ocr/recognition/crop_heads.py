"""What a recogniser of strings says of a whole crop: its kind, and if it can be read.

The heads of the licence-plate article's second network (which country, which of them
can be read), on the features that the characters are read from.
"""

from __future__ import annotations

from typing import Any

import keras

from fused_ocr.config import RecognizerConfig

__all__ = ["KindHead", "crop_heads"]


def crop_heads(features: Any, config: RecognizerConfig) -> dict[str, Any]:
    """The heads that the configuration asks for.

    Args:
        features: Keras tensor (B, T, F) of frames, or (B, F) of the crop.
        config: the recogniser.

    Returns:
        By name: ``readable`` (B, 1), the probability that a person could read it;
        ``kinds`` (B, K) float32, those of its kinds. Perhaps empty.
    """
    if not config.readable and not config.kinds:
        return {}
    if len(features.shape) == 3:
        # The mean tells how much there is, the maximum whether there is any.
        mean = keras.layers.GlobalAveragePooling1D(name="crop_mean")(features)
        most = keras.layers.GlobalMaxPooling1D(name="crop_most")(features)
        features = keras.layers.Concatenate(name="crop_features")([mean, most])
    features = keras.layers.Dense(32, activation="relu", name="crop_hidden")(features)
    heads = {}
    if config.readable:
        heads["readable"] = keras.layers.Dense(
            1, activation="sigmoid", name="readable"
        )(features)
    if config.kinds:
        heads["kinds"] = KindHead(config.kinds, name="kinds")(features)
    return heads


@keras.saving.register_keras_serializable(package="fused_ocr")
class KindHead(keras.layers.Layer):
    """Probabilities of the kinds of regions, and what the kinds are called.

    Args:
        kinds: K names.

    Input shape:
        (B, F) float32 features.

    Output shape:
        (B, K) float32 probabilities that sum to 1.
    """

    def __init__(self, kinds: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kinds = tuple(kinds)
        self._dense = keras.layers.Dense(
            len(self.kinds), activation="softmax", name="dense", dtype=self.dtype_policy
        )

    def build(self, input_shape: tuple) -> None:
        """Make the weights."""
        self._dense.build(input_shape)

    def call(self, features: Any) -> Any:
        """See the class."""
        return self._dense(features)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """(B, K)."""
        return (input_shape[0], len(self.kinds))

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "kinds": list(self.kinds)}
