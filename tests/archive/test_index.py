"""The folder of an index: each photo in one chunk, each chunk with one part."""

import multiprocessing
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fused_ocr.archive.index import open_index, writing_index
from fused_ocr.archive.listing import source_schema
from fused_ocr.archive.rows import error_row, part_of
from fused_ocr.errors import ArchiveError

SETTINGS = {"model": "m", "digest": "d", "min_score": 0.0}


def sources(*names):
    rows = [{"photo": name} for name in names]
    return pa.Table.from_pylist(rows, source_schema())


def chunks_of(index, **options):
    found = index.chunks_to_read(**options)
    return {table["chunk"][0].as_py(): table["photo"].to_pylist() for table in found}


def test_chunks_stay_what_they_are(tmp_path):
    with writing_index(tmp_path / "i", SETTINGS) as index:
        assert index.add(sources("b", "d", "f"), 2) == 3
        assert chunks_of(index) == {0: ["b", "d"], 1: ["f"]}
        index.write_part(0, part_of([error_row("b", "no"), {"photo": "d"}]))
    with writing_index(tmp_path / "i", SETTINGS) as index:
        # New photos go behind, whatever their names and the size of a chunk now.
        assert index.add(sources("a", "b", "c", "d", "e", "f"), 5) == 3
        assert chunks_of(index) == {1: ["f"], 2: ["a", "c", "e"]}
        assert chunks_of(index, retry_errors=True)[0] == ["b", "d"]
        assert index.add(sources("a", "b"), 5) == 0
        assert index.plan()["photo"].to_pylist() == ["b", "d", "f", "a", "c", "e"]


def test_a_part_that_is_written_twice_is_there_once(tmp_path):
    with writing_index(tmp_path / "i", SETTINGS) as index:
        index.add(sources("a"), 1)
        for reason in ("first", "second"):
            index.write_part(0, part_of([error_row("a", reason)]))
        (part,) = index.parts()
        assert pq.read_table(part)["error"].to_pylist() == ["second"]
        assert sorted(os.listdir(part.parent)) == [part.name]


def test_what_a_killed_job_left_unfinished_is_no_part(tmp_path):
    with writing_index(tmp_path / "i", SETTINGS) as index:
        index.add(sources("a"), 1)
    left = tmp_path / "i" / "parts" / "part-000000000.parquet.unfinished"
    left.write_bytes(b"half")
    with writing_index(tmp_path / "i", SETTINGS) as index:
        assert index.parts() == [] and chunks_of(index) == {0: ["a"]}
        assert not left.exists()


def test_an_index_whose_making_was_cut_short_is_made_again(tmp_path, monkeypatch):
    def full(self, *_):
        Path.write_bytes(self, b"{")  # half of it
        raise OSError("no space left")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="no space"):
        patched.setattr(Path, "write_text", full)
        with writing_index(tmp_path / "i", SETTINGS):
            pass
    assert os.listdir(tmp_path / "i") == ["lock"]
    # Killed there, nothing is tidied.
    (tmp_path / "i" / "manifest.json.unfinished").write_text("{")
    with writing_index(tmp_path / "i", SETTINGS) as index:
        assert chunks_of(index) == {}
    assert sorted(os.listdir(tmp_path / "i")) == [
        "lock", "manifest.json", "parts", "plan",
    ]  # fmt: skip


def test_other_settings_are_refused_unless_all_is_read_again(tmp_path):
    with writing_index(tmp_path / "i", SETTINGS) as index:
        index.add(sources("a"), 1)
        index.write_part(0, part_of([{"photo": "a"}]))
    # Another path of the same bytes is the same model.
    with writing_index(tmp_path / "i", {**SETTINGS, "model": "copy"}) as index:
        assert chunks_of(index) == {}
    other = {**SETTINGS, "min_score": 0.5}
    with (
        pytest.raises(ArchiveError, match=r"min_score 0\.0, now 0\.5.*--restart"),
        writing_index(tmp_path / "i", other),
    ):
        pass
    with writing_index(tmp_path / "i", other, restart=True) as index:
        assert index.parts() == [] and index.plan().num_rows == 0


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    for restart in (False, True):
        with (
            pytest.raises(ArchiveError, match=r"not empty and no index.*letter\.txt"),
            writing_index(tmp_path, SETTINGS, restart=restart),
        ):
            pass
    assert os.listdir(tmp_path) == ["letter.txt"]
    with (
        pytest.raises(ArchiveError, match="is a file"),
        writing_index(tmp_path / "letter.txt", SETTINGS),
    ):
        pass


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (None, "is no index"),
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"fused_ocr_index": 99, "settings": {}}', "format 99"),
    ],
)
def test_what_is_no_index_is_not_opened(tmp_path, text, match):
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ArchiveError, match=match):
        open_index(tmp_path)


def hold(folder, ready, end):
    with writing_index(folder, SETTINGS):
        ready.set()
        end.wait(60)


def test_two_jobs_do_not_write_one_index(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    job = context.Process(target=hold, args=(tmp_path / "i", ready, end))
    job.start()
    try:
        assert ready.wait(60)
        with (
            pytest.raises(ArchiveError, match=f"Another job.*process {job.pid} on"),
            writing_index(tmp_path / "i", SETTINGS, restart=True),
        ):
            pass
        job.kill()  # nothing is left locked by what was killed
        job.join(60)
        with writing_index(tmp_path / "i", SETTINGS) as index:
            assert index.parts() == []
    finally:
        job.kill()
        job.join(60)
