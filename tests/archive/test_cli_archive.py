"""`tag` and `find` as people use them; whole jobs are in test_tagging.py."""

import json
import os

import pytest
from click.testing import CliRunner
from PIL import Image
from stand_in_archive import ColourModel, write_photos

from fused_ocr.archive import model as archive_model
from fused_ocr.archive.flow import Done
from fused_ocr.archive.index import open_index
from fused_ocr.archive.reading import ArchiveReader
from fused_ocr.archive.rows import part_of
from fused_ocr.cli import main


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The commands, with the stand-in's reader in this process instead of in Ray's."""
    from fused_ocr.archive import tagging

    class Here:
        def __init__(self, load, options, **_):
            self.reader = ArchiveReader(load(), **options)

        def read(self, chunks):
            for chunk in chunks:
                rows = self.reader.read(chunk.to_pylist())
                errors = sum("error" in row for row in rows)
                number = chunk["chunk"][0].as_py()
                yield Done(number, part_of(rows), len(chunk), errors, "node:1")

    class Nothing:
        def __init__(self, *_):
            pass

        def __enter__(self):
            pass

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(tagging, "Flow", Here)
    monkeypatch.setattr(tagging, "joined", Nothing)
    monkeypatch.setattr(
        archive_model.ArchiveModel,
        "of",
        lambda name: ColourModel(name=name, digest=name),
    )
    monkeypatch.chdir(tmp_path)
    return lambda *a: CliRunner().invoke(main, [str(one) for one in a])


def width_of(path):
    with Image.open(path) as picture:
        return picture.width


def test_tag_and_find(run, tmp_path):
    write_photos(tmp_path / "photos", 40)
    result = run("tag", "photos", "--out", "index")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "index: 40 photos read, 40 in the index; 1 workers on 1 nodes\n"
    )
    result = run("find", "049", "--index", "index", "--sheet", "sheet.png")
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path}/photos/00007.png: 049  (20%)\n"
    assert width_of("sheet.png") == 224 + 12
    result = run("find", "--like", "04?", "--index", "index", "--json", "--limit", 1)
    (hit,) = map(json.loads, result.stdout.splitlines())
    assert (hit["reading"], hit["size_yx"]) == ("042", [12, 16])
    result = run("find", "999", "--index", "index")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "Nothing was found.\n"


def test_tag_goes_on(run, tmp_path):
    write_photos(tmp_path / "photos", 20)
    run("tag", "photos", "--out", "index")
    write_photos(tmp_path / "photos", 22)
    result = run("tag", "photos", "--out", "index")
    assert result.stdout.startswith("index: 2 photos read, 22 in the index")
    result = run("tag", "photos", "--out", "index")
    assert result.stdout == "index: nothing left to read, 22 in the index\n"


def test_what_cannot_be_read_is_told_and_loses_nothing(run, tmp_path):
    write_photos(tmp_path / "photos", 3)
    odd = tmp_path / "photos" / "a\nb.png"
    odd.write_bytes(b"")
    result = run("tag", "photos", "gone\x1b.jpg", "--out", "index")
    assert result.exit_code == 1
    assert "Skipped: gone\\x1b.jpg: No such file or directory\n" in result.stderr
    assert "1 of 4 photos could not be read (--retry-errors); 1 pl" in result.stderr
    assert "4 in the index" in result.stdout
    result = run("tag", "photos", "--out", "index")
    assert result.exit_code == 1 and "nothing left to read" in result.stdout
    assert f"Not read: {tmp_path}/photos/a\\nb.png: empty" in result.stderr
    assert "1 of 4 photos could not be read (--retry-errors)" in result.stderr
    odd.unlink()
    write_photos(tmp_path, 1)
    os.rename(tmp_path / "00000.png", odd)
    result = run("tag", "photos", "--out", "index", "--retry-errors")
    assert result.exit_code == 0
    result = run("find", "000", "--index", "index")
    assert f"{tmp_path}/photos/a\\nb.png: 000" in result.stdout


def test_another_model_is_refused(run, tmp_path):
    write_photos(tmp_path / "photos", 2)
    run("tag", "photos", "--out", "index")
    result = run("tag", "photos", "--out", "index", "--model", "plates")
    assert result.exit_code == 1
    assert "was made otherwise: model 'digits', now 'plates'" in result.stderr
    result = run("tag", "photos", "-o", "index", "-m", "plates", "--restart")
    assert result.exit_code == 0
    assert open_index("index").manifest["settings"]["model"] == "plates"


def test_photos_that_are_gone_are_not_on_the_sheet(run, tmp_path):
    write_photos(tmp_path / "photos", 2)
    run("tag", "photos", "--out", "index")
    (tmp_path / "photos" / "00001.png").unlink()
    result = run("find", "--like", "*", "--index", "index", "--sheet", "s.png")
    assert result.exit_code == 1
    assert f"Missing: {tmp_path}/photos/00001.png: cannot be opened" in result.stderr
    assert width_of("s.png") == 224 + 12


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("tag", "empty", "--out", "i"), 2, "No photos in empty."),
        (("tag", "photos", "--out", "photos"), 1, "is not empty and no index"),
        (("tag", "photos", "--out", "photos/00000.png"), 2, "is a file"),
        (("tag", "photos", "--out", "/proc/i"), 1, "/proc/i"),
        (("find", "1", "--index", "photos"), 1, "is no index"),
        (("find", "--index", "photos"), 1, "is no index"),
        (("find", "1", "--index", "gone"), 1, "is no index"),
        (("tag", "photos"), 2, "--out"),
    ],
)
def test_misuse(run, tmp_path, arguments, code, message):
    write_photos(tmp_path / "photos", 1)
    (tmp_path / "empty").mkdir()
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_nothing_to_look_for(run, tmp_path):
    write_photos(tmp_path / "photos", 1)
    run("tag", "photos", "--out", "index")
    result = run("find", "--index", "index")
    assert result.exit_code == 2 and "Nothing to look for" in result.stderr
