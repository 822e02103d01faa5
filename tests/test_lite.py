"""`.tflite` files: what they say of themselves, and reading them without TensorFlow."""

import json
import subprocess
import sys
import textwrap
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import stand_ins
from PIL import Image

import fused_ocr
from fused_ocr import lite
from fused_ocr.artefact import DESCRIPTION, FORMAT_VERSION
from fused_ocr.description import describe_artefact
from fused_ocr.errors import (
    ArtefactDamagedError,
    ArtefactVersionError,
    ConfigError,
    MissingDependencyError,
)
from fused_ocr.export import tflite
from fused_ocr.export.check_photos import CheckPhoto
from fused_ocr.export.tflite import export_tflite
from fused_ocr.fusion import describe
from fused_ocr.lite import LiteRuntime, fit
from fused_ocr.reader import Reader

FRAME = (128, 192)


@pytest.fixture(scope="module")
def model():
    return stand_ins.reader_model()


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    file = tmp_path_factory.mktemp("lite") / "reader.tflite"
    photo = CheckPhoto("squares", stand_ins.squares(*FRAME))
    with pytest.MonkeyPatch.context() as patch:
        # On even paper all of the stand-in's scores are ties.
        patch.setattr(tflite, "drawn_photos", lambda _: [])
        export_tflite(model, file, FRAME, card="# Card, ä\n", photos=[photo])
    return file


# --- a photo in the frame -------------------------------------------------------------


def test_a_photo_of_the_frames_size_is_not_touched():
    photo = stand_ins.squares(*FRAME)
    frame, scale = fit(photo, FRAME)
    assert frame is photo and scale.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("photo", "fitted"),
    [
        ((256, 384), (128, 192)),
        ((64, 192), (64, 192)),  # as wide as the frame
        ((100, 50), (128, 64)),  # grown
        ((1000, 200), (128, 26)),  # 25.6
        ((1, 4000), (1, 192)),  # thinner than a pixel, and still there
    ],
)
def test_where_a_photo_comes_to_lie(photo, fitted):
    white = np.full((*photo, 3), 255, np.uint8)
    frame, scale = fit(white, FRAME)
    assert frame.shape == (*FRAME, 3) and frame.dtype == np.uint8
    assert (frame[: fitted[0], : fitted[1]] == 255).all()
    assert (frame[fitted[0] :] == 127).all() and (frame[:, fitted[1] :] == 127).all()
    np.testing.assert_allclose(scale, np.divide(fitted, photo), rtol=1e-6)


def test_a_small_photo_grows_no_further_than_for_keras(path, monkeypatch):
    # The detector's view of 64x96 is half the frame, and no photo is enlarged more than
    # twice for it: four times for the frame.
    frame, scale = fit(np.full((10, 20, 3), 255, np.uint8), FRAME, 4.0)
    assert (frame[:40, :80] == 255).all() and (frame == 255).sum() == 40 * 80 * 3
    assert scale.tolist() == [4, 4]
    asked = []

    def seen(*given):
        asked.append(given[2])
        return fit(*given)

    monkeypatch.setattr(lite, "fit", seen)
    fused_ocr.load(path).predict(np.zeros((10, 20, 3), np.uint8))
    assert asked == [4.0]


# --- what is read ---------------------------------------------------------------------


def test_the_same_is_read_as_by_keras(model, path):
    lite, keras = fused_ocr.load(path, threads=1), Reader(model)
    for seed in range(3):
        photo = stand_ins.squares(*FRAME, seed=seed)
        here, there = lite.predict(photo), keras.predict(photo)
        assert here.texts == there.texts and len(here) >= 2
        np.testing.assert_allclose(here.boxes, there.boxes, atol=0.01)
        np.testing.assert_allclose(
            [one.score for one in here], [one.score for one in there], atol=1e-4
        )
    assert lite.predict(np.zeros((*FRAME, 3), np.uint8)).texts == []


def test_places_are_those_of_the_photo(path):
    reader = fused_ocr.load(path)
    frame = stand_ins.squares(*FRAME)
    large = np.asarray(Image.fromarray(frame).resize((768, 512), Image.Resampling.BOX))
    known = reader.predict(frame)
    assert len(known) >= 2
    found = reader.predict(large)
    assert found.texts == known.texts
    np.testing.assert_allclose(found.boxes, 4 * known.boxes, atol=0.1)
    for one, other in zip(found, known, strict=True):
        for a, b in zip(one.characters, other.characters, strict=True):
            np.testing.assert_allclose(a.box, np.multiply(b.box, 4), atol=0.1)
    # What is cut by the photo's edge ends there, though the frame goes on.
    cut = reader.predict(large[:300])
    assert len(cut) and (cut.boxes[:, 2:] <= (300, 768)).all()


