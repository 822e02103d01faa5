"""Networks that read strings: shapes, frames, and that they can learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from fused_ocr.config import RecognizerConfig
from fused_ocr.recognition.recognizer import (
    alphabet_of,
    build_recognizer,
    reads_strings,
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
