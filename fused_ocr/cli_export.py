"""The commands that make artefacts of a model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from fused_ocr.cli_photos import given_photos, name_failed, tell_failed
from fused_ocr.cli_runs import quiet, quiet_tensorflow
from fused_ocr.errors import ImageError

__all__ = ["COMMANDS"]

_PHOTOS = click.option(
    "--photos", multiple=True, help="Also check on these files or folders."
)


class _Exports(click.Group):
    """What is no kind of artefact is a model, and a SavedModel is wanted."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["saved-model", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Exports)
def export() -> None:
    """Export a model: as a SavedModel if nothing else is said.

    What is written is checked against the Keras model before it takes its place: all
    strings equal, boxes to half a pixel. If the check misses, nothing is published and
    the exit status is 1.
    """


@export.command("saved-model")
@click.argument("model")
@click.argument("output", type=click.Path(file_okay=False))
@_PHOTOS
def saved_model(model: str, output: str, photos: tuple[str, ...]) -> None:
    """Export MODEL (a shipped name or .keras file) as the SavedModel OUTPUT."""
    loaded, card = _load(model)
    from fused_ocr.export.saved_model import export_saved_model

    report = export_saved_model(loaded, output, card=card, photos=_check_photos(photos))
    click.echo(f"{output}: {report}")


@export.command()
@click.argument("model")
@click.argument("output", type=click.Path(dir_okay=False))
@click.option(
    "--input-size",
    metavar="HxW",
    default="720x1280",
    show_default=True,
    help="Of the frame: height and width, pixels. Other photos are fitted into it.",
)
@click.option(
    "--quantize",
    type=click.Choice(["none", "float16", "dynamic", "int8"]),
    default="none",
    show_default=True,
    help="Of the weights: half the size, or a quarter; int8 computes the detector in "
    "integers, in about two thirds of the time, by the ranges that --photos show.",
)
@_PHOTOS
def tflite(
    model: str, output: str, input_size: str, quantize: Any, photos: tuple[str, ...]
) -> None:
    """Export MODEL (a shipped name or .keras file) as one .tflite file, OUTPUT."""
    found = re.fullmatch(r"(\d+)x(\d+)", input_size)
    if not found:
        raise click.BadParameter(
            f"Height and width, such as 720x1280. Received: {input_size!r}.",
            param_hint="--input-size",
        )
    loaded, card = _load(model)
    from fused_ocr.export.tflite import export_tflite

    checked = _check_photos(photos)
    with quiet():
        report = export_tflite(
            loaded,
            output,
            (int(found[1]), int(found[2])),
            quantize=quantize,
            card=card,
            photos=checked,
        )
    size = Path(output).stat().st_size
    click.echo(f"{output}: {size / 1e6:.2f} MB; {report}")


@export.command()
@click.argument("model")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option("--name", help="Of the model in requests; else the file's.")
@click.option(
    "--version",
    type=click.IntRange(0, 2**63 - 1),
    help="Its number; else one more than the largest there.",
)
@click.option(
    "--batch-sizes",
    help="Photos that run together, such as 1,2,4; else what DIR/batching.config "
    "allows, or 1,2,3,4.",
)
@click.option("--cores", type=click.IntRange(1), help="Of the server; else as here.")
@click.option(
    "--keep",
    type=click.IntRange(2),
    help="Remove all but so many of the newest versions; else none.",
)
@_PHOTOS
def serving(
    model: str, folder: str, name: str | None, version: int | None, **options: Any
) -> None:
    """Publish MODEL (a shipped name or .keras file) in DIR for TF Serving.

    It becomes DIR/NAME/VERSION by one rename: a SavedModel, checked, with requests that
    warm it up for the batch sizes that will be used. Older versions stay. What a server
    needs besides is written if it is missing: `models.config`, `batching.config` and
    `docker-compose.yml`; then `docker compose up` in DIR serves all models there.
    """
    sizes = options["batch_sizes"]
    if sizes is not None and not re.fullmatch(r"\d+(,\d+)*", sizes):
        raise click.BadParameter(
            f"Numbers of photos, such as 1,2,4. Received: {sizes!r}.",
            param_hint="--batch-sizes",
        )
    loaded, card = _load(model)
    from fused_ocr.export.serving import ServerSettings, export_serving

    made = export_serving(
        loaded,
        folder,
        Path(model).stem if name is None else name,
        version=version,
        server=ServerSettings(
            batch_sizes=None if sizes is None else tuple(map(int, sizes.split(","))),
            cores=options["cores"],
            keep=options["keep"],
        ),
        card=card,
        photos=_check_photos(options["photos"]),
    )
    click.echo(f"{made.folder}: {made.report}; {made.requests} warm-up requests")
    for path in made.written:
        click.echo(f"{path}: written")
    for number in made.removed:
        click.echo(f"{made.folder.with_name(str(number))}: removed")


