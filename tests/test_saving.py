"""Saving: small, readable by plain Keras, and whole or as it was."""

import importlib.metadata
import json
import os
import pathlib
import signal
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import stand_ins
from packaging.requirements import Requirement
from packaging.version import Version

from fused_ocr import saving
from fused_ocr.artefact import find_artefact, read_card, shipped_models
from fused_ocr.config import RecognizerConfig
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.saving import save_model

GOLDEN = pathlib.Path(__file__).parent / "golden"
QUIET = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}


@pytest.fixture(scope="module")
def recognizer():
    keras.utils.set_random_seed(0)
    return build_recognizer(RecognizerConfig(arch="dense"))


def test_half_precision_halves_the_size(recognizer, tmp_path):
    save_model(recognizer, tmp_path / "whole.keras")
    save_model(recognizer, tmp_path / "half.keras", half=True)
    whole, half = (
        (tmp_path / f"{name}.keras").stat().st_size for name in ("whole", "half")
    )
    # 784 * 128 + 128 * 11 weights and some biases are 102 thousand of 4 bytes each.
    assert whole > 4 * recognizer.count_params()
    assert half < 0.55 * whole


@pytest.mark.parametrize("half", [False, True])
def test_the_weights_are_float32_again(recognizer, tmp_path, half):
    path = tmp_path / "recognizer.keras"
    save_model(recognizer, path, half=half)
    loaded = keras.saving.load_model(path)
    for one, other in zip(loaded.get_weights(), recognizer.get_weights(), strict=True):
        assert one.dtype == np.float32
        expected = other.astype(np.float16).astype(np.float32) if half else other
        np.testing.assert_array_equal(one, expected)


def own_arguments(path):
    """(class, argument) of all that Keras makes itself of a saved configuration."""
    with zipfile.ZipFile(path) as archive:
        left = [json.loads(archive.read("config.json"))]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if one.get("module") in ("keras.layers", "keras.initializers"):
                yield from ((one["class_name"], name) for name in one["config"])
            left += one.values()
        elif isinstance(one, list):
            left += one


CHARACTERS = ("cnn", "dense")
STRINGS = ("convctc", "crnn", "goodfellow", "places")


@pytest.mark.parametrize("what", [*shipped_models(), *CHARACTERS, *STRINGS, "refiner"])
def test_an_older_keras_knows_what_is_saved(what, tmp_path):
    golden = json.loads((GOLDEN / "keras_arguments.json").read_text())
    path = tmp_path / "a.keras"
    if what in shipped_models():
        path = find_artefact(what)
    elif what in CHARACTERS:
        save_model(build_recognizer(RecognizerConfig(arch=what)), path)
    elif what in STRINGS:
        size = {"size_yx": (32, 160), "slots": 5, "width": 4}
        save_model(build_recognizer(RecognizerConfig(arch=what, **size)), path)
    else:
        save_model(stand_ins.refiner(), path)
    written = set(own_arguments(path))
    known = {(one, name) for one, row in golden["arguments"].items() for name in row}
    assert len(written) > 9
    assert written - known == set()


def test_the_oldest_keras_is_the_one_that_was_asked():
    golden = json.loads((GOLDEN / "keras_arguments.json").read_text())
    asked = map(Requirement, importlib.metadata.requires("fused-ocr"))
    (keras_bound,) = next(one for one in asked if one.name == "keras").specifier
    assert Version(keras_bound.version) == Version(golden["keras"])


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("card", ["", "# Digits 数字\n\nReads meters.\n"])
def test_the_card_is_kept(recognizer, tmp_path, card, half):
    path = tmp_path / "recognizer.keras"
    save_model(recognizer, path, card=card, half=half)
    assert read_card(path) == card
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert len(set(archive.namelist())) == len(archive.namelist())
    # Loaded and saved again, the card is the caller's to hand on.
    save_model(keras.saving.load_model(path), path)
    assert read_card(path) == ""


LOADING = """
import sys
import fused_ocr.fusion
import keras
import numpy as np

model = keras.saving.load_model(sys.argv[1])
with np.load(sys.argv[2]) as values:
    found = model(values["images"])
np.savez(sys.argv[3], **{name: value.numpy() for name, value in found.items()})
loaded = [name for name in sys.modules if name.startswith("keras_retinanet")]
sys.exit(f"imported: {loaded}" if loaded else 0)
"""


@pytest.mark.parametrize("flow", ["folded"])
def test_a_fused_model_loads_in_a_fresh_process(flow, tmp_path):
    model = stand_ins.reader_model(flow=flow)
    path = tmp_path / "reader.keras"
    save_model(model, path, card="# Stand-in", half=True)
    images = np.stack([stand_ins.squares(131, 87)])
    np.savez(tmp_path / "images.npz", images=images)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            LOADING,
            path,
            tmp_path / "images.npz",
            tmp_path / "found.npz",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=QUIET,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    expected = keras.saving.load_model(path)(images)
    with np.load(tmp_path / "found.npz") as found:
        assert set(found) == set(expected) and found["count"][0] > 0
        for name in found:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-5)


@pytest.mark.parametrize("step", ["save", "write_card", "_rewritten", "replace"])
def test_a_failed_save_leaves_the_old_file(recognizer, tmp_path, monkeypatch, step):
    def fail(*_, **__):
        raise OSError("no space left")

    path = tmp_path / "recognizer.keras"
    path.write_bytes(b"old")
    if step == "save":
        monkeypatch.setattr(recognizer, "save", fail)
    elif step == "replace":
        monkeypatch.setattr(saving.os, "replace", fail)
    else:
        monkeypatch.setattr(saving, step, fail)
    with pytest.raises(OSError, match="no space left"):
        save_model(recognizer, path, half=True)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["recognizer.keras"]


KILLED = """
import os, signal, sys, zipfile
from fused_ocr import saving

class Model:
    def save(self, path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")

saving.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
saving.save_model(Model(), sys.argv[1])
"""


def test_a_killed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "reader.keras"
    path.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, path],
        capture_output=True,
        check=False,
        timeout=120,
        env=QUIET,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert path.read_bytes() == b"old"
