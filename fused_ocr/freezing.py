"""Weights as constants of the graph: what is only read runs sooner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

__all__ = ["frozen"]


def frozen(
    function: Callable[..., Any], signature: Sequence[tf.TensorSpec]
) -> Callable[..., Any]:
    """A function of tensors with the weights it uses written into its graph.

    A variable may change between two calls, so oneDNN's convolutions put their kernel
    into its own order at every call; a constant kernel is put in order once.

    Args:
        function: of tensors, to tensors in any structure; a model, a layer.
        signature: shapes and dtypes of its arguments.

    Returns:
        A function of the same tensors; it no longer follows the weights.
    """
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    traced = tf.function(function, input_signature=signature)
    concrete = traced.get_concrete_function()
    constant = convert_variables_to_constants_v2(concrete)

    def call(*tensors: tf.Tensor) -> Any:
        flat = constant(*map(tf.convert_to_tensor, tensors))
        return tf.nest.pack_sequence_as(concrete.structured_outputs, flat)

    return call
