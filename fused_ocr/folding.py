"""What convolutions can take over from other layers: the same answers, sooner."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

__all__ = [
    "FoldedNormalization",
    "fold_batch_normalization",
    "fold_padding",
]

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


@keras.saving.register_keras_serializable(package="fused_ocr")
class FoldedNormalization(keras.layers.Layer):
    """Stands where a batch normalisation was that its convolution has taken over.

    Keras's own `Identity` does not take the arguments that copied models call it with.

    Args:
        **kwargs: of every Keras layer.

    Input shape:
        (B, ..., C) float32.

    Output shape:
        (B, ..., C) float32: it does nothing.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def call(
        self,
        inputs: Any,
        training: bool | None = None,  # noqa: ARG002, FBT001
        mask: Any = None,  # noqa: ARG002
    ) -> Any:
        """See the class; the arguments are those of a batch normalisation."""
        return inputs

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape."""
        return tuple(input_shape)


def fold_padding(model: keras.Model) -> keras.Model:
    """A copy of a model whose strided convolutions add their own zeros.

    keras.applications puts a row and a column of zeros behind the picture before each
    3x3 convolution of stride 2, which copies the whole tensor. `same` padding adds the
    same zeros where the sides are even, so the copy is for frames whose sides are
    multiples of all strides.

    Args:
        model: functional, possibly with models inside.

    Returns:
        A model with the same layer names, weights, inputs and outputs.
    """
    convolutions = _padded_convolutions(model)
    pads = {id(pad) for pad in convolutions.values()}

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        if id(layer) in pads:
            return keras.layers.Identity(name=layer.name)
        settings = layer.get_config()
        if id(layer) in convolutions:
            settings["padding"] = "same"
        return type(layer).from_config(settings)

    made = keras.models.clone_model(model, clone_function=copy, recursive=True)
    made.set_weights(model.get_weights())
    return made


def _padded_convolutions(model: keras.Model) -> dict[int, Any]:
    """The padding in front of each convolution that could do it itself, by its id."""
    found: dict[int, Any] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= _padded_convolutions(layer)
        elif (
            isinstance(layer, _CONVOLUTIONS)
            and (layer.strides, layer.kernel_size) == ((2, 2), (3, 3))
            and layer.padding == "valid"
        ):
            before = layer.input._keras_history.operation
            if (
                isinstance(before, keras.layers.ZeroPadding2D)
                and before.padding == ((0, 1), (0, 1))
                and len(before._outbound_nodes) == 1
            ):
                found[id(layer)] = before
    return found


def fold_batch_normalization(model: keras.Model) -> keras.Model:
    """A copy of a model whose convolutions do the batch normalisation behind them.

    In use a batch normalisation is a factor and an offset for each channel, which the
    kernel and the bias can take over. TensorFlow then runs convolution, bias and
    activation as one operator. The copy is for reading; train the original.

    Args:
        model: functional, possibly with models inside.

    Returns:
        A model with the same layer names, inputs and outputs; a folded normalisation is
        left as a layer that does nothing.
    """
    folded = _norms_by_convolution(model)
    norms = {id(norm) for norm in folded.values()}

    def copy(layer: keras.layers.Layer) -> keras.layers.Layer:
        settings = layer.get_config()
        if id(layer) in folded:
            return type(layer).from_config({**settings, "use_bias": True})
        if id(layer) in norms:
            return FoldedNormalization(name=layer.name)
        return type(layer).from_config(settings)

    made = keras.models.clone_model(model, clone_function=copy, recursive=True)
    _carry(model, made, folded)
    return made


def _norms_by_convolution(model: keras.Model) -> dict[int, Any]:
    """The normalisation behind each convolution that feeds nothing else, by its id."""
    found: dict[int, Any] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= _norms_by_convolution(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            before = layer.input._keras_history.operation
            consumers = [
                node.operation for node in getattr(before, "_outbound_nodes", [])
            ]
            if (
                isinstance(before, _CONVOLUTIONS)
                and before.activation is keras.activations.linear
                and {id(one) for one in consumers} == {id(layer)}
            ):
                found[id(before)] = layer
    return found


def _carry(model: keras.Model, made: keras.Model, folded: dict[int, Any]) -> None:
    """Give the copy the weights, with the factors and offsets in them."""
    for layer in model.layers:
        if not layer.weights:
            continue
        twin = made.get_layer(layer.name)
        if isinstance(layer, keras.Model):
            _carry(layer, twin, folded)
        elif id(layer) in folded:
            norm = folded[id(layer)]
            mean, variance = (
                np.asarray(v) for v in (norm.moving_mean, norm.moving_variance)
            )
            factor = 1.0 / np.sqrt(variance + norm.epsilon)
            if norm.scale:
                factor = factor * np.asarray(norm.gamma)
            kernel, *bias = layer.get_weights()
            offset = (bias[0] if bias else 0.0) - mean
            shift = offset * factor + (np.asarray(norm.beta) if norm.center else 0.0)
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            by_channel = factor.reshape(kernel.shape[2:]) if depthwise else factor
            twin.set_weights([kernel * by_channel, shift])
        elif twin.weights:
            twin.set_weights(layer.get_weights())
