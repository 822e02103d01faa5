"""The first request after a load, with and without warm-up; time by batch size.

    python benchmarks/serving.py [--folder served] [--batches] [--model plates ...]

Each load is a process of its own and does what TF Serving does: it loads the newest
version into a session, replays its warm-up requests (or not), and answers JPEGs through
`serving_bytes`. What is in no version yet is exported first.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np

from fused_ocr.artefact import find_artefact, shipped_models
from fused_ocr.export.server_files import BATCH_SIZES
from fused_ocr.export.serving import export_serving, versions
from fused_ocr.export.warmup import open_session, replay
from fused_ocr.runtimes import load_keras_model

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"
_LATER = 20
"""Requests whose median is taken."""


@click.command()
@click.option(
    "--model", "models", multiple=True, type=click.Choice(shipped_models()),
    default=shipped_models(),
)  # fmt: skip
@click.option("--folder", type=click.Path(path_type=Path), help="To export into.")
@click.option("--loads", default=5, show_default=True, help="Of each kind.")
@click.option("--batches", is_flag=True, help="Time by batch size instead.")
@click.option("--once", type=(Path, str, bool, int), hidden=True)
def main(
    models: tuple[str, ...],
    folder: Path | None,
    loads: int,
    once: tuple[Path, str, bool, int] | None,
    *,
    batches: bool,
) -> None:
    """Print the table."""
    if once:
        saved, name, warm, photos = once
        print(json.dumps(_one_load(saved, name, photos, warm=warm)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = folder or Path(temporary)
        newest = {name: _exported(name, folder) for name in models}
        rows = _batch_rows(newest) if batches else _load_rows(newest, loads)
        for row in rows:
            print(f"| {' | '.join(row)} |", flush=True)


def _exported(name: str, folder: Path) -> Path:
    if not versions(folder / name):
        model = load_keras_model(find_artefact(name))
        print(export_serving(model, folder, name), file=sys.stderr)
    return folder / name / str(versions(folder / name)[-1])


def _photos(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((PHOTOS / name).glob("*.jpg"))]


def _load_rows(newest: dict[str, Path], loads: int) -> Iterator[list[str]]:
    yield ["first request / median of later ones", "cold", "warmed up", "bar"]
    yield ["---"] * 4
    for (name, saved), photos in itertools.product(newest.items(), (1, 4)):
        cells, worst = [], 0.0
        for warm in (False, True):
            found = [
                _in_a_process(saved, name, photos, warm=warm) for _ in range(loads)
            ]
            ratios = [one["first"] / one["median"] for one in found]
            worst = max(ratios)
            first, median, load = (
                statistics.median(one[key] for one in found)
                for key in ("first", "median", "load")
            )
            times = f"{1000 * first:.0f} / {1000 * median:.0f} ms; load {load:.1f} s"
            ratio = statistics.median(ratios)
            cells.append(f"{ratio:.1f}, worst {worst:.1f} ({times})")
        bar = "at most 3" + (" (missed)" if worst > 3 else "")
        yield [f"`{name}`, {photos} JPEG{'s'[: photos > 1]}", *cells, bar]


def _in_a_process(
    saved: Path, name: str, photos: int, *, warm: bool
) -> dict[str, float]:
    command = [sys.executable, __file__, "--once", saved, name, warm, photos]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _one_load(saved: Path, name: str, photos: int, *, warm: bool) -> dict[str, float]:
    """Seconds of the load with its warm-up, the first request, later ones' median."""
    start = time.perf_counter()
    run = open_session(saved)
    if warm:
        replay(saved, run)
    load = time.perf_counter() - start
    files = itertools.cycle(_photos(name))
    spent = []
    for _ in range(1 + _LATER):
        batch = np.array(list(itertools.islice(files, photos)), object)
        start = time.perf_counter()
        run("serving_bytes", {"image_bytes": batch})
        spent.append(time.perf_counter() - start)
    return {"load": load, "first": spent[0], "median": statistics.median(spent[1:])}


def _batch_rows(newest: dict[str, Path]) -> Iterator[list[str]]:
    sizes = (*BATCH_SIZES, 8, 16)
    yield ["photos a request", *(f"`{name}`" for name in newest)]
    yield ["---"] * (1 + len(newest))
    runs = {name: open_session(saved) for name, saved in newest.items()}
    for size in sizes:
        cells = []
        for name, run in runs.items():
            batch = np.array((_photos(name) * size)[:size], object)
            spent = []
            for _ in range(2 + max(5, 40 // size)):
                start = time.perf_counter()
                run("serving_bytes", {"image_bytes": batch})
                spent.append(time.perf_counter() - start)
            median = statistics.median(spent[2:])
            cells.append(f"{1000 * median:.0f} ms, {1000 * median / size:.0f} a photo")
        yield [str(size), *cells]
    for threads, size in itertools.product((1, 2, 4), (1, 4)):
        cells = [
            f"{_throughput(run, _photos(name), threads, size):.1f} photos/s"
            for name, run in runs.items()
        ]
        yield [f"{size}, {threads} at a time", *cells]


def _throughput(run: Any, photos: list[bytes], threads: int, size: int) -> float:
    """Photos a second of so many threads that send requests one after another."""
    answered = [0] * threads
    start = time.perf_counter()

    def send(thread: int) -> None:
        batch = np.array((photos * size)[:size], object)
        while time.perf_counter() < start + 4:
            run("serving_bytes", {"image_bytes": batch})
            answered[thread] += size

    started = [threading.Thread(target=send, args=(i,)) for i in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return sum(answered) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
