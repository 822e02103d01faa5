"""Normalisations that convolutions have taken up are given back, and can be trained."""

import keras
import numpy as np
import pytest
from test_transfer import strings

from fused_ocr.errors import ConfigError
from fused_ocr.folding import fold_batch_normalization as folded
from fused_ocr.training.transfer import freeze, start_from


def norms_of(model):
    return [
        layer for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]  # fmt: skip


def seasoned(model, seed=0):
    """As if trained: every normalisation has its own factors and statistics."""
    rng = np.random.default_rng(seed)
    for norm in norms_of(model):
        count = norm.gamma.shape[0]
        norm.set_weights(
            [rng.uniform(0.5, 2, count), rng.normal(size=count),
             rng.normal(size=count), rng.uniform(0.2, 3, count)]
        )  # fmt: skip
    return model


def with_biases(seed):
    """Convolutions with an offset of their own before the normalisation: ResNet's."""
    keras.utils.set_random_seed(seed)
    x = image = keras.Input((6, 6, 2))
    for name in ("one", "two"):
        x = keras.layers.Conv2D(
            3, 3, bias_initializer="random_normal", padding="same", name=name
        )(x)
        x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
    return keras.Model(image, x)


def crops(model, seed=1, count=4):
    shape = (count, *model.input_shape[1:])
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.mark.parametrize("make", [lambda seed: strings(), with_biases])
def test_answers_stay_in_use_and_in_training(make):
    old = seasoned(make(1))
    new = make(2)
    batch = crops(new)
    assert start_from(new, folded(old), lambda _: iter([(batch,)])) == ()
    norms = norms_of(new)
    assert norms and all(norm.trainable for norm in norms)
    seen, was = (keras.Model(m.input, norms_of(m)[-1].output) for m in (new, old))
    expected = was(batch, training=False)
    np.testing.assert_allclose(seen(batch, training=False), expected, atol=1e-3)
    # The very batch that was looked at is normalised in training as in use.
    np.testing.assert_allclose(seen(batch, training=True), expected, atol=1e-3)
    other = crops(new, seed=2)
    np.testing.assert_allclose(
        seen(other, training=False), was(other, training=False), atol=1e-3
    )


def test_what_all_batches_show_counts():
    old, new = seasoned(with_biases(1)), with_biases(2)
    batches = [crops(new, seed, count=2) for seed in range(3)]
    start_from(new, folded(old), lambda first: ((b,) for b in batches[first:]))
    convolved = np.asarray(
        keras.ops.conv(np.concatenate(batches), old.layers[1].kernel, padding="same")
    )
    kernel = folded(old).get_layer("one").get_weights()[0]
    factor = (kernel / np.asarray(old.layers[1].kernel))[0, 0, 0]
    norm = new.get_layer("one_norm")
    np.testing.assert_allclose(
        norm.moving_mean, convolved.mean((0, 1, 2)) * factor, atol=1e-5
    )
    np.testing.assert_allclose(
        norm.moving_variance, convolved.var((0, 1, 2)) * factor**2, rtol=1e-4
    )


def test_without_batches_they_are_frozen():
    old, new = seasoned(with_biases(1)), with_biases(2)
    start_from(new, folded(old))
    assert not any(norm.trainable for norm in norms_of(new))
    batch = crops(new)
    np.testing.assert_allclose(
        new(batch, training=True), old(batch, training=False), atol=1e-5
    )


def test_stages_are_frozen_afterwards():
    new = strings()
    batch = crops(new)
    start_from(new, folded(strings()), lambda _: iter([(batch,)]))
    freeze(new, "backbone")
    assert not new.get_layer("conv1_norm").trainable
    assert new.get_layer("context1_norm").trainable


def test_another_width_is_refused():
    with pytest.raises(ConfigError, match=r"do not fit.*conv1"):
        start_from(strings(width=6), folded(strings()))
