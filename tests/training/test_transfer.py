"""What is taken over from trained weights, what starts afresh, what stays frozen."""

import keras
import numpy as np
import pytest
from test_detector import CORNERED, TINY, little_backbone

from fused_ocr.config import CropConfig, RecognizerConfig
from fused_ocr.detection import retinanet
from fused_ocr.errors import ConfigError
from fused_ocr.recognition import sequence
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.training.transfer import freeze, start_from


def with_norm(units=3):
    x = keras.Input((4,))
    y = keras.layers.Dense(units, name="inner")(x)
    y = keras.layers.BatchNormalization(name="norm")(y)
    inner = keras.Model(x, y, name="inside")
    z = keras.Input((4,))
    return keras.Model(z, keras.layers.Dense(1, name="outer")(inner(z)))


def test_what_is_frozen_stays_frozen_from_another_model():
    other, model = with_norm(), with_norm()
    other.layers[1].layers[-1].trainable = False  # the normalisation within
    assert start_from(model, other) == ()
    assert len(model.trainable_weights) == 4 and len(model.weights) == 8
    image = np.random.default_rng(0).normal(size=(5, 4))
    before = model.layers[1].layers[-1].get_weights()
    np.testing.assert_array_equal(model(image, training=True), other(image))
    for old, new in zip(before, model.layers[1].layers[-1].get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_of_another_shape_are_refused():
    with pytest.raises(ConfigError, match=r"do not fit.*inner, norm, outer"):
        start_from(with_norm(3), with_norm(5))


def strings(arch="convctc", **changes):
    config = {"arch": arch, "alphabet": "ab", "size_yx": (16, 40), "slots": 5}
    return build_recognizer(
        RecognizerConfig(**{**config, "width": 4, **changes}),
        CropConfig(size_yx=(16, 40)),
    )


def test_context_that_is_added_begins_quietly(monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(sequence, "_STEPS", (1, 1, 1))
        old = strings()
    new = strings()
    fresh = start_from(new, old)
    added = [f"context{i}" for i in (4, 5)]
    kinds = ("_beside", "", "_norm")
    assert set(fresh) == {name + kind for name in added for kind in kinds}
    for name in added:
        np.testing.assert_allclose(new.get_layer(f"{name}_norm").gamma, sequence._QUIET)
    np.testing.assert_array_equal(
        new.get_layer("context2_norm").gamma, old.get_layer("context2_norm").gamma
    )
    # A network may lose some as well.
    assert start_from(old, new) == ()


@pytest.mark.parametrize("arch", ["convctc", "crnn", "goodfellow"])
def test_another_alphabet_keeps_the_features(arch):
    old, new = strings(arch), strings(arch, alphabet="xy", readable=True)
    fresh = start_from(new, old)
    head = "place_logits" if arch == "goodfellow" else "frames"
    assert set(fresh) == {head, "crop_hidden", "readable"}
    known = {layer.name: layer for layer in old.layers}
    for layer in new.layers:
        if layer.weights and layer.name not in fresh:
            for one, other in zip(
                layer.get_weights(), known[layer.name].get_weights(), strict=True
            ):
                np.testing.assert_array_equal(one, other)
    assert start_from(strings(arch), old) == ()


@pytest.mark.parametrize("arch", ["convctc", "goodfellow"])
@pytest.mark.parametrize("alphabet", ["cxa", "ba", "b"])
def test_characters_of_both_alphabets_are_read_as_before(arch, alphabet):
    old, new = strings(arch, alphabet="abc"), strings(arch, alphabet=alphabet)
    assert start_from(new, old) == ()
    name = "place_logits" if arch == "goodfellow" else "frames"
    crops = np.random.default_rng(3).random((2, 16, 40, 1), np.float32)
    before, after = (
        keras.Model(one.input, one.get_layer(name).output)(crops).numpy()
        for one in (old, new)
    )
    # Odds between characters that both know, and the blank, are the same.
    both = [c for c in alphabet if c in "abc"]
    was = before.reshape(2, -1, 4)[..., [*("abc".index(c) for c in both), 3]]
    now = after.reshape(2, -1, len(alphabet) + 1)
    now = now[..., [*(alphabet.index(c) for c in both), len(alphabet)]]
    if arch != "goodfellow":  # frames are probabilities, place_logits are not yet
        was, now = np.log(was), np.log(now)
        was, now = was - was[..., :1], now - now[..., :1]
    np.testing.assert_allclose(now, was, atol=1e-4)


def test_places_start_from_single_characters():
    # The same network looks at one character, or at each of five places.
    config = RecognizerConfig(alphabet="abc", size_yx=(16, 8), width=4)
    single = build_recognizer(config)
    places = strings("places", alphabet="ca")
    assert start_from(places, single) == ()
    crops = np.random.default_rng(3).random((2, 16, 40, 1), np.float32)
    was = single(crops[:, :, 8:16]).numpy()[:, 0, [2, 0, 3]]
    now = places(crops).numpy()[:, 1]
    np.testing.assert_allclose(now, was / was.sum(-1, keepdims=True), atol=1e-5)


def test_a_higher_crop_stretches_its_columns():
    old, new = strings(size_yx=(32, 40)), strings(size_yx=(48, 40))
    assert start_from(new, old) == ()
    (kernel, bias), (made, offset) = (
        m.get_layer("mix").get_weights() for m in (old, new)
    )
    top, bottom = np.split(kernel, 2)
    # The middles of three rows, on two: -1/6, 1/2, 7/6; outside is the nearest row.
    expected = np.concatenate([top, (top + bottom) / 2, bottom]) * 2 / 3
    np.testing.assert_allclose(made, expected, atol=1e-6)
    np.testing.assert_array_equal(offset, bias)
    # What is the same in all rows is read as before.
    lower = strings(size_yx=(16, 40))
    start_from(lower, old)
    np.testing.assert_allclose(
        lower.get_layer("mix").get_weights()[0], top + bottom, atol=1e-6
    )
    with pytest.raises(ConfigError, match=r"do not fit.*conv1"):
        start_from(strings(size_yx=(32, 40), width=6), old)


def test_another_number_of_rows_starts_its_columns_afresh():
    assert start_from(strings(rows=2), strings()) == ("mix",)
    assert start_from(strings(size_yx=(32, 40), rows=2), strings()) == ("mix",)


def test_characters_of_other_places_start_afresh():
    # As many outputs: 4 places of 3 characters and the blank, 2 places of 7 and it.
    old = strings("goodfellow", slots=4, alphabet="abc")
    new = strings("goodfellow", slots=2, alphabet="abcdefg")
    assert set(start_from(new, old)) == {"place_logits", "length"}


def test_only_what_has_weights_starts_afresh(monkeypatch):
    # `corners` itself only puts together what the head says of each level.
    monkeypatch.setattr(retinanet, "backbone_features", little_backbone)
    old, new = map(retinanet.build_retinanet, (TINY, CORNERED))
    assert not new.get_layer("corners").weights
    # Without hidden layers the head is one convolution.
    assert start_from(new, old) == ("pyramid_corners",)
    assert start_from(retinanet.build_retinanet(CORNERED), new) == ()


@pytest.mark.parametrize(
    ("stage", "still"),
    [
        ("none", {"conv1", "conv4_norm", "mix", "context1_beside", "frames"}),
        ("backbone", {"mix", "context1_beside", "context3_norm", "frames"}),
        ("features", {"frames"}),
    ],
)
def test_stages_are_frozen(stage, still):
    model = strings()
    freeze(model, stage)
    trained = {layer.name for layer in model.layers if layer.trainable_weights}
    assert still <= trained
    if stage == "features":
        assert trained == still
    assert ("conv1" in trained) == (stage == "none")
    with pytest.raises(ConfigError, match="none, backbone, features"):
        freeze(model, "all")


def test_what_was_frozen_once_is_trained_again():
    first = strings()
    freeze(first, "features")
    second = strings()
    start_from(second, first)
    freeze(second, "none")
    norms = [
        layer for layer in second.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]  # fmt: skip
    assert norms and not any(layer.trainable for layer in norms)
    for layer in second.layers:
        if layer.weights and layer not in norms:
            assert layer.trainable, layer.name
