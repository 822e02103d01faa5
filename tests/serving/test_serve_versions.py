"""Which versions are taken, and what is said of the others."""

import json
import os
import shutil

import numpy as np
import pytest

from fused_ocr.artefact import DESCRIPTION, EXTRA, FORMAT_VERSION
from fused_ocr.errors import ArtefactDamagedError, ArtefactError, ConfigError
from fused_ocr.serving.loading import LoadedModel, NewestVersion
from fused_ocr.serving.versions import (
    ServedModel,
    find_models,
    problem_of,
    versions_of,
)


def published(home, version, shards=1, format_version=FORMAT_VERSION):
    """A folder with the files of a version, which nothing has to load."""
    folder = home / str(version)
    (folder / "variables").mkdir(parents=True)
    (folder / EXTRA).mkdir()
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    for i in range(shards):
        name = f"variables.data-{i:05}-of-{shards:05}"
        (folder / "variables" / name).write_bytes(b"weights")
    says = {"format_version": format_version}
    (folder / EXTRA / DESCRIPTION).write_text(json.dumps(says))
    return folder


def test_whole_versions_are_found_by_number(tmp_path):
    for version in (9, 10, 2):
        published(tmp_path, version)
    for other in ("01", "v3", ".export-a", "4x", "-1"):
        published(tmp_path, other)
    (tmp_path / "11").write_text("a file")
    assert versions_of(tmp_path) == (
        {version: tmp_path / str(version) for version in (2, 9, 10)},
        {},
    )


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("saved_model.pb", "not whole: it has no saved_model.pb"),
        ("variables/variables.index", "not whole: it has no variables/variables.index"),
        (
            "variables/variables.data-00001-of-00002",
            "no variables/variables.data-00001-of-00002",
        ),
        (f"{EXTRA}/{DESCRIPTION}", "another library"),
    ],
)
def test_what_is_missing_is_said(tmp_path, gone, said):
    folder = published(tmp_path / "m", 1, shards=2)
    assert problem_of(folder) == ""
    (folder / gone).unlink()
    assert said in problem_of(folder)
    with pytest.raises(ArtefactError, match="no version that can be served"):
        find_models(str(tmp_path / "m"))


def test_newer_formats_are_refused(tmp_path):
    folder = published(tmp_path, 1, format_version=FORMAT_VERSION + 1)
    assert "Upgrade fused-ocr" in problem_of(folder)


def test_a_half_written_version_beside_a_whole_one_is_a_warning(tmp_path):
    published(tmp_path / "m", 1)
    (published(tmp_path / "m", 2) / "saved_model.pb").unlink()
    models, warnings = find_models(str(tmp_path / "m"))
    assert models == (ServedModel("m", str(tmp_path / "m"), None),)
    (warning,) = warnings
    assert str(tmp_path / "m" / "2") in warning and "not served" in warning


def test_what_a_path_means(tmp_path, monkeypatch):
    published(tmp_path / "d" / "a", 1)
    folder = published(tmp_path / "d" / "b", 7)
    (tmp_path / "d" / "models.config").touch()
    (tmp_path / "d" / "empty").mkdir()
    several, _ = find_models(str(tmp_path / "d"))
    assert [(one.name, one.version) for one in several] == [("a", None), ("b", None)]
    # A version's own folder is that version, under the name of its model.
    assert find_models(str(folder))[0] == (ServedModel("b", str(folder), 7),)
    (named,), _ = find_models(str(folder), "other")
    assert named.name == "other"
    assert find_models("digits")[0] == (ServedModel("digits", "digits", 1),)
    monkeypatch.chdir(tmp_path / "d" / "b")
    (here,), _ = find_models(".")
    assert (here.name, here.path) == ("b", str(tmp_path / "d" / "b"))


