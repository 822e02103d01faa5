"""Strings in fixed places: parted, read one by one, and joined again."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import check_layer
from tflite_checks import converted

from fused_ocr.config import RecognizerConfig
from fused_ocr.errors import ConfigError
from fused_ocr.freezing import frozen
from fused_ocr.recognition.character import CharacterHead, cnn_features
from fused_ocr.recognition.fixed_places import JoinPlaces, PartPlaces, PlacesHead
from fused_ocr.recognition.recognizer import (
    alphabet_of,
    build_recognizer,
    reads_strings,
    slots_of,
)


def config(**changes):
    return RecognizerConfig(
        **{
            "arch": "places",
            "alphabet": "abc",
            "size_yx": (13, 33),
            "slots": 3,
            "width": 3,
            **changes,
        }
    )


def crops(count=2, size_yx=(13, 33)):
    return np.random.default_rng(0).random((count, *size_yx, 1), np.float32)


def test_places_stand_side_by_side():
    # The value of a pixel says where it is: crop, row, column, channel.
    crop, y, x, c = np.mgrid[:2, :5, :21, :2]
    pixels = (1000 * crop + 100 * y + 4 * x + c).astype(np.float32)
    places = PartPlaces(3)(pixels).numpy()
    assert places.shape == (6, 5, 7, 2)
    for i in range(2):
        for place in range(3):
            wanted = pixels[i, :, 7 * place : 7 * place + 7]
            np.testing.assert_array_equal(places[3 * i + place], wanted)


def test_layers():
    rng = np.random.default_rng(0)
    check_layer(
        PartPlaces,
        {"slots": 3},
        [(rng.random((n, 5, 21, 1), np.float32),) for n in (1, 3)],
    )
    check_layer(
        JoinPlaces, {"slots": 3}, [(rng.random((n, 7), np.float32),) for n in (3, 6)]
    )
    head = PlacesHead("ab", name="p")
    read = head(rng.random((2, 5, 7), np.float32))
    rebuilt = PlacesHead.from_config(head.get_config())
    assert rebuilt.alphabet == head.alphabet and rebuilt.name == "p"
    assert head.compute_output_shape((2, 5, 7)) == read.shape == (2, 5, 3)
    np.testing.assert_allclose(tf.reduce_sum(read, -1), 1, atol=1e-6)


def test_each_place_is_read_as_a_character_alone_would_be():
    model = build_recognizer(config())
    single = keras.Input((13, 11, 1))
    features = cnn_features(single, config())
    alone = keras.Model(single, CharacterHead("abc", name="characters")(features))
    for layer in alone.layers[1:-1]:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    alone.layers[-1].set_weights(model.get_layer("characters").get_weights())
    rows = crops()
    read = model(rows)
    for place in range(3):
        one = alone(rows[:, :, 11 * place : 11 * place + 11])
        np.testing.assert_allclose(read[:, place], one[:, 0], atol=1e-5)


def test_a_recogniser_of_places_is_one_of_strings(tmp_path):
    model = build_recognizer(config(readable=True, kinds=("bib", "meter")))
    read = model(crops())
    shapes = {name: tuple(value.shape) for name, value in read.items()}
    assert shapes == {"characters": (2, 3, 4), "readable": (2, 1), "kinds": (2, 2)}
    model.save(tmp_path / "r.keras")
    loaded = keras.saving.load_model(tmp_path / "r.keras")
    np.testing.assert_allclose(
        loaded(crops())["characters"], read["characters"], atol=1e-6
    )
    assert reads_strings(loaded) and slots_of(loaded) == 3
    assert alphabet_of(loaded).characters == "abc"


@pytest.mark.tflite
def test_tflite_reads_alike():
    model = build_recognizer(config())
    signature = [tf.TensorSpec((2, 13, 33, 1), tf.float32, name="crops")]
    read = frozen(model, signature)
    function = tf.function(lambda crops: {"read": read(crops)}, signature)
    run = converted(function, model)
    np.testing.assert_allclose(run(crops=crops())["read"], model(crops()), atol=1e-5)


@pytest.mark.parametrize(
    ("slots", "width"), [(4, 33), (5, 35), (0, 33)], ids=["uneven", "narrow", "none"]
)
def test_places_that_do_not_fit_the_crop_are_refused(slots, width):
    with pytest.raises(ConfigError, match=f"slots must part crops {width} pixels wide"):
        config(slots=slots, size_yx=(13, width))
