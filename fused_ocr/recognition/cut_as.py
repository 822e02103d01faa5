"""How a recogniser's crops were cut in training, kept inside of it."""

from __future__ import annotations

from typing import Any

import keras

from fused_ocr.config import CropConfig

__all__ = ["CutAs", "cut_of"]


@keras.saving.register_keras_serializable(package="fused_ocr")
class CutAs(keras.layers.Layer):
    """Does nothing but know: crops that are cut in another way are read worse.

    Args:
        config: a `CropConfig`, or its dictionary.

    Input shape:
        (B, h, w, 1) float32.

    Output shape:
        The same, float32.
    """

    def __init__(self, config: CropConfig | dict, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.crop = (
            config if isinstance(config, CropConfig) else CropConfig.from_dict(config)
        )

    def call(self, crops: Any) -> Any:
        """See the class."""
        return crops

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "config": self.crop.to_dict()}


def cut_of(recognizer: keras.Model) -> CropConfig:
    """How a recogniser wants its crops: as in training, or the default at its size."""
    for layer in recognizer.layers:
        if isinstance(layer, CutAs):
            return layer.crop
    return CropConfig(size_yx=tuple(recognizer.input_shape[1:3]))
