"""`fused-ocr tag` against a loop over `predict`, and `stream`; memory; nodes; cost.

    python benchmarks/archive.py [--photos 2000] [--memory 200 --memory 2000] \
        [--model digits --model plates.tflite] [--no-cluster] [--megapixels 12]

Photos are the sample photos in several sizes and JPEG qualities, under other names: 0.5
megapixels on average. `--megapixels` makes them as large as a camera's. The loop reads
one photo after another with all processors; `stream` reads batches while threads decode
the next. Times are whole commands, with the start of Python, the model and Ray. Memory
is the largest sum over all processes of a job, what they share counted once (PSS),
looked at every few seconds. Readings of all runs are compared. Run it on a machine that
does nothing else.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import click
from PIL import Image
from rich.progress import track

from fused_ocr.artefact import shipped_models

_LARGE = 200
"""Photos of one size that are different."""

_RARELY = 50
"""So many times as long as memory takes to measure it is left alone."""

SAMPLES = Path(__file__).parent.parent / "examples" / "photos"

LOOP = """
import json, sys, time
import fused_ocr
model = fused_ocr.load(sys.argv[1])
with open(sys.argv[2]) as file:
    photos = json.load(file)
started = time.perf_counter()
if sys.argv[3] == "loop":
    found = map(model.predict, photos)
else:
    found = model.stream(photos)
texts = {photo: readings.texts for photo, readings in zip(photos, found)}
print(json.dumps({"texts": texts, "seconds": time.perf_counter() - started}))
"""

TEXTS = """
SELECT photo, list(reading ORDER BY place) FILTER (reading IS NOT NULL),
       list(box ORDER BY place) FILTER (reading IS NOT NULL)
FROM read_parquet(?) GROUP BY photo
"""


@click.command()
@click.option("--photos", default=2000, show_default=True)
@click.option("--memory", multiple=True, type=int, default=(200, 2000))
@click.option(
    "--model",
    "models",
    multiple=True,
    default=shipped_models(),
    help="Shipped name or file, such as a .tflite.",
)
@click.option("--cluster/--no-cluster", default=True)
@click.option("--workers", type=int, help="Of `tag`.")
@click.option("--folder", help="For the photos; a temporary one if left out.")
@click.option("--megapixels", type=float, help="Of each photo, about.")
def main(
    photos: int,
    memory: tuple[int, ...],
    models: tuple[str, ...],
    *,
    cluster: bool,
    workers: int | None,
    folder: str | None,
    megapixels: float | None,
) -> None:
    """Print the tables."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(dir=folder) as place:
        made = make_photos(Path(place) / "photos", max(photos, *memory, 1), megapixels)
        rows, indexes, peaks = [], {}, []
        for model in models:
            out = Path(place) / Path(model).name
            seconds, rate, peak, _ = tagged(made[:photos], model, out, workers)
            indexes[model] = texts_of(out)
            rows.append((model, seconds, rate))
            peaks.append((photos, peak))
        first, seconds, _ = rows[0]
        loop, reading, texts = looped(made[:photos], first, Path(place), "loop")
        stream, alone, streamed = looped(made[:photos], first, Path(place), "stream")
        same = sum(texts[p] == indexes[first][p][0] == streamed[p] for p in texts)
        print(f"| {photos} photos, {cores} cores, `{first}` | |\n|---|---|")
        print(f"| plain loop over `predict` | {loop:.1f} s ({reading:.1f} s reading) |")
        print(f"| `stream` in one process | {stream:.1f} s ({alone:.1f} s reading) |")
        print(f"| `fused-ocr tag` | {seconds:.1f} s |")
        print(f"| loop / tag | {loop / seconds:.2f} |")
        print(f"| photos with the same strings | {same} of {photos} |")
        for count in memory:
            if count != photos:
                out = Path(place) / f"memory-{count}"
                peaks.append((count, tagged(made[:count], first, out, workers)[2]))
        for count, peak in sorted(peaks[:1] + peaks[len(models) :]):
            print(f"| memory of all processes, {count} photos | {peak / 1e6:.0f} MB |")
        if cluster:
            out = Path(place) / "cluster"
            spread = clustered(made[:photos], first, out)
            found = texts_of(out)
            identical = sum(found[p] == indexes[first][p] for p in found)
            print(f"| two nodes of one processor | {spread} |")
            print(f"| photos with identical rows | {identical} of {photos} |")
        print(
            "\n| | photos per core-hour | per core-day | a million in a night of 8 h |"
        )
        print("|---|---|---|---|")
        for model, _, rate in rows:
            hour = rate * 3600 / (workers or cores)
            need = math.ceil(1e6 / (8 * hour))
            print(f"| `{model}` | {hour:,.0f} | {24 * hour:,.0f} | {need} cores |")


