"""Measures the accuracy table of the README on data unseen in training.

    python benchmarks/accuracy.py --data-dir DIR --meter-digits FILE [--fonts DIR]

The scenes are drawn from MNIST's test digits, fonts and photos of the unseen half, with
seeds that no training uses.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pathlib import Path
from typing import Any

import click

from fused_ocr.training.evaluation_recipe import evaluate_model
from fused_ocr.training.material import Material

ROWS = (
    ("scattered", "AP50", "scattered digits: detector AP50", "0.99"),
    ("scattered", "AP50:95", "the same: AP50:95", "0.80"),
    ("scattered", "f1", "the same: characters found and right, F1", "98.5 %"),
    ("scattered", "image_characters", "the same: whole canvas right", "95 %"),
    ("lines", "image_lines", "lines in scenes: whole picture right, in order", "85 %"),
    ("lines", "f1", "the same: characters found and right, F1", ""),
    ("lines", "strings", "the same: exact match of strings", ""),
    ("lines", "character_error_rate", "the same: character error rate", ""),
)

SINGLE = (
    ("mnist, single characters", "single MNIST test digits, shipped `cnn`", "99.6 %"),
    ("meter_digits, single characters", "real meter digits, unseen sources", "97 %"),
)


@click.command()
@click.option("--model", default="digits", help="Shipped name or .keras file.")
@click.option("--data-dir", help="Of tensorflow-datasets.")
@click.option(
    "--meter-digits", type=click.Path(exists=True, path_type=Path), multiple=True
)
@click.option(
    "--fonts",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    default=["/usr/share/fonts"],
)
@click.option("--photos", type=click.Path(exists=True, path_type=Path), multiple=True)
@click.option("--scattered", default=1000, help="Canvases.")
@click.option("--lines", default=2000, help="Scenes.")
@click.option("--dense", type=click.Path(exists=True), help="A `dense` recogniser.")
@click.option("--alone", type=click.Path(exists=True), help="A `cnn` of MNIST alone.")
@click.option("--out", type=click.Path(path_type=Path), help="For the worst cases.")
def main(model: str, fonts: Any, photos: Any, **options: Any) -> None:
    """Print the table of scores."""
    material = Material(options["data_dir"], tuple(fonts), tuple(photos))
    asked = {
        "seed": 1000,
        "scattered": options["scattered"],
        "lines": options["lines"],
        **dict.fromkeys(("plates", "houses", "bibs", "meters"), 0),
        "annotations": (),
        "classes": None,
        "mnist": True,
        "digit_photos": options["meter_digits"],
        "out": options["out"],
    }
    scores = evaluate_model(model, material, asked, [])
    print("| | measured | bar |\n|---|---|---|")
    for group, key, label, bar in ROWS:
        if group in scores:
            print(f"| {label} | {_show(key, scores[group][key])} | {bar} |")
    for group, label, bar in SINGLE:
        if group in scores:
            _print_single(label, scores[group], bar)
    alone = {**asked, "scattered": 0, "lines": 0, "digit_photos": (), "out": None}
    for path, label, bar in (
        (options["alone"], "single MNIST test digits, `cnn` on MNIST alone", "99.6 %"),
        (options["dense"], "single MNIST test digits, `dense`", "97.9 %"),
    ):
        if path is not None:
            measured = evaluate_model(path, material, alone, [])
            _print_single(label, measured["mnist, single characters"], bar)


def _print_single(label: str, scores: dict[str, float], bar: str) -> None:
    """The best of the characters, and what is right if the blank may win too."""
    forced = f"{scores['right if the blank is left out']:.2%}"
    print(f"| {label} (with the blank) | {forced} ({scores['right']:.2%}) | {bar} |")


def _show(key: str, value: float) -> str:
    # Of AP50 the last 0.01 is one point of recall: five places would round to its bar.
    return f"{value:.7f}" if key.startswith("AP") else f"{value:.2%}"


if __name__ == "__main__":
    main()
