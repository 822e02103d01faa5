"""What replicas are made to do as one, taken apart; together: test_distributed.py."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from fused_ocr.training import one_batch
from fused_ocr.training.one_batch import as_one_batch, undistributed, whole_batch_mean


def in_replica(monkeypatch, replica, count, everything=None):
    """As if in one of several replicas, whose sums are known."""
    context = types.SimpleNamespace(
        num_replicas_in_sync=count,
        replica_id_in_sync_group=tf.constant(replica),
        all_reduce=lambda _, value: tf.constant(everything, value.dtype),
    )
    monkeypatch.setattr(one_batch.tf.distribute, "get_replica_context", lambda: context)


def mean_of_objects(truth, seen):
    """As keras-retinanet's: a sum by the number of objects, or by 1."""
    state = truth[..., -1]
    total = tf.reduce_sum(tf.where(state == 1, seen[..., 0], 0.0))
    return total / tf.maximum(tf.reduce_sum(tf.cast(state == 1, tf.float32)), 1.0)


# Replicas with the objects' losses 1, 2, 3 and 6 (and one to ignore); or one with none.
SEEN = [[1.0, 2.0, 3.0], [6.0, 100.0, 100.0]]
STATES = [[1.0, 1.0, 1.0], [1.0, -1.0, 0.0]]


@pytest.mark.parametrize(
    ("states", "objects", "parts"),
    [(STATES, 4, (6 / 4, 6 / 4)), ([[0.0] * 3, STATES[1]], 1, (0.0, 6.0)),
     ([[0.0] * 3] * 2, 0, (0.0, 0.0))],
)  # fmt: skip
def test_the_parts_of_a_mean_add_up_to_it(monkeypatch, states, objects, parts):
    loss = whole_batch_mean(mean_of_objects)
    truth, seen = (tf.constant(a)[:, None, :, None] for a in (states, SEEN))
    whole = mean_of_objects(truth, seen)
    assert loss(truth, seen) == whole  # of one replica
    given = []
    for i in range(2):
        in_replica(monkeypatch, i, 2, objects)
        given.append(float(loss(truth[i], seen[i])))
    assert given == pytest.approx(parts)
    assert sum(given) == pytest.approx(float(whole))


def model_with(*layers):
    model = keras.Sequential([keras.Input((6,)), *layers])
    model.compile(keras.optimizers.SGD(1.0, clipnorm=1.0), loss="mse")
    return model


def test_dropout_is_that_of_the_whole_batch(monkeypatch):
    x = np.random.default_rng(0).normal(size=(8, 6)).astype(np.float32)
    wanted = model_with(keras.layers.Dropout(0.5, seed=3))(x, training=True)
    parts = []
    for i in range(2):
        model = model_with(keras.layers.Dropout(0.5, seed=3))
        in_replica(monkeypatch, i, 2)
        with as_one_batch(model):
            parts.append(model(x[4 * i : 4 * i + 4], training=True))
            np.testing.assert_array_equal(model(x[:4], training=False), x[:4])
    np.testing.assert_allclose(np.concatenate(parts), wanted, rtol=1e-6)
    assert (np.asarray(wanted) == 0).any()
    assert ((parts[0] == 0) != (parts[1] == 0)).numpy().any()


def test_afterwards_a_model_is_as_it_was():
    inner = model_with(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5))
    model = model_with(inner, inner.layers[1])  # the same layer twice
    before = model.to_json()
    with as_one_batch(model):
        assert inner.layers[0].synchronized
        assert model.optimizer.clipnorm is None
    assert model.to_json() == before
    assert not inner.layers[0].synchronized
    assert "call" not in vars(inner.layers[1])
    assert model.optimizer.clipnorm == 1.0
    assert "update_step" not in vars(model.optimizer)


def test_gradients_are_clipped_after_they_are_added_up():
    model = model_with(keras.layers.Dense(1, use_bias=False))
    (kernel,) = model.trainable_variables
    start = kernel.numpy()
    with as_one_batch(model):
        model.optimizer.apply([tf.fill((6, 1), 10.0)], [kernel])
    # Six equal parts of a step of length 1.
    np.testing.assert_allclose(start - kernel.numpy(), 1 / np.sqrt(6), rtol=1e-5)


def test_a_model_of_one_is_left_alone():
    model = model_with(keras.layers.Dense(1))
    assert undistributed(model) is model
