"""The character networks: shapes, alphabet, contrast, and the two layers."""

import keras
import numpy as np
import pytest
import stand_ins
from layer_checks import check_layer

from fused_ocr.alphabet import ALPHANUMERIC, DIGITS, Alphabet
from fused_ocr.config import RecognizerConfig
from fused_ocr.errors import ArtefactDamagedError, ConfigError
from fused_ocr.recognition.character import CharacterHead, ContrastNormalization
from fused_ocr.recognition.recognizer import alphabet_of, build_recognizer


def crops(count, size_yx=(28, 28), seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 1, (count, *size_yx, 1)).astype(np.float32)


@pytest.mark.parametrize("arch", ["cnn", "dense"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_probabilities(arch, count):
    model = build_recognizer(RecognizerConfig(arch=arch, alphabet="AB7"))
    assert model.name == "recognizer"
    read = model(crops(count)).numpy()
    assert read.shape == (count, 1, 4) and read.dtype == np.float32
    np.testing.assert_allclose(read.sum(-1), 1, atol=1e-6)
    assert (read >= 0).all()


# Weights and biases, then the head's 11 outputs. `dense` is the article's: 784 * 128 +
# 128, 128 * 11 + 11. `cnn` with 16 channels has convolutions without biases and four
# numbers a channel of batch normalisation: 25 * 16 + 64; 9 * 16 * 32 + 128; 9 * 32 * 32
# + 128; 9 * 32 * 64 + 256; 9 * 64 * 64 + 256; then 3 * 3 * 64 * 128 + 128, and
# 128 * 11 + 11.
@pytest.mark.parametrize(
    ("config", "count"),
    [
        (RecognizerConfig(arch="dense"), 784 * 128 + 128 + 128 * 11 + 11),
        (RecognizerConfig(arch="dense", width=5), 784 * 5 + 5 + 5 * 11 + 11),
        (
            RecognizerConfig(arch="dense", alphabet=ALPHANUMERIC),
            784 * 128 + 128 + 128 * 37 + 37,
        ),
        (
            RecognizerConfig(),
            464 + 4736 + 9344 + 18688 + 37120 + 576 * 128 + 128 + 128 * 11 + 11,
        ),
    ],
)
def test_parameter_count(config, count):
    assert build_recognizer(config).count_params() == count


@pytest.mark.parametrize("arch", ["cnn", "dense"])
@pytest.mark.parametrize("size_yx", [(8, 8), (9, 17), (17, 9), (32, 96)])
def test_sizes(arch, size_yx):
    model = build_recognizer(RecognizerConfig(arch=arch, size_yx=size_yx, width=2))
    assert model.input_shape == (None, *size_yx, 1)
    assert model(crops(2, size_yx)).shape == (2, 1, 11)


def test_dense_takes_smaller_crops_than_cnn():
    assert build_recognizer(RecognizerConfig(arch="dense", size_yx=(4, 5))).output_shape
    with pytest.raises(
        ConfigError, match=r"size_yx needs two sides of at least 8 pixels"
    ):
        RecognizerConfig(arch="cnn", size_yx=(7, 28))


def test_cnn_does_not_see_contrast():
    model = build_recognizer(RecognizerConfig(width=4))
    strong = crops(3)
    # The deviation of these is 0.29, and 0.14 of the weak ones; epsilon is 0.001.
    weak = 0.3 + strong / 2
    np.testing.assert_allclose(model(weak), model(strong), atol=0.02)


def test_alphabet_of():
    assert alphabet_of(build_recognizer(RecognizerConfig(alphabet="X1"))) == Alphabet(
        "X1"
    )
    assert alphabet_of(build_recognizer(RecognizerConfig())).characters == DIGITS
    with pytest.raises(ArtefactDamagedError, match="'detector' is not a recogniser"):
        alphabet_of(stand_ins.detector())


@pytest.mark.parametrize("arch", ["cnn", "dense"])
def test_saved_and_loaded(arch, tmp_path):
    model = build_recognizer(RecognizerConfig(arch=arch, alphabet="AB7"))
    model.save(tmp_path / "recognizer.keras")
    loaded = keras.saving.load_model(tmp_path / "recognizer.keras")
    assert alphabet_of(loaded).characters == "AB7"
    np.testing.assert_array_equal(loaded(crops(2)), model(crops(2)))


def test_contrast_by_hand():
    # Values 0 and 1 alike often: mean 0.5, variance 0.25; epsilon 0.11 makes it 0.36.
    values = np.array([0, 1, 1, 0], np.float32).reshape(1, 2, 2, 1)
    normal = ContrastNormalization(epsilon=0.11)(values)
    np.testing.assert_allclose(
        normal[0, ..., 0], [[-5 / 6, 5 / 6], [5 / 6, -5 / 6]], rtol=1e-5
    )


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_contrast_of_an_even_crop_is_quiet(value):
    even = np.full((1, 5, 7, 1), value, np.float32)
    np.testing.assert_allclose(ContrastNormalization()(even), 0, atol=1e-4)


def test_contrast_of_each_crop_alone():
    both = crops(2, (5, 7))
    both[1] *= 0.1
    together = ContrastNormalization()(both)
    for i in range(2):
        np.testing.assert_array_equal(
            together[i], ContrastNormalization()(both[i : i + 1])[0]
        )


def test_contrast_layer():
    cases = [(crops(2, size),) for size in [(8, 8), (5, 7), (7, 5)]]
    check_layer(ContrastNormalization, {"epsilon": 0.02}, cases)


def test_head_layer():
    features = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)
    check_layer(CharacterHead, {"alphabet": "AB7"}, [(features,), (features[:1],)])
    with pytest.raises(ConfigError, match="each one once"):
        CharacterHead("AA")
