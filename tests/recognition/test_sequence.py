"""Networks that read strings: shapes, frames, and that they can learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import check_layer

from fused_ocr.config import CropConfig, RecognizerConfig
from fused_ocr.recognition.crop_heads import KindHead
from fused_ocr.recognition.cut_as import CutAs, cut_of
from fused_ocr.recognition.recognizer import (
    alphabet_of,
    build_recognizer,
    kinds_of,
    reads_strings,
    slots_of,
)
from fused_ocr.recognition.sequence import PIXELS_PER_FRAME

ARCHS = ("convctc", "crnn")


def config(arch, **changes):
    return RecognizerConfig(
        **{
            "arch": arch,
            "alphabet": "ab",
            "size_yx": (16, 40),
            "slots": 5,
            "width": 4,
            **changes,
        }
    )


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("size_yx", [(16, 40), (32, 128), (28, 141)])
def test_frames_and_slots(arch, size_yx):
    model = build_recognizer(config(arch, size_yx=size_yx))
    crops = np.random.default_rng(0).random((3, *size_yx, 1), np.float32)
    frames = keras.Model(model.input, model.get_layer("frames").output)(crops)
    assert frames.shape == (3, size_yx[1] // PIXELS_PER_FRAME, 3)
    np.testing.assert_allclose(tf.reduce_sum(frames, -1), 1, atol=1e-5)
    slots = model(crops)
    assert slots.shape == (3, 5, 3) and model.output_shape == (None, 5, 3)
    np.testing.assert_allclose(tf.reduce_sum(slots, -1), 1, atol=1e-5)


@pytest.mark.parametrize("arch", ARCHS)
def test_a_saved_one_needs_no_custom_objects(arch, tmp_path):
    model = build_recognizer(config(arch))
    model.save(tmp_path / "r.keras")
    loaded = keras.saving.load_model(tmp_path / "r.keras")
    crops = np.random.default_rng(1).random((2, 16, 40, 1), np.float32)
    np.testing.assert_allclose(loaded(crops), model(crops), atol=1e-6)
    assert alphabet_of(loaded).characters == "ab" and reads_strings(loaded)


@pytest.mark.parametrize("arch", ARCHS)
def test_rows_come_one_after_the_other(arch):
    model = build_recognizer(config(arch, size_yx=(16, 40), rows=2, slots=10))
    crops = np.random.default_rng(0).random((3, 16, 40, 1), np.float32)
    frames = keras.Model(model.input, model.get_layer("frames").output)(crops)
    assert frames.shape == (3, 2 * 20, 3) and model(crops).shape == (3, 10, 3)
    if arch == "convctc":
        # What is beside a frame counts within its row alone: the last frame of the
        # first row does not see the first one of the second.
        into = keras.Model(model.get_layer("frame").output, frames_of(model))
        rows = np.random.default_rng(1).random((1, 2, 20, 16), np.float32)
        other = rows.copy()
        other[:, 1] += 1
        np.testing.assert_array_equal(into(rows)[:, :20], into(other)[:, :20])


def frames_of(model):
    return model.get_layer("frames").output


def test_heads_on_the_whole_crop(tmp_path):
    for arch in (*ARCHS, "goodfellow"):
        made = config(arch, readable=True, kinds=("bib", "plate"), size_yx=(16, 40))
        model = build_recognizer(made)
        crops = np.random.default_rng(0).random((3, 16, 40, 1), np.float32)
        read = model(crops)
        shapes = {k: v.shape for k, v in read.items()}
        assert (shapes.pop("agreement", None) == (3, 1)) == (arch == "goodfellow")
        assert shapes == {"characters": (3, 5, 3), "readable": (3, 1), "kinds": (3, 2)}
        np.testing.assert_allclose(tf.reduce_sum(read["kinds"], -1), 1, atol=1e-5)
        model.save(tmp_path / "r.keras")
        loaded = keras.saving.load_model(tmp_path / "r.keras")
        for name, value in loaded(crops).items():
            np.testing.assert_allclose(value, read[name], atol=1e-6)
        assert kinds_of(loaded) == ("bib", "plate") and slots_of(loaded) == 5


def test_a_recogniser_knows_how_its_crops_were_cut(tmp_path):
    crop = CropConfig(size_yx=(16, 40), grow=1.25, square=False, rectify=False)
    build_recognizer(config("convctc"), crop).save(tmp_path / "r.keras")
    assert cut_of(keras.saving.load_model(tmp_path / "r.keras")) == crop
    assert cut_of(build_recognizer(config("convctc"))) == CropConfig(size_yx=(16, 40))


def test_layers_of_the_heads():
    crops = [(np.random.default_rng(0).random((2, 5, 7, 1), np.float32),)]
    crop = CropConfig(
        size_yx=(5, 7), square=False, stretch=1.5, grow=2.0, rectify=False,
        turn=2.0, antialias=False, binarize=True,
    )  # fmt: skip
    check_layer(CutAs, {"config": crop}, crops)
    layer = KindHead(("a", "b", "c"), name="k")
    rebuilt = KindHead.from_config(layer.get_config())
    assert rebuilt.kinds == ("a", "b", "c") and rebuilt.name == "k"


def test_single_characters_are_no_strings():
    assert not reads_strings(build_recognizer(RecognizerConfig()))


@pytest.mark.parametrize("arch", ARCHS)
def test_a_frame_sees_its_place(arch):
    # A mark at the left changes the frames at the left most.
    model = build_recognizer(config(arch, size_yx=(16, 160), slots=5))
    frames = keras.Model(model.input, model.get_layer("column").output)
    crops = np.full((2, 16, 160, 1), 0.5, np.float32)
    crops[1, 4:12, 8:16] = 1.0
    crops[:, :, 150:] = 0.0  # the contrast is that of the whole crop
    plain, marked = frames(crops)
    change = np.abs(marked - plain).max(-1)
    assert change.argmax() in range(0, 7)
    assert change[:7].max() > 3 * change[15:30].max()


def test_a_frame_sees_the_whole_row():
    # Its other characters tell an O from a 0, so the last one has to see the first.
    model = build_recognizer(config("convctc", size_yx=(16, 120), slots=5))
    features = keras.Model(model.get_layer("frame").output, frames_of(model))
    rows = np.random.default_rng(0).random((2, 1, 60, 16), np.float32)
    rows[1, :, :4] = rows[0, :, :4] + 1
    plain, changed = features(rows)
    assert np.abs(changed - plain)[-4:].max() > 1e-6
