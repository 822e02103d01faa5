"""Strings: MNIST's digits in rows, the loss against its definition, and learning."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from fused_ocr.config import RecognizerConfig
from fused_ocr.recognition.recognizer import characters_of
from fused_ocr.training import strings
from fused_ocr.training.augmentation import Augmentation
from fused_ocr.training.mnist_strings import MnistStrings
from fused_ocr.training.patches import Pool
from fused_ocr.training.runs import RunConfig
from fused_ocr.training.strings import UNKNOWN, frame_loss, train_strings


def pool(count=40, seed=0):
    """Digits that are easy to tell apart: d bright rows, noise beside them."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    patches = np.zeros((count, 40, 40), np.uint8)
    for patch, label in zip(patches, labels, strict=True):
        patch[6 : 8 + 2 * label, 14:26] = 200 + rng.integers(0, 50)
    return Pool("easy", patches, labels.astype(np.int64), 1.0)


def test_digits_fill_places_from_the_left():
    digits = pool()
    crops, truth = next(MnistStrings(digits, 64, 3)(0))
    codes = truth["text"]
    assert crops.shape == (64, 28, 140, 1) and crops.dtype == np.float32
    assert codes.shape == (64, 5) and codes.dtype == np.int32
    lengths = (codes < 10).sum(1)
    assert set(lengths) == {1, 2, 3, 4, 5}
    for crop, row, length in zip(crops, codes, lengths, strict=True):
        assert (row[length:] == 10).all()
        places = crop[..., 0].reshape(28, 5, 28).transpose(1, 0, 2)
        assert not places[length:].any()
        for place, digit in zip(places[:length], row[:length], strict=True):
            assert (place.max(1) > 0.5).sum() == 2 + 2 * digit  # rows 6.. of 40, 0..


def test_a_batch_is_decided_by_its_number():
    moved = Augmentation(often=0.0)
    one, other = (MnistStrings(pool(), 8, 3, moved) for _ in range(2))
    third = list(itertools.islice(one(0), 4))[3]
    again = next(other(3))
    np.testing.assert_array_equal(third[0], again[0])
    np.testing.assert_array_equal(third[1]["text"], again[1]["text"])
    plain = next(MnistStrings(pool(), 8, 3)(3))
    np.testing.assert_array_equal(plain[1]["text"], third[1]["text"])
    assert np.abs(plain[0] - third[0]).max() > 0.2


def test_the_loss_by_its_definition():
    # Minus the logarithm of the sum over all paths that collapse to the string.
    rng = np.random.default_rng(0)
    frames = rng.dirichlet(np.ones(3), (4, 4)).astype(np.float32)
    strings = [[0, 2], [0, 1], [1, 1], [2, 2]]  # "a", "ab", "bb", ""
    expected = []
    for string, probabilities in zip(strings, frames, strict=True):
        wanted = [c for c in string if c != 2]
        total = sum(
            np.prod(probabilities[np.arange(4), path])
            for path in itertools.product(range(3), repeat=4)
            if [k for k, _ in itertools.groupby(path) if k != 2] == wanted
        )
        expected.append(-np.log(total) / max(1, len(wanted)))
    found = frame_loss(tf.constant(strings), tf.constant(frames))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # As two rows, paths over four frames may not collapse across the middle.
    first, second = frames[2, :2], frames[2, 2:]  # "bb": in a row each, or in one
    paths = {}
    for part, row in (("first", first), ("second", second)):
        for path in itertools.product(range(3), repeat=2):
            text = tuple(k for k, _ in itertools.groupby(path) if k != 2)
            chance = np.prod(row[np.arange(2), path])
            paths[part, text] = paths.get((part, text), 0.0) + chance
    total = sum(
        chance * paths.get(("second", (1, 1)[len(text) :]), 0.0)
        for (part, text), chance in paths.items()
        if part == "first" and set(text) <= {1} and len(text) <= 2
    )
    found = frame_loss(tf.constant([strings[2]]), tf.constant(frames[2:3]), 2)
    np.testing.assert_allclose(found, [-np.log(total) / 2], rtol=1e-4)


def test_an_unknown_text_loses_nothing():
    frames = np.random.default_rng(0).dirichlet(np.ones(3), (2, 4)).astype(np.float32)
    texts = tf.constant([[UNKNOWN, UNKNOWN], [0, 2]])
    loss = frame_loss(texts, tf.constant(frames)).numpy()
    assert loss[0] == 0 and loss[1] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arch", "width", "steps", "rate", "expected"),
    [
        ("convctc", 6, 80, 1e-2, 0.8),
        ("crnn", 12, 120, 1e-2, 0.8),
        ("goodfellow", 8, 80, 3e-3, 0.55),
        ("places", 4, 40, 1e-2, 0.8),
    ],
)
def test_strings_are_learnt(arch, width, steps, rate, expected, tmp_path):
    config = RecognizerConfig(arch=arch, size_yx=(28, 140), slots=5, width=width)
    run = RunConfig(
        tmp_path, epochs=4, steps=steps, validation_steps=2, learning_rate=rate,
        batch_size=16, ema=None,
    )  # fmt: skip
    digits = pool()
    recognizer = train_strings(
        config, run, MnistStrings(digits, 16, 1), MnistStrings(digits, 16, 2)
    )
    crops, truth = next(MnistStrings(digits, 64, 5)(0))
    read = characters_of(recognizer(crops)).numpy().argmax(-1)
    # Of places; who knows the lengths and no character has 0.46 of them right.
    assert (read == truth["text"]).mean() > expected
    header = (tmp_path / "log.csv").read_text().splitlines()[0]
    assert "val_" in header and "exact" in header


def test_heads_lose_by_what_is_known():
    half = strings._readable_loss([1, 0, UNKNOWN], tf.constant([[0.5], [0.25], [0.9]]))
    np.testing.assert_allclose(half, [-np.log(0.5), -np.log(0.75), 0], atol=1e-5)
    kinds = tf.constant([[0.25, 0.75], [0.5, 0.5], [0.1, 0.9]])
    loss = strings._kind_loss([1, 0, UNKNOWN], kinds)
    np.testing.assert_allclose(loss, [-np.log(0.75), -np.log(0.5), 0], atol=1e-5)
    right = strings._readable_right([1, 0, UNKNOWN], tf.constant([[0.5], [0.7], [0.9]]))
    assert right.numpy().tolist() == [1, 0]
    assert strings._kind_right([1, 1, UNKNOWN], kinds).numpy().tolist() == [1, 0]


def test_places_and_lengths_lose_by_what_is_known():
    config = RecognizerConfig(arch="goodfellow", alphabet="ab", slots=2)
    losses = strings._place_losses(config)
    texts = tf.constant([[0, 2], [UNKNOWN, UNKNOWN]])
    places = tf.constant([[[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]] * 2)
    lengths = tf.constant([[0.1, 0.7, 0.2]] * 2)
    np.testing.assert_allclose(
        losses["places"](texts, places), [-np.log(0.5 * 0.6), 0], atol=1e-5
    )
    np.testing.assert_allclose(
        losses["length"](texts, lengths), [-np.log(0.7), 0], atol=1e-5
    )


def test_a_string_ends_with_its_first_blank():
    slots = np.eye(3, dtype=np.float32)[[[0, 2, 1], [1, 0, 2], [2, 0, 0]]]
    assert strings.best_texts(tf.constant(slots)).numpy().tolist() == [
        [0, 2, 2],
        [1, 0, 2],
        [2, 2, 2],
    ]
