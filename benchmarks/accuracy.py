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

from fused_ocr.training.material import Material
from fused_ocr.training.recipes import evaluate_model

ROWS = (
    ("mnist, single characters", "right", "single MNIST test digits, `cnn`", "99.6 %"),
    ("scattered", "AP50", "scattered digits: detector AP50", "0.99"),
    ("scattered", "AP50:95", "the same: AP50:95", "0.80"),
    (
        "scattered",
        "f1",
        "the same: characters found and right, F1 at IoU 0.5",
        "98.5 %",
    ),
    ("scattered", "image_characters", "the same: whole canvas right", "95 %"),
    ("lines", "image_lines", "lines in scenes: whole picture right, in order", "85 %"),
    ("lines", "f1", "the same: characters found and right, F1 at IoU 0.5", ""),
    ("lines", "strings", "the same: exact match of strings", ""),
    ("lines", "character_error_rate", "the same: character error rate", ""),
    (
        "meter_digits, single characters",
        "right",
        "real meter digits, unseen sources",
        "97 %",
    ),
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
@click.option("--lines", default=500, help="Scenes.")
@click.option(
    "--dense",
    type=click.Path(exists=True),
    help="A `dense` recogniser to measure beside it.",
)
@click.option("--out", type=click.Path(path_type=Path), help="For the worst cases.")
def main(
    model: str, fonts: Any, photos: Any, dense: str | None, **options: Any
) -> None:
    """Print the table of scores."""
    material = Material(options["data_dir"], tuple(fonts), tuple(photos))
    asked = {
        "seed": 1000,
        "scattered": options["scattered"],
        "lines": options["lines"],
        "annotations": None,
        "classes": None,
        "mnist": True,
        "digit_photos": options["meter_digits"],
        "out": options["out"],
    }
    scores = evaluate_model(model, material, asked)
    print("| | measured | bar |\n|---|---|---|")
    for group, key, label, bar in ROWS:
        if group in scores:
            print(f"| {label} | {_show(key, scores[group][key])} | {bar} |")
    if dense is not None:
        alone = {**asked, "scattered": 0, "lines": 0, "digit_photos": ()}
        score = evaluate_model(dense, material, alone)["mnist, single characters"][
            "right"
        ]
        print(f"| single MNIST test digits, `dense` | {score:.2%} | 97.9 % |")


def _show(key: str, value: float) -> str:
    return f"{value:.4f}" if key.startswith("AP") else f"{value:.2%}"


if __name__ == "__main__":
    main()
