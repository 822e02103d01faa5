"""Folding gives the same answers with fewer weights, whatever stands around it."""

import keras
import numpy as np
import pytest

from fused_ocr.config import RecognizerConfig
from fused_ocr.folding import (
    FoldedNormalization,
    fold_batch_normalization,
    fold_padding,
)
from fused_ocr.recognition.recognizer import build_recognizer


def shaken(model, seed=0):
    """The model with weights and statistics that are nothing special."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            rng.uniform(0.4, 1.6, w.shape)
            if "variance" in v.path or "gamma" in v.path
            else rng.normal(0, 0.4, w.shape)
            for v, w in zip(model.weights, model.get_weights(), strict=True)
        ]
    )
    return model


def norms(model):
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]


def test_by_hand():
    # One pixel, one channel: 3 * 2 + 1 = 7; (7 - 5) / sqrt(4 - 0) * 10 + 0.5 = 10.5.
    x = keras.Input((1, 1, 1))
    y = keras.layers.Conv2D(1, 1, name="c")(x)
    y = keras.layers.BatchNormalization(epsilon=1e-9, name="n")(y)
    model = keras.Model(x, y)
    values = ([[[[2.0]]]], [1.0], [10.0], [0.5], [5.0], [4.0])
    model.set_weights([np.array(v, np.float32) for v in values])
    folded = fold_batch_normalization(model)
    image = np.full((1, 1, 1, 1), 3.0, np.float32)
    assert float(folded(image)[0, 0, 0, 0]) == pytest.approx(10.5, abs=1e-5)
    kernel, bias = folded.get_layer("c").get_weights()
    assert kernel.item() == pytest.approx(10.0) and bias.item() == pytest.approx(-19.5)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("scale", "center"), [(True, True), (False, True), (True, False)]
)
def test_kinds_of_layers_nested(bias, scale, center):
    def norm(name):
        return keras.layers.BatchNormalization(scale=scale, center=center, name=name)

    x = keras.Input((None, None, 3))
    y = norm("a_n")(keras.layers.Conv2D(4, 3, strides=2, use_bias=bias, name="a")(x))
    y = keras.layers.ReLU(6.0, name="relu")(y)
    y = keras.layers.DepthwiseConv2D(3, use_bias=bias, name="d", depth_multiplier=2)(y)
    inner = keras.Model(x, norm("d_n")(y), name="inner")
    z = keras.Input((None, None, 3))
    outer = inner(z)
    outer = norm("last_n")(keras.layers.Conv2D(2, 1, use_bias=bias, name="last")(outer))
    model = shaken(keras.Model(z, outer))
    image = np.random.default_rng(1).normal(size=(2, 17, 23, 3)).astype(np.float32)
    before = model.get_weights()
    folded = fold_batch_normalization(model)
    np.testing.assert_allclose(folded(image), model(image), atol=1e-4)
    assert not norms(folded) and len(norms(model)) == 3
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_what_cannot_be_folded_stays():
    x = keras.Input((9, 11, 2))
    first = keras.layers.BatchNormalization(name="before")(x)  # behind no convolution
    active = keras.layers.Conv2D(2, 3, activation="relu", name="active")(first)
    second = keras.layers.BatchNormalization(name="behind_relu")(active)
    shared = keras.layers.Conv2D(2, 3, name="shared")(second)
    third = keras.layers.BatchNormalization(name="beside")(shared)
    model = shaken(keras.Model(x, keras.layers.Add()([shared, third])))
    folded = fold_batch_normalization(model)
    assert {n.name for n in norms(folded)} == {"before", "behind_relu", "beside"}
    image = np.random.default_rng(2).normal(size=(1, 9, 11, 2)).astype(np.float32)
    np.testing.assert_allclose(folded(image), model(image), atol=1e-5)


def test_recognizer_and_back_from_a_file(tmp_path):
    model = shaken(build_recognizer(RecognizerConfig(width=4)))
    folded = fold_batch_normalization(model)
    folded.save(tmp_path / "folded.keras")
    again = keras.saving.load_model(tmp_path / "folded.keras")
    crops = np.random.default_rng(3).random((5, 28, 28, 1), np.float32)
    np.testing.assert_allclose(folded(crops), model(crops), atol=1e-5)
    np.testing.assert_array_equal(folded(crops), again(crops))
    assert folded.name == model.name and folded.count_params() < model.count_params()


def test_the_place_holder_does_nothing():
    layer = FoldedNormalization()
    values = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    np.testing.assert_array_equal(layer(values), values)
    assert layer.compute_output_shape((None, 3, 5)) == (None, 3, 5)


def padded_model(pad=((0, 1), (0, 1)), kernel=3, strides=2, padding="valid"):
    x = keras.Input((None, None, 2))
    inner = keras.layers.ZeroPadding2D(pad, name="pad")(x)
    inner = keras.layers.DepthwiseConv2D(
        kernel, strides=strides, padding=padding, name="conv"
    )(inner)
    z = keras.Input((None, None, 2))
    return keras.Model(z, keras.Model(x, inner, name="inner")(z))


@pytest.mark.parametrize("sides", [(16, 24), (2, 4), (32, 6)])
def test_padding_folded(sides):
    model = shaken(padded_model())
    image = np.random.default_rng(2).normal(size=(2, *sides, 2)).astype(np.float32)
    folded = fold_padding(model)
    np.testing.assert_allclose(folded(image), model(image), atol=1e-6)
    inner = folded.get_layer("inner")
    assert isinstance(inner.get_layer("pad"), keras.layers.Identity)
    assert inner.get_layer("conv").padding == "same"
    assert model.get_layer("inner").get_layer("conv").padding == "valid"


@pytest.mark.parametrize(
    "changes",
    [
        {"pad": ((1, 1), (1, 1))},  # zeros before the picture, too
        {"kernel": 5},
        {"strides": 1},
        {"padding": "same"},
    ],
)
def test_other_paddings_stay(changes):
    model = shaken(padded_model(**changes))
    image = np.random.default_rng(3).normal(size=(1, 16, 24, 2)).astype(np.float32)
    folded = fold_padding(model)
    np.testing.assert_allclose(folded(image), model(image), atol=1e-6)
    kept = folded.get_layer("inner").get_layer("pad")
    assert isinstance(kept, keras.layers.ZeroPadding2D)


def test_a_padding_that_feeds_two_stays():
    x = keras.Input((8, 8, 2))
    pad = keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(x)
    one = keras.layers.Conv2D(2, 3, strides=2, name="one")(pad)
    other = keras.layers.MaxPooling2D(3, 2, name="other")(pad)
    model = keras.Model(x, keras.layers.Add()([one, other]))
    image = np.random.default_rng(4).normal(size=(1, 8, 8, 2)).astype(np.float32)
    np.testing.assert_allclose(fold_padding(model)(image), model(image), atol=1e-6)
