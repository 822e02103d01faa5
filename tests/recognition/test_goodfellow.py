"""The multi-digit network: its layers by hand, its shapes, its vote on the length."""

import keras
import numpy as np
import pytest
from layer_checks import check_layer

from fused_ocr.config import RecognizerConfig
from fused_ocr.recognition.goodfellow import (
    LengthVote,
    LocallyConnected,
    Maxout,
    SubtractLocalMean,
)
from fused_ocr.recognition.recognizer import alphabet_of, build_recognizer

RNG = np.random.default_rng(0)


def pictures(*shapes):
    return [(RNG.normal(size=shape).astype(np.float32),) for shape in shapes]


def test_maxout_by_hand():
    x = np.array([1, 9, 4, 2, 3, 8], np.float32).reshape(1, 1, 1, 6)
    found = Maxout(3)(x).numpy().ravel()
    assert found.tolist() == [4, 9]  # of 1, 4, 3 and of 9, 2, 8


def test_the_local_mean_by_hand():
    x = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    found = SubtractLocalMean()(x)[0, ..., 0].numpy()
    assert found[1, 1] == 0  # 4 - 36 / 9
    assert found[0, 0] == pytest.approx(-2)  # 0 - (0 + 1 + 3 + 4) / 4
    assert found[1, 2] == pytest.approx(0.5)  # 5 - (1 + 2 + 4 + 5 + 7 + 8) / 6


def test_each_place_has_its_own_kernel():
    layer = LocallyConnected(1, 3)
    layer.build((None, 2, 3, 1))
    kernel = np.zeros((6, 9, 1), np.float32)
    kernel[0, 4] = 2  # top left: its own pixel, twice
    kernel[5, 3] = 1  # bottom right: the pixel on its left
    kernel[1, 1] = 7  # top middle: above it, which is beyond the border
    layer.set_weights([kernel, np.full((2, 3, 1), 10, np.float32)])
    x = np.array([[1, 2, 3], [4, 5, 6]], np.float32).reshape(1, 2, 3, 1)
    found = layer(x)[0, ..., 0].numpy()
    np.testing.assert_array_equal(found, [[12, 10, 10], [10, 10, 15]])


def test_equal_kernels_are_a_convolution():
    x = RNG.normal(size=(2, 5, 7, 3)).astype(np.float32)
    layer = LocallyConnected(4, 5)
    layer.build(x.shape)
    kernel = RNG.normal(size=(5, 5, 3, 4)).astype(np.float32)
    bias = RNG.normal(size=(4,)).astype(np.float32)
    layer.set_weights(
        [
            np.repeat(kernel.reshape(1, 75, 4), 35, 0),
            np.broadcast_to(bias, (5, 7, 4)).copy(),
        ]
    )
    plain = keras.layers.Conv2D(4, 5, padding="same")
    plain.build(x.shape)
    plain.set_weights([kernel, bias])
    np.testing.assert_allclose(layer(x), plain(x), atol=1e-4)


def test_the_length_lowers_what_disagrees():
    places = np.array(
        [[[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]]], np.float32
    )  # "ab", blank
    agrees, disagrees = (
        LengthVote("ab")(places, np.array([length], np.float32))
        for length in ([0, 0, 1, 0], [0, 0.25, 0.25, 0.5])
    )
    np.testing.assert_allclose(agrees[0], places)
    np.testing.assert_allclose(disagrees[0], places / 4)
    assert agrees[1].numpy() == [[1.0]] and disagrees[1].numpy() == [[0.25]]


@pytest.mark.parametrize("size_yx", [(54, 54), (28, 140), (33, 47)])
def test_shapes(size_yx):
    config = RecognizerConfig(
        arch="goodfellow", alphabet="abc", size_yx=size_yx, slots=5, width=3
    )
    model = build_recognizer(config)
    slots = model(RNG.random((2, *size_yx, 1)).astype(np.float32))["characters"]
    assert slots.shape == (2, 5, 4) and alphabet_of(model).characters == "abc"
    assert model.get_layer("length").output.shape == (None, 6)


def test_the_papers_numbers():
    model = build_recognizer(
        RecognizerConfig(arch="goodfellow", size_yx=(54, 54), slots=5)
    )
    units = [model.get_layer(f"conv{i}").filters for i in range(1, 9)]
    assert units == [3 * 48, 64, 128, 160, 192, 192, 192, 192]
    assert [model.get_layer(f"dense{i}").units for i in (1, 2)] == [3072, 3072]
    assert model.get_layer("conv1").kernel_size == (5, 5)
    # 54, 27, 27, 14, 14, 7, 7, 4, 4
    assert model.get_layer("local").output.shape == (None, 4, 4, 192)


def test_as_layers():
    check_layer(Maxout, {"pieces": 2}, pictures((1, 3, 3, 4), (2, 5, 3, 2)))
    check_layer(SubtractLocalMean, {}, pictures((1, 3, 3, 2), (2, 5, 7, 3)))
    for case in pictures((2, 3, 3, 2), (1, 5, 3, 2)):
        check_layer(LocallyConnected, {"units": 3, "size": 3}, [case])
    cases = [
        (
            RNG.dirichlet(np.ones(4), (2, s)).astype(np.float32),
            RNG.dirichlet(np.ones(s + 1), 2).astype(np.float32),
        )
        for s in (1, 5)
    ]
    check_layer(LengthVote, {"alphabet": "xyz"}, cases)
