"""Replicas that compute what one would, of the whole batch.

Keras adds up the replicas' gradients. That is the gradient of the whole batch only if
nothing else in a step looks at the batch: batch normalisation does, dropout (whose
replicas would all draw the same), the clipping of gradients (which Keras does before it
adds them up), and losses that divide by what is found in the batch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from .transfer import layers_of

__all__ = ["as_one_batch", "undistributed", "whole_batch_mean"]


@contextlib.contextmanager
def as_one_batch(model: keras.Model) -> Iterator[None]:
    """Within this, what is traced of a compiled model sees the whole batch.

    Afterwards the model is as it was, so that nothing of it is saved.
    """
    with contextlib.ExitStack() as stack:
        for layer in {id(one): one for one in layers_of(model)}.values():
            if isinstance(layer, keras.layers.BatchNormalization):
                stack.callback(setattr, layer, "synchronized", layer.synchronized)
                layer.synchronized = True
            if isinstance(layer, keras.layers.Dropout):
                stack.callback(delattr, layer, "call")
                layer.call = _whole_batch_dropout(layer.call)
        optimizer = model.optimizer
        if optimizer.clipnorm is not None:
            stack.callback(setattr, optimizer, "clipnorm", optimizer.clipnorm)
            stack.callback(delattr, optimizer, "update_step")
            optimizer.update_step = _clipping(optimizer)
            optimizer.clipnorm = None
        yield


def _whole_batch_dropout(call: Callable[..., Any]) -> Callable[..., Any]:
    """Drops what one replica would have dropped of its rows in the whole batch."""

    def whole(inputs: Any, training: bool = False) -> Any:  # noqa: FBT001, FBT002
        context = tf.distribute.get_replica_context()
        if not training or context is None:
            return call(inputs, training=training)
        rows = tf.shape(inputs)[0]
        many = tf.concat([[rows * context.num_replicas_in_sync], inputs.shape[1:]], 0)
        kept = call(tf.ones(many, inputs.dtype), training=True)
        first = tf.cast(context.replica_id_in_sync_group, tf.int32) * rows
        return inputs * kept[first : first + rows]

    return whole


def _clipping(optimizer: Any) -> Callable[..., Any]:
    """The optimiser's step, which gets the sum of the gradients, clipping it first."""
    norm, step = optimizer.clipnorm, optimizer.update_step

    def clipped(gradient: Any, variable: Any, learning_rate: Any) -> Any:
        return step(tf.clip_by_norm(gradient, norm), variable, learning_rate)

    return clipped


def whole_batch_mean(
    loss: Callable[[Any, Any], Any],
) -> Callable[[Any, Any], Any]:
    """A loss that is a sum by the number of objects, of all replicas' objects.

    Replica i has the loss S_i / max(1, n_i); the whole batch would have had the sum of
    the S_i by max(1, N), N the sum of the n_i. So each gives S_i / max(1, N), and Keras
    adds them up: it scales only losses that it has averaged itself.

    Args:
        loss: of keras-retinanet: the state of each anchor is the last column of the
            truth, 1 for objects.
    """

    def whole(truth: Any, seen: Any) -> Any:
        value = loss(truth, seen)
        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return value
        own = tf.reduce_sum(tf.cast(tf.equal(truth[..., -1], 1), value.dtype))
        every = context.all_reduce(tf.distribute.ReduceOp.SUM, own)
        return value * tf.maximum(own, 1.0) / tf.maximum(every, 1.0)

    return whole


def undistributed(model: keras.Model) -> keras.Model:
    """The same model with variables of this process alone; out of the scope.

    A model that knows of other workers would wait for them in `predict`.
    """
    strategies = (
        tf.distribute.MirroredStrategy,
        tf.distribute.MultiWorkerMirroredStrategy,
    )
    if not isinstance(model.distribute_strategy, strategies):
        return model
    alone = type(model).from_config(model.get_config())
    alone.set_weights(model.get_weights())
    return alone
