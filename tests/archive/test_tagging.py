"""Whole jobs: every photo is in the index once, whatever is killed."""

import gc
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pytest
from stand_in_archive import ColourModel, text_of, write_photos

from fused_ocr.archive.listing import list_photos
from fused_ocr.archive.tagging import TagSettings, tag
from fused_ocr.errors import ArchiveError

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray has no wheel for it"
    ),
    # Ray's own, in its client and where it closes its logs.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PHOTOS = 160
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    paths = write_photos(folder, PHOTOS)
    (folder / "broken.jpg").write_bytes(b"no photo")
    return folder, paths


@pytest.fixture(scope="module")
def cluster():
    """A cluster of two nodes on this machine, that the jobs of this module join."""
    patch = pytest.MonkeyPatch()
    for name in ("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "RAY_USAGE_STATS_ENABLED"):
        patch.setenv(name, "0")
    patch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
    from ray.cluster_utils import Cluster

    nodes = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": 80_000_000},
    )
    nodes.add_node(num_cpus=1, object_store_memory=80_000_000)
    yield nodes.address
    nodes.shutdown()
    patch.undo()
    gc.collect()  # files that Ray left open are told of here, not in others' tests


def run(photos, out, model=None, **settings):
    listing = list_photos([str(photos)])
    steps = tag(listing, out, model or ColourModel(), TagSettings(**settings))
    return list(steps)[-1]


def check(out, paths, lost=()):
    """Every photo once, with what is in it; the broken one with its error."""
    rows = duckdb.sql(
        f"SELECT photo, reading, error FROM '{out}/parts/*.parquet' ORDER BY photo"
    ).fetchall()
    assert len(rows) == len(paths) + 1
    (broken,) = [row for row in rows if row[0].endswith("broken.jpg")]
    assert broken[1] is None and "not an image" in broken[2]
    good = [row for row in rows if row is not broken]
    assert [row[0] for row in good] == paths
    for i, (_, reading, error) in enumerate(good):
        if text_of(i) in lost:
            assert reading is None and "ended its worker" in error
        else:
            assert (reading, error) == (text_of(i), None)


def test_work_spreads_over_nodes_and_killed_workers_lose_nothing(
    photos, cluster, tmp_path
):
    folder, paths = photos
    marks = tmp_path / "marks"
    marks.mkdir()
    for number in (40, 90):  # the workers that meet these are killed, once
        (marks / f"once-{text_of(number)}").touch()
    model = ColourModel(seconds=0.02, marks=str(marks))
    progress = run(folder, tmp_path / "i", model, ray_address=cluster, workers=2)
    check(tmp_path / "i", paths)
    assert list(marks.iterdir()) == []
    assert (progress.read, progress.errors) == (PHOTOS + 1, 1)
    assert sum(progress.workers.values()) == PHOTOS + 1
    assert len({worker.split(":")[0] for worker in progress.workers}) == 2
    # There is nothing left to do, so that Ray is not even needed.
    again = run(folder, tmp_path / "i", ray_address="nowhere:1")
    assert (again.photos, again.before, again.read) == (0, PHOTOS + 1, 0)


def test_a_photo_that_kills_its_worker_is_an_error(photos, cluster, tmp_path):
    folder, paths = photos
    (tmp_path / f"kill-{text_of(20)}").touch()
    model = ColourModel(marks=str(tmp_path))
    progress = run(folder, tmp_path / "i", model, ray_address=cluster, workers=2)
    assert progress.errors == 2
    check(tmp_path / "i", paths, lost={text_of(20)})
    (tmp_path / f"kill-{text_of(20)}").unlink()
    run(folder, tmp_path / "i", ray_address=cluster, workers=2, retry_errors=True)
    check(tmp_path / "i", paths)


class Unloadable(ColourModel):
    def load(self):
        raise ArchiveError("no such model here")


def test_a_model_that_does_not_load_is_told_in_one_line(photos, cluster, tmp_path):
    with pytest.raises(ArchiveError, match=r"no such model here"):
        run(photos[0], tmp_path / "i", Unloadable(), ray_address=cluster, workers=1)


def left_of(job, seconds=60):
    """What a job started and has not ended after so many seconds: commands."""
    end = time.monotonic() + seconds
    while (left := commands_with(f"JOB={job}")) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def commands_with(variable):
    """Commands that have this in their environment, whoever their parent is now."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if variable in (process / "environ").read_text(errors="replace").split(
                "\0"
            ):
                found.append((process.name, (process / "cmdline").read_text()))
        except OSError:
            continue
    return found


@pytest.fixture
def temporary():
    """A folder whose path is short enough for sockets; killed jobs leave theirs."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield folder


def start(folder, out, name, temporary):
    return subprocess.Popen(
        [sys.executable, HERE / "job.py", folder, out],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "JOB": name, "PYTHONPATH": str(HERE), "TMPDIR": temporary},
    )


def test_a_job_that_is_killed_goes_on(photos, temporary, tmp_path):
    folder, paths = photos
    out = tmp_path / "i"
    with start(folder, out, "killed", temporary) as job:
        counts = [int(job.stdout.readline()) for _ in range(3)]  # 0, and two chunks
        job.kill()
    # At once the next one starts: what Ray left of the first does not disturb it.
    parts = list((out / "parts").glob("*.parquet"))
    assert 0 < counts[-1] < PHOTOS and parts
    kept = {part: part.stat().st_mtime_ns for part in parts}
    with start(folder, out, "interrupted", temporary) as job:
        assert job.stdout.readline() == "0\n"
        assert int(job.stdout.readline()) > 0
        job.send_signal(signal.SIGINT)
    assert job.returncode != 0 and left_of("interrupted") == []
    with start(folder, out, "last", temporary) as job:
        *_, last = job.communicate()[0].split()
    assert job.returncode == 0 and left_of("last") == []
    assert int(last) < PHOTOS + 1 - counts[-1]
    assert {part: part.stat().st_mtime_ns for part in parts} == kept
    check(out, paths)
