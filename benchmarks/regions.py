"""How well `plates` and `numbers` read, with RapidOCR and Tesseract in the same run.

    python benchmarks/regions.py --plates-model plates.keras --plates plates.csv \
        --numbers-model numbers.keras --numbers numbers.csv \
        --photos PHOTOS --rapidocr-python peers/bin/python --tesseract tesseract

The CSV files are annotations of whole photos, see `fused-ocr convert`. A photo is read
exactly if the reading with the best score is its text; `any` asks for some reading. Of
the peers' lines, letters and digits count, in capitals. All run with two threads.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")

import csv
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

import fused_ocr
from fused_ocr.artefact import find_artefact
from fused_ocr.errors import ImageError
from fused_ocr.export.saved_model import export_saved_model
from fused_ocr.export.tflite import export_tflite
from fused_ocr.fusion import describe, fuse, parts_of
from fused_ocr.images import read_image
from fused_ocr.runtimes import load_keras_model
from fused_ocr.training.annotations import AnnotatedPhoto, read_annotations
from fused_ocr.training.evaluation import Evaluation
from fused_ocr.training.material import Material
from fused_ocr.training.region_evaluation import (
    CAUSES,
    evaluate_regions,
    region_photos,
    scene_photo,
)

Peer = Callable[[list[str]], list[dict[str, Any]]]
"""Of paths to what is read: `lines`, texts with scores, and the `seconds` it took."""

SCENE = (480, 640)
FRAME = (720, 1280)
"""Height and width of the photos that are timed."""


@click.command()
@click.option("--plates", "plates_csv", type=click.Path(exists=True, path_type=Path))
@click.option("--numbers", "numbers_csv", type=click.Path(exists=True, path_type=Path))
@click.option("--plates-model", help="Shipped name or .keras file.")
@click.option("--numbers-model", help="Shipped name or .keras file.")
@click.option("--scenes", default=300, help="Synthetic scenes of each kind.")
@click.option(
    "--fonts",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    default=["/usr/share/fonts"],
)
@click.option("--photos", type=click.Path(exists=True, path_type=Path), multiple=True)
@click.option("--rapidocr-python", type=click.Path(exists=True))
@click.option("--tesseract", help="The command, as of Debian's tesseract-ocr.")
@click.option("--out", type=click.Path(path_type=Path), help="For pictures of misses.")
def main(
    scenes: int, fonts: Any, photos: Any, out: Path | None, **options: Any
) -> None:
    """Print the tables."""
    material = Material(None, tuple(fonts), tuple(photos))
    peers: dict[str, Peer] = {}
    if options["rapidocr_python"]:
        peers["RapidOCR"] = partial(_rapidocr, options["rapidocr_python"])
    if options["tesseract"]:
        peers["Tesseract"] = partial(_tesseract, options["tesseract"])
    for name, kinds, label in (
        ("plates", ("plates",), "plate"),
        ("numbers", ("houses", "bibs", "meters"), "number"),
    ):
        csv_path, given = options[f"{name}_csv"], options[f"{name}_model"]
        if given is None:
            continue
        model = load_keras_model(find_artefact(given))
        if csv_path is not None:
            truths = read_annotations(csv_path, (label,))
            failed: list[ImageError] = []
            evaluation = evaluate_regions(
                model, region_photos(truths, failed), count=len(truths)
            )
            if failed:
                raise failed[0]
            _show(f"{name}: {csv_path.parent.name}", evaluation, out)
            _times(given, truths, peers)
        if name == "plates" and scenes:
            steep = material.region_scenes("plates", "unseen", 2000, SCENE, steep=True)
            for title, reader in (
                ("corners", model),
                ("the same, cut along boxes", _along_boxes(model)),
            ):
                evaluation = evaluate_regions(
                    reader, map(scene_photo, map(steep, range(scenes))), count=scenes
                )
                _show(f"plates up to 45 degrees: {title}", evaluation, out)
        for kind in kinds if scenes else ():
            made = material.region_scenes(kind, "unseen", 1000, SCENE)
            evaluation = evaluate_regions(
                model, map(scene_photo, map(made, range(scenes))), count=scenes
            )
            _show(f"{name}: synthetic {kind}", evaluation, out)


def _along_boxes(model: Any) -> Any:
    """The same models, fused so that regions are cut along their boxes."""
    parts, config = parts_of(model), describe(model).fusion
    config = config.replace(crop=config.crop.replace(rectify=False))
    refiner = parts.refine and parts.refine.refiner
    return fuse(parts.detector, parts.recognize.recognizer, config, refiner=refiner)


def _show(title: str, evaluation: Evaluation, out: Path | None) -> None:
    scores = evaluation.scores
    print(
        f"\n### {title}: {scores['images']:.0f} photos, {scores['regions']:.0f} texts"
    )
    print("| | |\n|---|---|")
    for key, value in scores.items():
        if key not in ("images", "regions") and np.isfinite(value):
            shown = f"{value:.4f}" if key.startswith("AP") else f"{value:.2%}"
            missed = "missed: " if key in CAUSES else ""
            print(f"| {missed}{key.replace('_', ' ')} | {shown} |", flush=True)
    if out is not None:
        evaluation.save(out / title.replace(": ", "_").replace(" ", "_"))


def _times(
    name: str, truths: Sequence[AnnotatedPhoto], peers: Mapping[str, Peer]
) -> None:
    """Milliseconds a photo of 1280x720, alone; and what the peers read of the same."""
    wide = [_fitted(truth) for truth in truths[:40]]
    with tempfile.TemporaryDirectory() as folder:
        ours = {
            form: _median_seconds(reader, wide)
            for form, reader in _readers(name, Path(folder))
        }
        for form, seconds in ours.items():
            print(f"| {form}: median time of 1280x720 | {seconds * 1e3:.0f} ms |")
        paths = []
        for i, photo in enumerate(wide if peers else ()):
            path = Path(folder) / f"{i}.png"
            Image.fromarray(photo).save(path)
            paths.append(str(path))
        for peer, read in peers.items():
            lines = read([*paths[:3], *paths])[3:]
            theirs = statistics.median(line["seconds"] for line in lines)
            print(f"| {peer}: median time | {theirs * 1e3:.0f} ms |")
            for form, seconds in ours.items():
                print(f"| the same / the {form}'s | {theirs / seconds:.1f} |")
            _exact(peer, truths, read([str(truth.path) for truth in truths]))


def _exact(
    peer: str, truths: Sequence[AnnotatedPhoto], lines: list[dict[str, Any]]
) -> None:
    """How many photos a peer reads exactly, by its best line and by any."""
    asked = exact = some = 0
    for truth, line in zip(truths, lines, strict=True):
        texts = [("".join(filter(str.isalnum, t)).upper(), s) for t, s in line["lines"]]
        wanted = {text for text in truth.texts if text}
        if not wanted:
            continue
        asked += 1
        best = max(texts, key=lambda pair: pair[1], default=("", 0.0))
        exact += best[0] in wanted
        some += any(text in wanted for text, _ in texts)
    print(f"| {peer}: exact | {exact / asked:.2%} |")
    print(f"| {peer}: exact any | {some / asked:.2%} |", flush=True)


def _readers(name: str, folder: Path) -> Iterator[tuple[str, Any]]:
    """The same model in the forms that people run, by two threads."""
    model = load_keras_model(find_artefact(name))
    export_saved_model(model, folder / "saved")
    export_tflite(model, folder / "lite.tflite", FRAME)
    yield "Keras model", fused_ocr.load(name)
    yield "SavedModel", fused_ocr.load(folder / "saved")
    yield "`.tflite` file", fused_ocr.load(folder / "lite.tflite", threads=2)


def _median_seconds(reader: Any, photos: Sequence[np.ndarray]) -> float:
    """Of one photo after the other, the first three of which are read twice."""
    times = []
    for photo in (*photos[:3], *photos):
        start = time.perf_counter()
        reader.predict(photo)
        times.append(time.perf_counter() - start)
    return statistics.median(times[3:])


def _fitted(truth: AnnotatedPhoto) -> np.ndarray:
    """The photo on a canvas of 1280x720, as large as it fits."""
    photo = Image.fromarray(read_image(truth.path))
    photo.thumbnail(FRAME[::-1])
    canvas = Image.new("RGB", FRAME[::-1], (127, 127, 127))
    canvas.paste(photo)
    return np.array(canvas)


def _rapidocr(python: str, paths: list[str]) -> list[dict[str, Any]]:
    script = Path(__file__).with_name("rapidocr_lines.py")
    run = subprocess.run(
        [python, str(script)], input="\n".join(paths), text=True, check=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return [json.loads(line) for line in run.stdout.splitlines() if line[:1] == "{"]


def _tesseract(command: str, paths: list[str]) -> list[dict[str, Any]]:
    """Lines as sure as their least sure words; times include the command's start."""
    answers = []
    for path in paths:
        start = time.perf_counter()
        run = subprocess.run(
            [command, path, "stdout", "tsv"], text=True, check=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_THREAD_LIMIT": "2"},
        )  # fmt: skip
        seconds = time.perf_counter() - start
        words: dict[tuple[str, ...], list[tuple[str, float]]] = {}
        rows = csv.DictReader(
            run.stdout.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE
        )
        for row in rows:
            if row["text"] and row["text"].strip():
                line = row["block_num"], row["par_num"], row["line_num"]
                words.setdefault(line, []).append((row["text"], float(row["conf"])))
        lines = [
            ["".join(text for text, _ in line), min(sure for _, sure in line) / 100]
            for line in words.values()
        ]
        answers.append({"lines": lines, "seconds": seconds})
    return answers


if __name__ == "__main__":
    main()
