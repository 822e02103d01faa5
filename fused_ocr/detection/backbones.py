"""Any classifier of keras.applications as a backbone: its features at strides 8 to 32.

A feature is the last layer of the classifier whose output is exactly the frame divided
by the stride. For MobileNetV2 the last 1x1 convolution (to 1,280 channels) is left out:
it serves the classifier and is a fifth of the weights.
"""

from __future__ import annotations

import os
from typing import Any

import keras
import tensorflow as tf

from fused_ocr.errors import ArtefactError, ConfigError

__all__ = ["BackboneInput", "backbone_features"]

_PROBE_SIDE = 256
_STRIDES = {"C3": 8, "C4": 16, "C5": 32}
_LAST_LAYER = {"MobileNetV2": "block_16_project_BN"}
_CAFFE = ("ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19")
_TORCH = ("DenseNet121", "DenseNet169", "DenseNet201")
_OWN_SCALING = ("EfficientNet", "ConvNeXt", "MobileNetV3")


@keras.saving.register_keras_serializable(package="fused_ocr")
class BackboneInput(keras.layers.Layer):
    """Scales RGB frames to what the weights of a backbone were trained on.

    Args:
        mode: `tf` (-1..1), `caffe` (BGR, mean subtracted), `torch` (mean and deviation
            of ImageNet), or `none`.

    Input shape:
        (B, H, W, 3) float32 RGB, 0..255.

    Output shape:
        The same shape, float32.

    Raises:
        ConfigError: an unknown mode.
    """

    _MEAN = (123.68, 116.779, 103.939)
    _TORCH_MEAN = (123.675, 116.28, 103.53)
    _TORCH_DEVIATION = (58.395, 57.12, 57.375)

    def __init__(self, mode: str = "tf", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if mode not in ("tf", "caffe", "torch", "none"):
            raise ConfigError(
                "BackboneInput.mode must be 'tf', 'caffe', 'torch' or 'none'. "
                f"Received: {mode!r}."
            )
        self.mode = mode

    def call(self, frames: tf.Tensor) -> tf.Tensor:
        """See the class."""
        frames = tf.cast(frames, self.compute_dtype)
        if self.mode == "tf":
            return frames / 127.5 - 1.0
        if self.mode == "caffe":
            return (frames - tf.constant(self._MEAN))[..., ::-1]
        if self.mode == "torch":
            return (frames - tf.constant(self._TORCH_MEAN)) / self._TORCH_DEVIATION
        return frames

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "mode": self.mode}


def backbone_features(
    frames: Any,
    name: str = "MobileNetV2",
    *,
    alpha: float | None = None,
    weights: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Features C3, C4, C5 of a backbone applied to frames.

    With weights given the batch normalisation is frozen, as in keras-retinanet: the
    small batches of detection would spoil its statistics.

    Args:
        frames: Keras tensor (B, H, W, 3) RGB 0..255; H and W may be unknown.
        name: a class of keras.applications.
        alpha: width of a MobileNet; None for the class's own default.
        weights: None for random ones, `imagenet` for Keras's download, or the path of
            a weights file made without the top.

    Returns:
        Keras tensors by name: (B, H / 8, W / 8, c), (B, H / 16, ...), (B, H / 32, ...).

    Raises:
        ConfigError: no such backbone, or one without features at these strides.
        ArtefactError: the weights cannot be read or do not fit.
    """
    builder = getattr(keras.applications, name, None)
    if not callable(builder) or not name[:1].isupper():
        known = sorted(n for n in dir(keras.applications) if n[:1].isupper())
        raise ConfigError(
            f"No backbone {name!r} in keras.applications. Known: {', '.join(known)}."
        )
    arguments: dict[str, Any] = {"include_top": False}
    if alpha is not None:
        arguments["alpha"] = alpha
    source = None if weights is None else os.fspath(weights)
    try:
        taps = _tap_names(
            builder(input_shape=(_PROBE_SIDE,) * 2 + (3,), weights=None, **arguments),
            name,
        )
        model = builder(input_shape=(None, None, 3), weights=source, **arguments)
    except TypeError as error:
        raise ConfigError(
            f"{name} does not take alpha={alpha!r}: leave it out, or choose a "
            "MobileNet."
        ) from error
    except Exception as error:  # a failed download raises a plain Exception
        raise ArtefactError(
            f"The weights {source!r} do not fit {name} (alpha={alpha!r}), or cannot be "
            f"read: {error}. Give a file saved with "
            "include_top=False, or connect to the internet for 'imagenet'."
        ) from error
    if source is not None:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    trunk = keras.Model(
        model.input,
        [model.get_layer(taps[level]).output for level in _STRIDES],
        name="backbone",
    )
    scaled = BackboneInput(_input_mode(name), name="backbone_input")(frames)
    return dict(zip(_STRIDES, trunk(scaled), strict=True))


def _tap_names(probe: keras.Model, name: str) -> dict[str, str]:
    taps: dict[str, str] = {}
    for layer in probe.layers:
        shape = getattr(layer.output, "shape", None)
        if shape is None or len(shape) != 4:
            continue
        for level, stride in _STRIDES.items():
            if shape[1] == shape[2] == _PROBE_SIDE // stride:
                taps[level] = layer.name
        if layer.name == _LAST_LAYER.get(name):
            break
    if set(taps) != set(_STRIDES):
        raise ConfigError(
            f"{name} has no features at strides {sorted(_STRIDES.values())}; "
            f"found {sorted(taps)}. Choose another backbone."
        )
    return taps


def _input_mode(name: str) -> str:
    if name in _CAFFE:
        return "caffe"
    if name in _TORCH:
        return "torch"
    return "none" if name.startswith(_OWN_SCALING) else "tf"
