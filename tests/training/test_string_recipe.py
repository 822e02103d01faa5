"""`train recognizer` on regions, from the command line: what it makes and refuses."""

import json

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from fused_ocr.cli import main
from fused_ocr.config import AnchorConfig
from fused_ocr.errors import ConfigError
from fused_ocr.recognition.cut_as import cut_of
from fused_ocr.recognition.recognizer import alphabet_of, kinds_of
from fused_ocr.runtimes import load_keras_model
from fused_ocr.training import string_recipe
from fused_ocr.training.annotations import AnnotatedPhoto, write_annotations
from fused_ocr.training.strips import StripBatches

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def run(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments])


def trained(scenes, out, *more):
    return run(
        "train", "recognizer", "--out", out, "--arch", "convctc", "--width", 2,
        "--annotations", scenes / "annotations.csv", "--classes", scenes / "both.csv",
        "--characters", ALPHABET, "--epochs", 1, "--steps", 2, "--batch-size", 4,
        "--validation-steps", 1, *more,
    )  # fmt: skip


def test_regions_are_learnt_and_the_best_of_two_is_kept(scenes, tmp_path):
    out = tmp_path / "run"
    done = trained(
        scenes, out, "--size", 16, 48, "--slots", 10, "--rows", 2, "--readable",
        "--kinds", "--grow", 1.25, "--letterbox", "--stretch", 1.5, "--turn", 3,
        "--repeat", 2,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "2 trainings: validation loss" in done.output
    told = json.loads((out / "repeats.json").read_text())
    assert [one["seed"] for one in told] == [1, 2]
    made = load_keras_model(out / "recognizer.keras")
    assert alphabet_of(made).characters == ALPHABET
    assert kinds_of(made) == ("plate", "bib")
    crop = cut_of(made)
    assert (crop.size_yx, crop.grow, crop.square) == ((16, 48), 1.25, True)
    assert (crop.stretch, crop.turn) == (1.5, 3.0)
    read = made(np.zeros((1, 16, 48, 1), np.float32))
    assert set(read) == {"characters", "readable", "kinds"}
    # Both were measured on the same batches: their logs may be compared.
    best = min(told, key=lambda one: one["val_loss"])
    folder = out / f"repeat_{best['seed']}"
    assert (out / "recognizer.keras").read_bytes() == (
        folder / "recognizer.keras"
    ).read_bytes()
    again = trained(
        scenes, out, "--size", 16, 48, "--slots", 10, "--rows", 2, "--readable",
        "--kinds", "--grow", 1.25, "--letterbox", "--stretch", 1.5, "--turn", 3,
        "--repeat", 3,
    )  # fmt: skip
    assert again.exit_code == 0, again.output
    later = json.loads((out / "repeats.json").read_text())
    assert later[:2] == told and len(later) == 3


def test_shift_is_that_of_training_alone(scenes, monkeypatch, tmp_path):
    made = []

    def noting(kept, size, seed, augmentation):
        made.append(augmentation)
        return StripBatches(kept, size, seed, augmentation)

    monkeypatch.setattr(string_recipe, "StripBatches", noting)
    done = trained(
        scenes, tmp_path, "--size", 16, 48, "--shift", 0.0926, "--augmentation", 0
    )
    assert done.exit_code == 0, done.output
    assert [one.shift for one in made] == [0.0926, 0.0]
    assert {one.rotation for one in made} == {0.0}


@pytest.fixture
def bfloat16():
    """The name of TensorFlow's option, which is off again at the end."""
    option = "auto_mixed_precision_onednn_bfloat16"
    yield option
    tf.config.optimizer.set_experimental_options({option: False})


def test_bfloat16_sets_the_option_and_weights_stay_float32(scenes, bfloat16, tmp_path):
    for folder, more in (("quick", ("--bfloat16",)), ("exact", ())):
        done = trained(scenes, tmp_path / folder, *more)
        assert done.exit_code == 0, done.output
        used = tf.config.optimizer.get_experimental_options().get(bfloat16, False)
        assert used == bool(more)
        made = load_keras_model(tmp_path / folder / "recognizer.keras")
        assert {weight.dtype for weight in made.weights} == {"float32"}


def test_a_validation_without_texts_is_not_the_end(scenes, tmp_path):
    # Regions that nobody can read, and boxes of which nothing is said.
    photo = next((scenes / "pictures").glob("*.png"))
    boxes = np.array([(4, 4, 20, 60), (40, 4, 60, 80)], np.float32)
    unsaid = AnnotatedPhoto(
        photo, boxes, np.zeros(2, np.int64), ("", ""), readable=np.array([False, True])
    )
    write_annotations(tmp_path / "held.csv", [unsaid], ("plate",))
    done = trained(
        scenes, tmp_path / "run", "--readable", "--validation", tmp_path / "held.csv"
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "run" / "recognizer.keras").exists()
    assert "nan" in done.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--arch", "cnn", "--rows", 2), "--rows does nothing without --arch convctc"),
        (("--arch", "cnn", "--share", 1), "--share does nothing"),
        (("--arch", "crnn", "--readable"), "--readable does nothing without --annot"),
        (("--arch", "crnn", "--scenes", 5), "--scenes gives single characters"),
        (
            ("--arch", "crnn", "--characters", "ab"),
            "MNIST's sequences are of the digits",
        ),
    ],
)
def test_options_that_do_nothing_are_refused(tmp_path, options, message):
    done = run("train", "recognizer", "--out", tmp_path / "run", *options)
    assert done.exit_code == 2 and message in done.output
    assert "Traceback" not in done.output


