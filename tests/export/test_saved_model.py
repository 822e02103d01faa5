"""The SavedModel: its names, its signatures, and that only what passes is published."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import fused_ocr
from fused_ocr.artefact import find_artefact
from fused_ocr.errors import ArtefactError, CheckFailedError
from fused_ocr.export import check_photos, saved_model
from fused_ocr.export.saved_model import OUTPUT_NAMES, export_saved_model
from fused_ocr.runtimes import load_keras_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    return load_keras_model(find_artefact("digits"))


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "digits"
    report = export_saved_model(model, folder, card="# The card")
    assert report.readings > 0 and report.empty > 0
    return folder


def drawn():
    """Pictures of different sizes: with digits, and without."""
    return [photo.image for photo in check_photos.drawn_photos("0123456789")]


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def test_signatures_are_the_contract(exported):
    signatures = tf.saved_model.load(str(exported)).signatures
    expected = {
        "serving_default": {"images": (tf.uint8, [None, None, None, 3])},
        "serving_padded": {
            "images": (tf.uint8, [None, None, None, 3]),
            "sizes": (tf.int32, [None, 2]),
        },
        "serving_bytes": {"image_bytes": (tf.string, [None])},
    }
    assert set(signatures) == set(expected)
    for name, inputs in expected.items():
        given = signatures[name].structured_input_signature[1]
        assert {k: (v.dtype, v.shape.as_list()) for k, v in given.items()} == inputs
        own = ["error"] if name == "serving_bytes" else []
        found = signatures[name].structured_outputs
        assert sorted(found) == sorted([*OUTPUT_NAMES, *own])


@pytest.mark.parametrize("bad", [b"", b"no image", b"\x89PNG\r\n\x1a\n cut off"])
def test_a_bad_file_fails_alone(exported, bad):
    signature = tf.saved_model.load(str(exported)).signatures["serving_bytes"]
    files = [png(image) for image in drawn()]
    whole = signature(image_bytes=tf.constant(files))
    assert not whole["error"].numpy().any() and whole["count"].numpy().any()
    found = signature(image_bytes=tf.constant([bad, *files, files[0][:-30]]))
    said = found["error"].numpy().tolist()
    assert said[1:-1] == [b""] * len(files)
    assert all(b"no JPEG, PNG, GIF or BMP" in one for one in (said[0], said[-1]))
    assert found["count"].numpy()[[0, -1]].tolist() == [0, 0]
    for name, value in whole.items():
        if value.dtype == tf.float32:  # summed in another order
            np.testing.assert_allclose(found[name][1:-1], value, atol=1e-3)
        else:
            np.testing.assert_array_equal(found[name][1:-1], value)
    alone = signature(image_bytes=tf.constant([bad]))
    assert alone["error"].numpy()[0] == said[0] and alone["count"].numpy() == [0]


def test_bytes_of_different_sizes_in_one_request(exported, model):
    images = drawn()
    signature = tf.saved_model.load(str(exported)).signatures["serving_bytes"]
    found = signature(image_bytes=tf.constant([png(i) for i in images]))
    alone = fused_ocr.Reader(model).predict(images)
    for row, readings in enumerate(alone):
        count = found["count"].numpy()[row]
        texts = [t.decode() for t in found["text"].numpy()[row][:count]]
        assert texts == readings.texts
        boxes = found["box"].numpy()[row][:count]
        np.testing.assert_allclose(boxes, readings.boxes, atol=0.01)
    assert any(readings.texts for readings in alone)


def test_load_needs_nothing_else(exported, model):
    reader = fused_ocr.load(exported)
    assert reader.card == "# The card"
    assert reader.description == fused_ocr.Reader(model).description
    images = drawn()
    mixed = reader.predict(images)
    truth = fused_ocr.Reader(model).predict(images)
    assert [r.texts for r in mixed] == [r.texts for r in truth]
    one, other = mixed[3][0].characters[0], truth[3][0].characters[0]
    assert [t for t, _ in one.alternatives] == [t for t, _ in other.alternatives]


def test_tensorflow_alone_runs_it(exported):
    code = textwrap.dedent(
        f"""
        import sys
        import numpy as np, tensorflow as tf
        serve = tf.saved_model.load({str(exported)!r}).signatures["serving_default"]
        out = serve(images=tf.zeros((2, 61, 47, 3), tf.uint8))
        assert out["count"].numpy().tolist() == [0, 0]
        assert "keras_retinanet" not in sys.modules and "fused_ocr" not in sys.modules
        """
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_wrong_artefact_is_not_published(exported, model, monkeypatch):
    before = {p: p.stat().st_mtime_ns for p in exported.rglob("*")}
    right = saved_model._with_text

    def wrong(outputs):
        return right({**outputs, "codes": outputs["codes"] + 1})

    monkeypatch.setattr(saved_model, "_with_text", wrong)
    with pytest.raises(CheckFailedError, match="differs from the Keras model"):
        export_saved_model(model, exported)
    assert {p: p.stat().st_mtime_ns for p in exported.rglob("*")} == before
    assert [p.name for p in exported.parent.iterdir()] == [exported.name]


def test_a_check_that_compared_nothing_fails(model, tmp_path, monkeypatch):
    empty = [check_photos.CheckPhoto("empty", np.full((70, 50, 3), 90, np.uint8))]
    monkeypatch.setattr(saved_model, "drawn_photos", lambda alphabet: empty)
    with pytest.raises(CheckFailedError, match="read nothing"):
        export_saved_model(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_things_is_left_alone(model, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArtefactError, match="exists and is no SavedModel"):
        export_saved_model(model, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("exchange", [True, False])
def test_publishing_replaces_whole_folders(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(saved_model, "_exchange", lambda *_: False)
    for name in ("aside", "target"):
        (tmp_path / name).mkdir()
    made = tmp_path / "aside" / "model"
    made.mkdir()
    (made / "saved_model.pb").write_text("new")
    (tmp_path / "target" / "saved_model.pb").write_text("old")
    saved_model._publish(made, tmp_path / "target")
    assert (tmp_path / "target" / "saved_model.pb").read_text() == "new"


def test_killed_while_exporting_leaves_the_old_one(exported, tmp_path):
    before = (exported / "saved_model.pb").read_bytes()
    code = (
        "from fused_ocr.artefact import find_artefact\n"
        "from fused_ocr.runtimes import load_keras_model\n"
        "from fused_ocr.export.saved_model import export_saved_model\n"
        "model = load_keras_model(find_artefact('digits'))\n"
        "print('loaded', flush=True)\n"
        f"export_saved_model(model, {str(exported)!r})\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert child.stdout.readline() == b"loaded\n"
    time.sleep(3)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert (exported / "saved_model.pb").read_bytes() == before
    assert fused_ocr.load(exported).predict(np.zeros((40, 50, 3), np.uint8)).texts == []


def test_no_foreign_objects_inside(model, tmp_path):
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    image = drawn()[3][None]
    for name, value in model(image).items():
        np.testing.assert_array_equal(value, again(image)[name])
