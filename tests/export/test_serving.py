"""A version for TF Serving: whole or not there, and never over another one."""

import os
import shutil
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import stand_ins
import tensorflow as tf
from click.testing import CliRunner
from tensorflow.core.protobuf import saved_model_pb2

import fused_ocr
from fused_ocr.cli import main
from fused_ocr.errors import ArtefactError, CheckFailedError, ConfigError
from fused_ocr.export import serving
from fused_ocr.export.parity import ParityReport
from fused_ocr.export.serving import ServerSettings, export_serving, versions
from fused_ocr.export.warmup import WARMUP_FILE


@pytest.fixture(scope="module")
def model():
    return stand_ins.reader_model()


@pytest.fixture
def quick(monkeypatch, served):
    """Exports that copy version 1 of `served` instead of tracing a graph again."""

    def copy(model, made, **_):
        shutil.copytree(served / "squares" / "1", made)
        return ParityReport(1, 1, 0, 0.0, (), frozenset())

    monkeypatch.setattr(serving, "export_saved_model", copy)
    monkeypatch.setattr(serving, "replay", lambda _: 0)


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def test_what_a_server_finds(served):
    assert names(served) == [
        "batching.config", "docker-compose.yml", "models.config", "squares",
    ]  # fmt: skip
    assert names(served / "squares") == ["1"]
    version = served / "squares" / "1"
    signatures = tf.saved_model.load(str(version)).signatures
    assert {"serving_default", "serving_bytes"} <= set(signatures)
    assert (version / WARMUP_FILE).stat().st_size > 0
    # The server is another user, who may enter what mkdtemp made for us alone.
    there = stat.S_IMODE(version.stat().st_mode)
    assert there == stat.S_IMODE((version / "variables").stat().st_mode)
    reader = fused_ocr.load(version)
    assert reader.card == "# The card"
    assert len(reader.predict(stand_ins.squares(131, 197))) >= 2


def test_no_operator_of_python(served):
    saved = saved_model_pb2.SavedModel.FromString(
        (served / "squares" / "1" / "saved_model.pb").read_bytes()
    )
    (meta,) = saved.meta_graphs
    functions = (node for f in meta.graph_def.library.function for node in f.node_def)
    used = {node.op for node in (*meta.graph_def.node, *functions)}
    assert {"DecodeImage", "Conv2D", "UnicodeEncode"} <= used
    assert not {op for op in used if "PyFunc" in op or "Numpy" in op}


def test_versions_are_numbered_on_and_stay(quick, model, served, tmp_path):
    made = [export_serving(model, tmp_path, "squares").folder.name for _ in range(2)]
    made.append(export_serving(model, tmp_path, "squares", version=9).folder.name)
    (tmp_path / "squares" / "9" / "variables" / "mine").touch()
    made.append(export_serving(model, tmp_path, "squares").folder.name)
    assert made == ["1", "2", "9", "10"]
    assert versions(tmp_path / "squares") == [1, 2, 9, 10]
    assert (tmp_path / "squares" / "9" / "variables" / "mine").exists()
    # An earlier removal was killed.
    (tmp_path / "squares" / ".removed-1" / "half").mkdir(parents=True)
    kept = export_serving(
        model, tmp_path, "squares", server=ServerSettings(keep=2)
    )  # fmt: skip
    assert kept.removed == (1, 2, 9)
    assert names(tmp_path / "squares") == ["10", "11"]


def test_another_export_takes_the_number(quick, model, tmp_path, monkeypatch):
    copy = serving.export_saved_model

    def meanwhile(model, made, **_):
        report = copy(model, made)
        shutil.copytree(made, tmp_path / "squares" / "1", dirs_exist_ok=True)
        return report

    monkeypatch.setattr(serving, "export_saved_model", meanwhile)
    assert export_serving(model, tmp_path, "squares").folder.name == "2"
    shutil.rmtree(tmp_path / "squares" / "1")
    with pytest.raises(ArtefactError, match=r"Version 1 is in .* already"):
        export_serving(model, tmp_path, "squares", version=1)
    assert names(tmp_path / "squares") == ["1", "2"]


@pytest.mark.parametrize(
    "name", ["a/b", "../up", "", ".hidden", "-v", "a b", 'a"b', "a:1", "ä", "x" * 101]
)
def test_names_that_cannot_be(model, tmp_path, name):
    with pytest.raises(ConfigError, match="A model's name is letters"):
        export_serving(model, tmp_path / "new", name)
    assert not (tmp_path / "new").exists()