def test_stretching_what_is_squeezed_is_refused(scenes, tmp_path):
    done = trained(scenes, tmp_path / "run", "--stretch", 2)
    assert done.exit_code == 2
    assert "--stretch does nothing without --letterbox" in done.output


def test_turning_boxes_is_refused(scenes, tmp_path):
    done = trained(scenes, tmp_path / "run", "--turn", 2, "--boxes")
    assert done.exit_code == 2
    assert "--turn does nothing without corners, which --boxes" in done.output


def test_freezing_noise_is_refused(scenes, tmp_path):
    done = trained(scenes, tmp_path / "run", "--freeze", "backbone")
    assert done.exit_code == 2 and "--freeze needs --init" in done.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--corners",), "--corners does nothing without --annotations"),
        (("--zoom", 1, 2), "--zoom does nothing without --annotations"),
        (("--close", 0.5), "--close does nothing without --annotations"),
        (("--share", 1), "--share does nothing without --annotations"),
    ],
)
def test_a_detector_refuses_what_does_nothing(tmp_path, options, message):
    done = run("train", "detector", "--out", tmp_path / "run", *options)
    assert done.exit_code == 2 and message in done.output


def test_other_anchors_are_another_run(tmp_path, monkeypatch):
    seen = []

    def recipe(_, __, run, ___):
        seen.append(run.settings)
        raise ConfigError("enough")

    monkeypatch.setattr("fused_ocr.training.recipes.detector_recipe", recipe)
    for size in (16.0, 16.0, 20.0):
        anchors = AnchorConfig(sizes=(size,) * 4)
        (tmp_path / "anchors.json").write_text(anchors.to_json())
        given = ("--out", tmp_path / "run", "--anchors", tmp_path / "anchors.json")
        assert "enough" in run("train", "detector", *given).output
    assert seen[0] == seen[1] != seen[2]


def test_the_smallest_scale_comes_first(scenes, tmp_path):
    done = run(
        "train", "detector", "--out", tmp_path / "run", "--zoom", 2, 1,
        "--annotations", scenes / "annotations.csv",
        "--classes", scenes / "classes.csv",
    )  # fmt: skip
    assert done.exit_code == 2
    assert "zoom must be 0 < lowest <= highest" in done.output
    assert "(2.0, 1.0)" in done.output


def test_corners_need_corners(scenes, tmp_path):
    photo = next((scenes / "pictures").glob("*.png"))
    boxes = np.array([(4, 4, 20, 60)], np.float32)
    boxed = AnnotatedPhoto(photo, boxes, np.zeros(1, np.int64), ("",))
    write_annotations(tmp_path / "boxes.csv", [boxed], ("plate",))
    done = run(
        "train", "detector", "--out", tmp_path / "run", "--corners",
        "--annotations", tmp_path / "boxes.csv", "--classes", scenes / "classes.csv",
    )  # fmt: skip
    assert done.exit_code == 2 and "none of the boxes has any" in done.output