@pytest.mark.parametrize(
    ("photo", "seen"),
    [
        # The file's frame is twice the detector's, 64x96, which enlarges twice at most.
        (FRAME, 0.5),
        ((256, 384), 0.25),
        ((256, 100), 0.25),
        ((64, 96), 1.0),
        ((10, 20), 2.0),
    ],
)
def test_how_large_the_detector_sees_a_photo(path, photo, seen):
    assert LiteRuntime(path).scale(*photo) == seen


def test_a_batch_of_different_sizes(path):
    reader = fused_ocr.load(path)
    photos = [
        stand_ins.squares(*FRAME),
        np.zeros((50, 300, 3), np.uint8),
        stand_ins.squares(131, 197, seed=1),
    ]
    together = reader.predict(photos)
    for photo, found in zip(photos, together, strict=True):
        alone = reader.predict(photo)
        assert found.texts == alone.texts
        np.testing.assert_array_equal(found.boxes, alone.boxes)


@pytest.mark.parametrize("command", ["read", "explain"])
def test_without_tensorflow(path, tmp_path, command):
    photo = tmp_path / "a.png"
    Image.fromarray(stand_ins.squares(*FRAME)).save(photo)
    program = """
        import sys

        class Refuse:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {"tensorflow", "keras", "h5py", "matplotlib"}:
                    raise ImportError(f"{name} is not there")

        sys.meta_path.insert(0, Refuse())
        from fused_ocr.cli import main
        main([sys.argv[1], "-m", sys.argv[2], "--format", "jsonl", sys.argv[3]])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), command, path, photo],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and done.stderr == "", done.stderr
    texts = [one["text"] for one in json.loads(done.stdout)["readings"]]
    assert texts == fused_ocr.load(path).predict(photo).texts and len(texts) >= 2


# --- what it says of itself -----------------------------------------------------------


def test_it_describes_itself(model, path):
    reader = fused_ocr.load(path)
    assert reader.description == describe(model)
    assert reader.card == "# Card, ä\n"
    values = describe_artefact(path)
    assert values["kind"] == "fused reader, TFLite" and values["card"] is True
    assert values["input_size_yx"] == [*FRAME]
    with zipfile.ZipFile(path) as files:
        assert files.read("alphabet.txt").decode().split() == list("0123456789")
        assert files.read("labels.txt") == b"character\n"


# --- bad input ------------------------------------------------------------------------


def test_a_truncated_or_foreign_file(path, tmp_path):
    whole = path.read_bytes()
    for size in (len(whole) - 10, len(whole) // 2, 20):
        (tmp_path / "a.tflite").write_bytes(whole[:size])
        with pytest.raises(ArtefactDamagedError, match=r"truncated.*export tflite"):
            fused_ocr.load(tmp_path / "a.tflite")


def test_a_network_that_is_damaged(path, tmp_path):
    whole = bytearray(path.read_bytes())
    whole[8:4000] = bytes(3992)
    (tmp_path / "a.tflite").write_bytes(whole)
    with pytest.raises(ArtefactDamagedError, match=r"does not load.*export it again"):
        fused_ocr.load(tmp_path / "a.tflite")


def test_a_newer_file(path, tmp_path):
    newer = tmp_path / "a.tflite"
    with zipfile.ZipFile(path) as old:
        values = json.loads(old.read(DESCRIPTION))
        start = min(entry.header_offset for entry in old.infolist())
    newer.write_bytes(path.read_bytes()[:start])
    with zipfile.ZipFile(newer, "a") as archive:
        values["format_version"] = FORMAT_VERSION + 1
        archive.writestr(DESCRIPTION, json.dumps(values))
    with pytest.raises(ArtefactVersionError, match="Upgrade fused-ocr"):
        fused_ocr.load(newer)


def test_a_reader_is_shared_by_threads(path):
    lite = fused_ocr.load(path, threads=1)
    photos = [stand_ins.squares(65, 97, seed=i) for i in range(4)] * 8
    alone = [lite.predict(photo).texts for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda photo: lite.predict(photo).texts, photos)) == alone
    assert any(alone)


def test_threads(path):
    for wrong in (0, 1.5, "2"):
        with pytest.raises(ConfigError, match=rf"at least 1\. Received: {wrong!r}"):
            fused_ocr.load(path, threads=wrong)
    with pytest.raises(ConfigError, match=r"threads is for \.tflite files"):
        fused_ocr.load("digits", threads=2)


def test_without_litert(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(MissingDependencyError, match=r"fused-ocr\[lite\]"):
        fused_ocr.load(path)
