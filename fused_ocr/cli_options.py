"""Options that several commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from fused_ocr.alphabet import DIGITS
from fused_ocr.artefact import shipped_models

__all__ = [
    "FILE",
    "FOLDER",
    "KERAS_MODEL",
    "NEW_FOLDER",
    "SEED",
    "TEXT",
    "Number",
    "annotation_options",
    "material_options",
    "run_options",
]

SEED = click.IntRange(0, 2**32 - 1)
"""What every generator of random numbers takes."""

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


class Number(click.FloatRange):
    """A finite number of a range; click's own takes nan for one of any."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """The number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number.", param, ctx)
        return number


class _Text(click.ParamType):
    """A file of UTF-8, of which what stands in it is wanted."""

    name = "file"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """What stands in the file."""
        path = FILE.convert(value, param, ctx)
        try:
            return str(path.read_text("utf-8"))
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            self.fail(
                f"{value!r} is not UTF-8 (byte {byte:#04x}). Save it as UTF-8, or give "
                "another file.", param, ctx
            )  # fmt: skip


TEXT = _Text()


class _KerasModel(click.ParamType):
    """A shipped model's name, or a file: of a reader, or of a part of one."""

    name = "model"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The value, if there is something of that name."""
        names = shipped_models()
        if value not in names and not Path(value).is_file():
            self.fail(
                f"{value!r} does not exist: it is neither a file nor a shipped model "
                f"({', '.join(names)}).", param, ctx
            )  # fmt: skip
        return value


KERAS_MODEL = _KerasModel()


def material_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What synthetic scenes are made of."""
    for option in reversed(
        [
            click.option("--data-dir", help="Of tensorflow-datasets (MNIST)."),
            click.option(
                "--fonts",
                type=FOLDER,
                multiple=True,
                help="Folders with .ttf and .otf files; else the system's.",
            ),
            click.option(
                "--photos",
                type=FOLDER,
                multiple=True,
                help="Folders of photos for backgrounds.",
            ),
            click.option("--characters", default=DIGITS, help="What is written."),
        ]
    ):
        command = option(command)
    return command


def run_options(
    epochs: int, steps: int, batch_size: int, learning_rate: float
) -> Callable[..., Any]:
    """A training run, with these defaults."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(
            [
                click.option(
                    "--out",
                    type=NEW_FOLDER,
                    required=True,
                    help="Folder of the run; one that was stopped goes on.",
                ),
                click.option("--epochs", type=click.IntRange(1), default=epochs),
                click.option(
                    "--steps",
                    type=click.IntRange(1),
                    default=steps,
                    help="Batches an epoch.",
                ),
                click.option(
                    "--batch-size", type=click.IntRange(1), default=batch_size
                ),
                click.option(
                    "--learning-rate",
                    type=Number(0, 1, min_open=True),
                    default=learning_rate,
                    help="The highest; warm-up before, cosine after.",
                ),
                click.option(
                    "--weight-decay",
                    type=Number(0, 1),
                    default=1e-4,
                    help="Of AdamW; 0 is Adam.",
                ),
                click.option(
                    "--ema",
                    type=click.FloatRange(0, 1, max_open=True),
                    default=0.998,
                    help="Momentum of the averaged weights; 0 for none.",
                ),
                click.option(
                    "--patience",
                    type=click.IntRange(1),
                    help="Epochs without gain before it stops early.",
                ),
                click.option("--validation-steps", type=click.IntRange(1), default=16),
                click.option("--seed", type=SEED, default=1),
                click.option(
                    "--init",
                    type=KERAS_MODEL,
                    help="Weights to start from: a shipped model's name, or .keras.",
                ),
                click.option(
                    "--freeze",
                    default="none",
                    type=click.Choice(["none", "backbone", "features"]),
                    help="What stays as it is: of --init, or of a backbone's weights.",
                ),
                click.option(
                    "--repeat",
                    type=click.IntRange(1),
                    default=1,
                    help="Train so often, with other seeds; the best is kept.",
                ),
                click.option(
                    "--bfloat16",
                    is_flag=True,
                    help="Train and measure in bfloat16: faster if the processor can.",
                ),
                click.option(
                    "--strategy",
                    default="none",
                    type=click.Choice(["none", "mirrored", "multiworker"]),
                    help="Of tf.distribute.",
                ),
            ]
        ):
            command = option(command)
        return command

    return add


def annotation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Photos of the caller's, in sets."""
    for option in reversed(
        [
            click.option(
                "--annotations",
                type=FILE,
                multiple=True,
                help="Photos of yours, CSV; more than once for more sets.",
            ),
            click.option("--classes", type=FILE, help="Of all annotations, CSV."),
            click.option(
                "--share",
                type=Number(0),
                multiple=True,
                help="How often to draw from each of the sets; else by their sizes.",
            ),
            click.option("--validation", type=FILE, help="Other photos of yours, CSV."),
        ]
    ):
        command = option(command)
    return command
