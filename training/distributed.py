"""The loop of a training that several replicas share.

`keras.Model.fit` cannot be used with MultiWorkerMirroredStrategy: before it starts it
asks for a reduction of the first batch that this strategy refuses. What a step does is
Keras's; the loop around it is here, with the same callbacks.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fused_ocr.errors import ConfigError

from .one_batch import as_one_batch
from .shares import joined, rows_of

__all__ = ["agree", "everyones", "fit_replicas"]


def fit_replicas(
    model: keras.Model,
    batches: Iterator[Any],
    held: Sequence[Any],
    *,
    epochs: range,
    steps: int,
    callbacks: Sequence[keras.callbacks.Callback],
    whole: bool,
) -> None:
    """As `keras.Model.fit`, under the strategy whose scope this is called in.

    Args:
        model: compiled in the scope.
        batches: of the training, without end.
        held: of the validation.
        epochs: numbers of those to come.
        steps: batches an epoch.
        callbacks: get what those of `fit` get, and after an epoch the same numbers on
            every worker; after a step those of the first replica here alone.
        whole: whether batches are those of all workers together; or this one's alone.
    """
    strategy = tf.distribute.get_strategy()
    here = len(strategy.extended.worker_devices)
    if whole:
        held = joined(held, strategy.num_replicas_in_sync)

    def dealt(batch: Any) -> Any:
        """The rows of each replica of this process."""

        def rows(context: tf.distribute.experimental.ValueContext) -> Any:
            replica = context.replica_id_in_sync_group
            parts = context.num_replicas_in_sync if whole else here
            return tf.nest.map_structure(
                lambda a: tf.convert_to_tensor(
                    a[rows_of(len(a), replica % parts, parts)]
                ),
                batch,
            )

        return strategy.experimental_distribute_values_from_function(rows)

    _build_metrics(model, next(iter(held)))
    called = keras.callbacks.CallbackList(
        list(callbacks), model=model, epochs=epochs.stop, steps=steps
    )
    model.stop_training = False
    with as_one_batch(model):
        learn, test = (_on_replicas(f) for f in (model.train_step, model.test_step))
        called.on_train_begin()
        for epoch in epochs:
            model.reset_metrics()
            called.on_epoch_begin(epoch)
            for step in range(steps):
                called.on_train_batch_begin(step)
                seen = learn(dealt(next(batches)))
                called.on_train_batch_end(step, _numbers(seen))
            logs = _numbers(model.get_metrics_result())
            model.reset_metrics()
            called.on_test_begin()
            for batch in held:
                test(dealt(batch))
            validated = _numbers(model.get_metrics_result())
            called.on_test_end(validated)
            logs |= {f"val_{name}": value for name, value in validated.items()}
            called.on_epoch_end(epoch, logs)
            everyones(epoch)  # nobody is ahead of the chief's checkpoint
            if model.stop_training:
                break
    model.optimizer.finalize_variable_values(model.trainable_weights)
    called.on_train_end()


def everyones(*values: int) -> npt.NDArray[np.int64]:
    """What each replica of all workers gives: int64 (replicas, values).

    Everybody waits for everybody here.
    """
    strategy = tf.distribute.get_strategy()
    table = _gathering(strategy)(tf.constant(values, tf.int64))
    return np.asarray(strategy.experimental_local_results(table)[0].numpy())


@functools.cache
def _gathering(strategy: tf.distribute.Strategy) -> Callable[[tf.Tensor], Any]:
    def own(values: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group
        row = tf.one_hot(replica, strategy.num_replicas_in_sync, dtype=tf.int64)
        table = row[:, None] * values[None]  # zeros in the rows of all others
        return context.all_reduce(tf.distribute.ReduceOp.SUM, table)

    gather: Callable[[tf.Tensor], Any] = tf.function(
        lambda values: strategy.run(own, args=(values,))
    )
    return gather


def agree(epoch: int, settings: str) -> None:
    """See that all workers train the same thing, from the same point on.

    Args:
        epoch: that this worker goes on with.
        settings: of the run, as text.

    Raises:
        ConfigError: they do not.
    """
    stand = everyones(epoch, zlib.crc32(settings.encode()))
    if (stand[:, 0] != stand[0, 0]).any():
        raise ConfigError(
            f"The workers would go on after epochs {stand[:, 0].tolist()}: the run's "
            "folder must be one that all of them share."
        )
    if (stand[:, 1] != stand[0, 1]).any():
        raise ConfigError(
            "The workers were started with different settings: give the same command "
            f"to all of them. Those of this one: {settings}."
        )


def _on_replicas(step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A step of Keras's on each replica here, to what the first has seen so far."""
    strategy = tf.distribute.get_strategy()

    def on_replicas(batch: Any) -> Any:
        seen = strategy.run(step, args=(batch,))
        return tf.nest.map_structure(
            lambda value: strategy.experimental_local_results(value)[0], seen
        )

    traced: Callable[[Any], Any] = tf.function(
        on_replicas, reduce_retracing=True, autograph=False
    )
    return traced


def _build_metrics(model: keras.Model, batch: Any) -> None:
    """Make the metrics' variables, which no replica may do for itself."""
    x, y, weight = keras.utils.unpack_x_y_sample_weight(
        tf.nest.map_structure(lambda a: tf.convert_to_tensor(a[:1]), batch)
    )
    seen = model(x, training=False)
    model.compute_loss(x, y, seen, weight, training=False)
    model.compute_metrics(x, y, seen, weight)
    model.reset_metrics()


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}