def make_photos(folder: Path, count: int, megapixels: float | None) -> list[str]:
    """Sample photos in sizes of 0.75 to 1.5, or all of one size, under other names.

    Those of one size are large and would fill the disk: each has several names.
    """
    folder.mkdir()
    samples = [Image.open(p).convert("RGB") for p in sorted(SAMPLES.rglob("*.jpg"))]
    rng = random.Random(0)
    paths: list[str] = []
    for number, sample in track(
        zip(range(count), itertools.cycle(samples)), "photos", count, transient=True
    ):
        path = folder / f"photo {number:06}.jpg"
        if megapixels and number >= _LARGE:
            os.link(paths[number - _LARGE], path)
            paths.append(str(path))
            continue
        scale, quality = rng.choice((0.75, 1, 1.25, 1.5)), rng.choice((75, 85, 92))
        if megapixels:
            scale = math.sqrt(megapixels * 1e6 / (sample.width * sample.height))
        size = (round(sample.width * scale), round(sample.height * scale))
        sample.resize(size).save(path, quality=quality)
        paths.append(str(path))
    return paths


def tagged(
    photos: list[str], model: str, out: Path, workers: int | None, *more: str
) -> tuple[float, float, int, str]:
    """Seconds of the command, photos a second once it runs, bytes at most; its line."""
    command = ["fused-ocr", "tag", "--out", str(out), "--model", model, *more]
    command += ["--workers", str(workers)] if workers else []
    folder = out.with_name(f"{out.name} photos")
    folder.mkdir()
    for photo in photos:
        os.link(photo, folder / Path(photo).name)
    started = time.perf_counter()
    job = subprocess.Popen(
        [Path(sys.executable).with_name(command[0]), *command[1:], folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    peak = [0]
    watch = threading.Thread(target=watch_memory, args=(job, peak), daemon=True)
    watch.start()
    printed = job.communicate()[0]
    seconds = time.perf_counter() - started
    if job.returncode:
        raise click.ClickException(f"{' '.join(command)} failed: {printed}")
    return seconds, steady_rate(out), peak[0], printed.strip()


def steady_rate(out: Path) -> float:
    """Photos a second between the first and the last part."""
    import pyarrow.parquet as pq

    parts = sorted((out / "parts").glob("*.parquet"), key=lambda p: p.stat().st_mtime)
    photos = [len(set(pq.read_table(part)["photo"].to_pylist())) for part in parts]
    times = [part.stat().st_mtime for part in parts]
    return sum(photos[1:]) / (times[-1] - times[0])


def watch_memory(job: subprocess.Popen[str], peak: list[int]) -> None:
    """Keep the largest sum of the proportional memory of a process and all below it."""
    while job.poll() is None:
        started = time.perf_counter()
        parents: dict[int, int] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(stat.parent.name)] = int(fields[1])
        family = {job.pid}
        for _ in range(8):  # generations
            family |= {pid for pid, parent in parents.items() if parent in family}
        peak[0] = max(peak[0], sum(map(proportional, family)))
        # To count the pages of gigabytes takes a while: it must not slow what is timed.
        time.sleep(max(0.5, _RARELY * (time.perf_counter() - started)))


def proportional(pid: int) -> int:
    """Bytes of a process, shared ones divided among those who share them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def texts_of(out: Path) -> dict[str, Any]:
    """Strings and boxes of each photo, by its file's name."""
    import duckdb

    rows = duckdb.execute(TEXTS, [f"{out}/parts/*.parquet"]).fetchall()
    return {
        Path(photo).name: (texts or [], boxes or []) for photo, texts, boxes in rows
    }


def looped(
    photos: list[str], model: str, folder: Path, way: str
) -> tuple[float, float, dict[str, list[str]]]:
    """Seconds of the whole process and of reading alone; the strings."""
    names = folder / "photos.json"
    names.write_text(json.dumps(photos))
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", LOOP, model, str(names), way],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    seconds = time.perf_counter() - started
    found = json.loads(done.stdout)
    texts = {Path(photo).name: texts for photo, texts in found["texts"].items()}
    return seconds, found["seconds"], texts


def clustered(photos: list[str], model: str, out: Path) -> str:
    """Read with a head and a second node, each with processes of its own."""
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # loopback
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        nodes.add_node(num_cpus=1)
        address = ("--ray-address", nodes.address)
        return tagged(photos, model, out, 2, *address)[3].rpartition("; ")[2]
    finally:
        nodes.shutdown()


if __name__ == "__main__":
    main()