def test_what_is_there_is_not_replaced(model, served, tmp_path):
    (tmp_path / "notes" / "1").mkdir(parents=True)
    (tmp_path / "notes" / "readme.txt").touch()
    (tmp_path / "other" / "7").mkdir(parents=True)
    (tmp_path / "file").touch()
    for folder, name, version, said in (
        (served, "squares", 1, "Leave --version out for 2"),
        (served, "squares", -1, "from 0 to"),
        (tmp_path, "notes", None, "which is no version|was not made by"),
        (tmp_path, "other", None, "was not made by `fused-ocr export`"),
        (tmp_path, "file", None, "is no folder of versions"),
        (tmp_path / "file", "new", None, "cannot be written|no folder of versions"),
        (tmp_path / "file" / "deep", "new", None, "cannot be written"),
    ):
        with pytest.raises((ArtefactError, ConfigError), match=said):
            export_serving(model, folder, name, version=version)
    assert names(tmp_path) == ["file", "notes", "other"]
    assert names(served / "squares") == ["1"]


def test_a_version_that_would_not_load_is_not_published(
    quick, model, tmp_path, monkeypatch
):
    def fails(saved):
        raise CheckFailedError("Warm-up request 1 is not answered")

    monkeypatch.setattr(serving, "replay", fails)
    with pytest.raises(CheckFailedError, match="Warm-up"):
        export_serving(model, tmp_path, "squares")
    assert names(tmp_path / "squares") == []
    assert names(tmp_path) == ["squares"]


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
import stand_ins
from fused_ocr.export import serving
from fused_ocr.export.check_photos import CheckPhoto
from fused_ocr.export.parity import ParityReport

source, folder = map(Path, sys.argv[1:])
model, photo = stand_ins.reader_model(), stand_ins.squares(23, 31)

def copy(model, made, **_):
    global left
    if at == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    shutil.copytree(source, made)
    left = at - 1  # of what is done from here on
    return ParityReport(1, 1, 0, 0.0, (), frozenset())

serving.export_saved_model = copy
serving.replay = lambda _: 0
serving.drawn_photos = lambda _: []
server = serving.ServerSettings(batch_sizes=(1,))
WATCHED = ("open", "os.", "shutil.")
at, left = 0, None

def hook(event, arguments):
    global left
    if left and event.startswith(WATCHED) and str(folder) in str(arguments):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(hook)
while True:
    at += 1
    into = folder / f"killed at {at}"
    shutil.copytree(source, into / "squares" / "1")
    child = os.fork()
    if not child:
        photos = [CheckPhoto("", photo)]
        serving.export_serving(model, into, "squares", server=server, photos=photos)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(at)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_killed_at_any_moment(served, tmp_path):
    """A child for each thing that is done to files, killed just before it."""
    source = served / "squares" / "1"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), source, tmp_path],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(stand_ins.__file__).parent)},
    )  # fmt: skip
    folders = list(tmp_path.iterdir())
    assert len(folders) == int(done.stdout) > 15
    published = 0
    whole = {p.relative_to(source) for p in source.rglob("*")}
    for folder in folders:
        seen = [one for one in names(folder / "squares") if one[0] != "."]
        assert seen in (["1"], ["1", "2"]), folder
        published += len(seen) - 1
        for version in seen:
            place = folder / "squares" / version
            assert {p.relative_to(place) for p in place.rglob("*")} == whole
            for path in ("saved_model.pb", "variables/variables.index"):
                assert (place / path).read_bytes() == (source / path).read_bytes()
        for config in folder.glob("[!.]*.config"):
            assert config.read_text().rstrip()[-1] in "}1"
    assert 1 < published < len(folders)


def test_the_command(quick, served, tmp_path, monkeypatch):
    monkeypatch.setattr("fused_ocr.cli_export._load", lambda name: (name, "card"))
    given = {}

    def export(model, folder, name, **options):
        given.update(options, model=model, name=name, folder=folder)
        return serving.ServingVersion(
            Path(folder, name, "4"), "alike", 12, (Path("models.config"),), (2, 3)
        )

    monkeypatch.setattr(serving, "export_serving", export)
    done = CliRunner().invoke(
        main,
        ["export", "serving", "deep/mine.keras", "out", "--batch-sizes", "1,4",
         "--cores", "8", "--keep", "2", "--version", "4"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert (given["name"], given["version"], given["card"]) == ("mine", 4, "card")
    assert given["server"] == ServerSettings(batch_sizes=(1, 4), cores=8, keep=2)
    assert done.stdout.splitlines() == [
        "out/mine/4: alike; 12 warm-up requests",
        "models.config: written", "out/mine/2: removed", "out/mine/3: removed",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--batch-sizes", "a"], "Numbers of photos"),
        (["--batch-sizes", "1;2"], "Numbers of photos"),
        (["--keep", "1"], "keep"),
        (["--version", "-1"], "version"),
        (["--cores", "0"], "cores"),
    ],
)
def test_misuse(options, said):
    done = CliRunner().invoke(main, ["export", "serving", "digits", "out", *options])
    assert done.exit_code == 2, done.output
    assert said in done.output