def test_paths_that_are_refused(tmp_path):
    published(tmp_path / "d" / "a", 1)
    published(tmp_path / "d" / "b", 1)
    with pytest.raises(ConfigError, match="has 2: a, b"):
        find_models(str(tmp_path / "d"), "name")
    published(tmp_path / "a b", 1)
    with pytest.raises(ConfigError, match="'a b'"):
        find_models(str(tmp_path / "a b"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtefactError, match="no version of a model"):
        find_models(str(tmp_path / "empty"))
    with pytest.raises(ArtefactError, match="neither a shipped model"):
        find_models(str(tmp_path / "gone"))
    (tmp_path / "a.keras").write_bytes(b"nothing")
    with pytest.raises(ArtefactError, match=r"no \.keras file"):
        find_models(str(tmp_path / "a.keras"))


class Runtime:
    """Answers with its version's number; fails if `broken` is there."""

    def __init__(self, path, threads):
        if (path / "does-not-load").exists():
            raise ArtefactDamagedError("it does not load")
        self.path, self.batches = path, []

    def run(self, images, sizes=None):
        if (self.path / "does-not-read").exists():
            raise RuntimeError("no such\nop")
        self.batches.append((images.shape, None if sizes is None else sizes.tolist()))
        count = len(images)
        highest = images.reshape(count, -1).max(1)
        return {
            "codes": np.full((count, 2, 3), 65, np.int32),
            "score": highest[:, None].repeat(2, 1) * np.float32(0.5),
            "count": np.ones(count, np.int32),
            "text": np.full((count, 2), b"AAA"),
        }


def newest(home):
    return NewestVersion(ServedModel("m", str(home), None), 2, opened=Runtime)


def test_a_new_version_is_served_when_it_rests(tmp_path):
    published(tmp_path, 1)
    model = newest(tmp_path)
    first = model.current
    assert (first.version, model.look()) == (1, False)
    folder = published(tmp_path / ".aside", 2)
    assert not model.look()
    os.rename(folder, tmp_path / "2")
    assert not model.look()  # it may be half a copy
    (tmp_path / "2" / "variables" / "more").touch()
    assert not model.look()  # it was
    assert model.look() and model.current.version == 2
    assert first.version == 1  # who has it reads on
    assert model.states == {1: ("END", ""), 2: ("AVAILABLE", "")}
    assert not model.look()


def test_taking_a_version_back(tmp_path):
    for version in (1, 2):
        published(tmp_path, version)
    model = newest(tmp_path)
    model.look()
    shutil.rmtree(tmp_path / "2")
    assert model.look() and model.current.version == 1
    shutil.rmtree(tmp_path / "1")
    assert not model.look() and model.current.version == 1  # better than none


@pytest.mark.parametrize(
    ("mark", "said"),
    [("does-not-load", "does not load"), ("does-not-read", "cannot read: no such op")],
)
def test_bad_versions_do_not_replace_good_ones(tmp_path, mark, said, caplog):
    published(tmp_path, 1)
    model = newest(tmp_path)
    (published(tmp_path, 2) / mark).touch()
    assert not model.look()
    assert not model.look() and said in caplog.text
    assert model.current.version == 1
    state, error = model.states[2]
    assert state == "END" and said in error
    caplog.clear()
    assert not model.look() and not caplog.text  # it is tried once, not for ever
    (tmp_path / "2" / mark).unlink()
    assert not model.look()
    assert model.look() and model.current.version == 2


def test_at_the_start_an_older_version_stands_in(tmp_path):
    published(tmp_path, 1)
    (published(tmp_path, 2) / "does-not-load").touch()
    assert newest(tmp_path).current.version == 1
    (tmp_path / "1" / "does-not-load").touch()
    with pytest.raises(ArtefactDamagedError, match="does not load"):
        newest(tmp_path)


def test_photos_are_read_together(tmp_path):
    runtime = Runtime(tmp_path, None)
    model = LoadedModel(runtime, 1, batch_size=1)
    assert model.shapes == {
        "codes": ("int32", (2, 3)),
        "score": ("float32", (2,)),
        "count": ("int32", ()),
    }
    runtime.batches.clear()
    photos = [np.full((h, w, 3), v, np.uint8) for h, w, v in [(5, 3, 9), (4, 7, 8)]]
    found = model.read(photos)
    assert [one["score"][0] for one in found] == [4.5, 4.0]
    assert runtime.batches == [((2, 5, 7, 3), [[5, 3], [4, 7]])]
    runtime.batches.clear()
    model.read([photos[0]] * 3)
    assert runtime.batches == [((3, 5, 3, 3), None)]
    # Padded to one size, these would take 2 x 7000 x 7000 pixels.
    runtime.batches.clear()
    model.read([np.zeros((7000, 1, 3), np.uint8), np.zeros((1, 7000, 3), np.uint8)])
    assert [shape for shape, _ in runtime.batches] == [(1, 7000, 1, 3), (1, 1, 7000, 3)]