@click.command()
@click.argument("first")
@click.argument("second")
@_PHOTOS
def check(first: str, second: str, photos: tuple[str, ...]) -> None:
    """Compare what FIRST and SECOND read: shipped names, .keras, SavedModels, .tflite.

    All strings must be equal and boxes within half a pixel, in the photos and in drawn
    pictures of what may differ; else the exit status is 1. Photos are fitted into the
    frame of a .tflite file for both.
    """
    quiet_tensorflow()
    from fused_ocr.artefact import find_artefact
    from fused_ocr.export.check_photos import drawn_photos, edge_photos
    from fused_ocr.export.parity import check_alike
    from fused_ocr.runtimes import open_runtime

    given, failed = _readable(photos)
    with quiet():
        one, other = (open_runtime(find_artefact(name)) for name in (first, second))
    alphabet = one.description.alphabet
    drawn = [*drawn_photos(alphabet), *edge_photos(alphabet)]
    report = check_alike(one, other, [*given, *drawn])
    for miss in report.misses:
        click.echo(miss)
    if report.misses:
        name_failed(failed)
        raise click.ClickException(
            f"{second} differs from {first} in {len(report.differing)} of "
            f"{report.photos} pictures."
        )
    click.echo(str(report))
    tell_failed(failed)


@click.command()
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--photos", multiple=True, help="Also read these files or folders.")
@click.option("--threads", type=click.IntRange(1), help="That run the file.")
def doctor(model: Path, photos: tuple[str, ...], threads: int | None) -> None:
    """Examine MODEL, a .tflite file: its parts and operators, how it runs here.

    Exit status: 0 it is well, 1 it is not.
    """
    from rich.console import Console
    from rich.table import Table

    from fused_ocr.artefact import is_tflite
    from fused_ocr.export.doctor import diagnose
    from fused_ocr.images import read_image

    if not is_tflite(model):
        raise click.UsageError(f"{model} is no .tflite file.")
    read = {name: read_image(name) for name in given_photos(photos)}
    with quiet():
        found = diagnose(model, read, threads=threads)
    height, width = found.frame_yx
    click.echo(f"{model}: {found.megabytes:.2f} MB, takes frames of {height}x{width}")
    stages = Table("part", "operators", "by XNNPACK", "open shape", "MB", "ms")
    runs = Table("frame", "readings", "ms")
    for part in found.parts:
        spent = max(0.0, found.milliseconds.get(part.name, 0.0))
        stages.add_row(
            part.name,
            *map(str, (part.operators, found.delegated[part.name])),
            str(found.open_shape[part.name]),
            f"{part.megabytes:.2f}",
            f"{spent:.1f}",
        )
    for run in found.runs:
        runs.add_row(run.name, str(run.readings), f"{run.milliseconds:.1f}")
    console = Console(width=100)
    console.print(stages, runs)
    kinds = ", ".join(f"{name} {n}" for name, n in found.operators.most_common())
    console.print(f"operators: {kinds}", highlight=False)
    if found.faults:
        raise click.ClickException(f"{model}: {'; '.join(found.faults)}")


def _load(model: str) -> tuple[Any, str]:
    """A Keras model and its card."""
    quiet_tensorflow()
    from fused_ocr.artefact import check_version, find_artefact, is_tflite, read_card
    from fused_ocr.runtimes import load_keras_model

    path = find_artefact(model)
    if path.is_dir() or is_tflite(path):
        raise click.UsageError(f"{model} is exported already; give a .keras file.")
    check_version(path)
    return load_keras_model(path), read_card(path)


def _check_photos(photos: tuple[str, ...]) -> list[Any]:
    """Photos to check with before anything is published: all, or none."""
    given, failed = _readable(photos)
    tell_failed(failed)
    return given


def _readable(photos: tuple[str, ...]) -> tuple[list[Any], list[ImageError]]:
    """Photos, and why others cannot be read."""
    from fused_ocr.export.check_photos import CheckPhoto

    given, failed = [], []
    for photo in given_photos(photos):
        try:
            given.append(CheckPhoto.from_file(Path(photo)))
        except ImageError as error:
            failed.append(error)
    return given, failed


COMMANDS = (check, doctor, export)
"""The commands, for `fused_ocr.cli`."""
