"""`.tflite` files of the shipped models against their SavedModels.

    python benchmarks/lite.py --photos PHOTOS [--scenes 300] [--model plates ...]

Both read the same frames: photos fitted into them, and synthetic scenes of the kinds
that the model reads, whose strings are known. Times are medians of alternating calls on
one scene, a process for both, two threads each; memory is the largest of a process that
reads one photo.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.progress import track

import fused_ocr
from fused_ocr.alphabet import DIGITS
from fused_ocr.artefact import find_artefact
from fused_ocr.cli_photos import photo_files
from fused_ocr.export.check_photos import CheckPhoto
from fused_ocr.export.operators import custom_operators
from fused_ocr.export.parity import BOX_TOLERANCE, compare
from fused_ocr.export.profiling import part_milliseconds
from fused_ocr.export.saved_model import export_saved_model
from fused_ocr.export.tflite import convert
from fused_ocr.fusion import describe
from fused_ocr.images import read_image
from fused_ocr.lite import fit
from fused_ocr.runtimes import load_keras_model
from fused_ocr.tflite_file import with_files
from fused_ocr.training.glyphs import FontGlyphs, find_fonts
from fused_ocr.training.material import LineScenes, Material

SCENES = {
    "digits": ("lines",),
    "plates": ("plates",),
    "numbers": ("houses", "bibs", "meters"),
}
"""What is drawn for each model."""

NETWORKS = ("detector", "heads", "refiner", "recognizer")

_SHOWN = 24
"""Scenes that show the ranges of integers, and are not measured on."""

READ_ONE = """
import sys
import numpy as np
import fused_ocr
fused_ocr.load(sys.argv[1], threads=2).predict(np.load(sys.argv[2]))
# A child's ru_maxrss begins with its parent's; this does not.
with open("/proc/self/status") as file:
    (line,) = [line for line in file if line.startswith("VmHWM")]
print(int(line.split()[1]) / 1024)
"""


@click.command()
@click.option(
    "--model",
    "models",
    type=click.Choice(list(SCENES)),
    multiple=True,
    default=list(SCENES),
)
@click.option("--photos", multiple=True, help="Files or folders.")
@click.option("--scenes", default=300, show_default=True, help="For each model.")
@click.option("--size", type=int, nargs=2, default=(720, 1280), show_default=True)
@click.option("--runs", default=30, show_default=True, help="Of each that is timed.")
def main(
    models: tuple[str, ...],
    photos: tuple[str, ...],
    scenes: int,
    size: tuple[int, int],
    runs: int,
) -> None:
    """Print the table."""
    read = [
        CheckPhoto(path, fit(read_image(path), size)[0]) for path in photo_files(photos)
    ]
    print("| | none | float16 | int8 |\n|---|---|---|---|")
    for name in models:
        drawn = list(itertools.islice(_scenes(name, size), _SHOWN + scenes))
        shown = [photo for photo, _ in drawn[:_SHOWN]]
        for row in _rows(name, read, drawn[_SHOWN:], shown, size, runs):
            print(f"| `{name}`: {row} |", flush=True)


def _rows(
    name: str,
    photos: list[CheckPhoto],
    scenes: list[tuple[CheckPhoto, tuple[str, ...]]],
    shown: list[CheckPhoto],
    size: tuple[int, int],
    runs: int,
) -> Iterator[str]:
    model = load_keras_model(find_artefact(name))
    frames = [*photos, *(photo for photo, _ in scenes)]
    written = [*(None for _ in photos), *(texts for _, texts in scenes)]
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "saved"
        export_saved_model(model, saved, photos=frames[:4])
        reader = fused_ocr.load(saved)
        truth = [
            reader.predict(one.image) for one in track(frames, name, transient=True)
        ]
        cells: list[dict[str, Any]] = []
        plain: list[float] = []
        for quantize in ("none", "float16", "int8"):
            network = convert(model, size, quantize, shown)
            path = Path(folder) / f"{quantize}.tflite"
            path.write_bytes(with_files(network, describe(model), ""))
            lite = fused_ocr.load(path, threads=2)
            found = [
                lite.predict(one.image)
                for one in track(frames, quantize, transient=True)
            ]
            # Boxes of integers are off by pixels; how far is said apart.
            tolerance = float("inf") if quantize == "int8" else BOX_TOLERANCE
            report = compare(frames, truth, found, tolerance)
            for miss in report.misses:
                print(f"{name}, {quantize}: {miss}", file=sys.stderr)
            ours, theirs = _times(lite, reader, frames[-1].image, runs)
            plain.append(ours)
            spent = part_milliseconds(network, frames[-1].image, threads=2, runs=runs)
            networks = sum(spent.get(part, 0.0) for part in NETWORKS)
            outside = 1 - networks / sum(spent.values())
            cells.append(
                {
                    "strings of scenes read exactly": _exact(found, written),
                    "operators outside TFLite's builtins": len(
                        custom_operators(network)
                    ),
                    f"frames read alike, of {report.photos} "
                    f"({report.readings} readings)": report.photos
                    - len(report.differing),
                    "largest shift of a box, px": f"{report.largest_shift:.3f}",
                    "size, MB": f"{path.stat().st_size / 1e6:.2f}",
                    "time, ms": f"{1000 * ours:.1f}",
                    "time / the SavedModel's": f"{ours / theirs:.2f}",
                    "time / float32's": f"{ours / plain[0]:.2f}",
                    "share outside the networks": f"{outside:.0%}",
                    "memory of a process, MB": _memory(path, frames[0], folder),
                }
            )
    for what in cells[0]:
        yield " | ".join([what, *(str(cell[what]) for cell in cells)])


def _exact(found: list[Any], written: list[tuple[str, ...] | None]) -> str:
    """Strings of scenes that are among what was read of them."""
    right = total = 0
    for readings, texts in zip(found, written, strict=True):
        if texts is not None:
            left = Counter(readings.texts)
            right += sum((Counter(texts) & left).values())
            total += len(texts)
    return f"{right / total:.2%} of {total}"


def _times(lite: Any, saved: Any, frame: Any, runs: int) -> tuple[float, float]:
    """Median seconds of both."""
    spent: tuple[list[float], list[float]] = [], []
    for _ in range(runs + 3):
        for reader, times in zip((lite, saved), spent, strict=True):
            start = time.perf_counter()
            reader.predict(frame)
            times.append(time.perf_counter() - start)
    return statistics.median(spent[0][3:]), statistics.median(spent[1][3:])


def _memory(path: Path, photo: CheckPhoto, folder: str) -> str:
    """The most a process has that imports, loads and reads, MB."""
    picture = Path(folder) / "photo.npy"
    np.save(picture, photo.image)
    command = [sys.executable, "-c", READ_ONE, str(path), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return f"{float(done.stdout):.0f}"


def _scenes(
    name: str, size: tuple[int, int]
) -> Iterator[tuple[CheckPhoto, tuple[str, ...]]]:
    """Scenes in fonts that are kept from training, half as large; their strings."""
    fonts = (Path("/usr/share/fonts"),)
    material, half = Material(None, fonts), (size[0] // 2, size[1] // 2)
    makers: list[Any] = [
        LineScenes([FontGlyphs(find_fonts(fonts, "unseen", DIGITS))], 77, half)
        if kind == "lines"
        else material.region_scenes(kind, "unseen", 77, half)
        for kind in SCENES[name]
    ]
    for index in itertools.count():
        scene = makers[index % len(makers)](index)
        photo = CheckPhoto(f"scene {index}", fit(scene.image, size)[0])
        yield photo, tuple(filter(None, scene.texts))


if __name__ == "__main__":
    main()
