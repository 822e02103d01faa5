"""The commands that read photos, and say why they read what they do."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fused_ocr.cli_photos import given_photos
from fused_ocr.cli_runs import quiet, quiet_tensorflow
from fused_ocr.errors import ImageError
from fused_ocr.files import one_line, set_aside, unused_name
from fused_ocr.images import MAX_PIXELS
from fused_ocr.result import Readings
from fused_ocr.spelling import compiled

if TYPE_CHECKING:
    from fused_ocr.reader import Reader

__all__ = ["COMMANDS"]

_COLUMNS = ("path", "text", "score", "y1", "x1", "y2", "x2", "label")


def _reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which photos, with which model, written where."""
    for option in reversed(
        [
            click.argument("photos", nargs=-1, required=True),
            click.option(
                "--model",
                "-m",
                default="digits",
                help="Shipped name, .keras, SavedModel, .tflite.",
            ),
            click.option(
                "--output",
                "-o",
                type=click.Path(dir_okay=False),
                help="Instead of stdout.",
            ),
            click.option(
                "--draw",
                type=click.Path(file_okay=False),
                help="Folder for drawn photos.",
            ),
            click.option(
                "--max-pixels",
                type=click.IntRange(1),
                default=MAX_PIXELS,
                help="Per photo.",
            ),
            click.option(
                "--threads", type=click.IntRange(1), help="That run a .tflite file."
            ),
        ]
    ):
        command = option(command)
    return command


@click.command()
@_reading_options
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "jsonl", "csv"]),
    default="text",
    help="Of the output.",
)
@click.option(
    "--min-score", type=click.FloatRange(0, 1), help="Leave out worse readings."
)
@click.option(
    "--pattern",
    help="Regular expression of a format: texts become the likeliest that match.",
)
@click.option("--batch-size", type=click.IntRange(1), default=8, help="Photos at once.")
def read(
    photos: tuple[str, ...],
    model: str,
    style: str,
    output: str | None,
    draw: str | None,
    **options: Any,
) -> None:
    """Read PHOTOS: files, folders (with their subfolders) and patterns like '*.jpg'.

    A photo that cannot be read is named on stderr, in JSON also where it would stand;
    the others are read all the same, and the exit status is 1.
    """
    paths = given_photos(photos)
    pattern = None if options["pattern"] is None else compiled(options["pattern"])
    reader = _load(model, options["threads"])
    folder = None if draw is None else _folder(draw)
    results = reader.stream(
        paths,
        batch_size=options["batch_size"],
        max_pixels=options["max_pixels"],
        on_error="return",
    )
    failed = empty = 0
    drawn: set[str] = set()
    with _output(output) as out:
        if style == "csv":
            csv.writer(out).writerow(_COLUMNS)
        shown = _progress(results, len(paths))
        for path, result in zip(paths, shown, strict=True):
            if isinstance(result, ImageError):
                failed += 1
                _failed(out, style, path, result)
                continue
            readings = result
            empty += not readings
            if pattern is not None:
                readings = readings.respelt(pattern)
            readings = readings.filter(min_score=options["min_score"])
            _write(out, style, path, readings)
            if folder is not None:
                name = unused_name(Path(path).stem, ".png", drawn)
                readings.draw().save(folder / name)
    if empty and style == "text":
        command = f"fused-ocr explain -m {shlex.quote(model)} PHOTO"
        click.echo(f"Why nothing is read in a photo: {one_line(command)}", err=True)
    _end(failed, len(paths))


@click.command()
@_reading_options
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    help="Of the output.",
)
def explain(
    photos: tuple[str, ...],
    model: str,
    style: str,
    output: str | None,
    draw: str | None,
    **options: Any,
) -> None:
    """Say why PHOTOS are read as they are, and what would help: some seconds each.

    Names what the detector finds likely and why it is left out (of shipped models and
    .keras files), and what is read when a photo is turned, mirrored, seen in parts, in
    a border, or in another light. In drawn photos what is left out is blue.
    """
    paths = given_photos(photos)
    reader = _load(model, options["threads"])
    folder = None if draw is None else _folder(draw)
    failed = 0
    drawn: set[str] = set()
    with _output(output) as out:
        for path in _progress(iter(paths), len(paths)):
            try:
                why = reader.explain(path, max_pixels=options["max_pixels"])
            except ImageError as error:
                failed += 1
                _failed(out, style, path, error)
                continue
            if style == "jsonl":
                _write_json(out, why.to_dict())
            else:
                out.write(f"{why}\n")
                out.flush()
            if folder is not None:
                name = unused_name(Path(path).stem, ".png", drawn)
                why.draw().save(folder / name)
    _end(failed, len(paths))


def _load(model: str, threads: int | None) -> Reader:
    from fused_ocr.artefact import find_artefact, is_tflite

    if not is_tflite(find_artefact(model)):
        quiet_tensorflow()
    from fused_ocr.reader import load

    with quiet():  # LiteRT names its delegates
        return load(model, threads=threads)


def _failed(out: Any, style: str, path: str, error: ImageError) -> None:
    click.echo(f"Error: {one_line(str(error))}", err=True)
    if style == "jsonl":
        _write_json(out, {"source": path, "error": str(error.args[0])})


def _end(failed: int, total: int) -> None:
    if failed:
        raise click.ClickException(f"{failed} of {total} photos could not be read.")


def _write(out: Any, style: str, path: str, readings: Readings) -> None:
    if style == "jsonl":
        _write_json(out, readings.to_dict())
    elif style == "csv":
        for one in readings:
            box = [f"{edge:.1f}" for edge in one.box]
            row = [path, one.text, f"{one.score:.4f}", *box, one.label]
            csv.writer(out).writerow(row)
    elif readings:
        for one in readings:
            text = one.text if one.readable else "(unreadable)"
            out.write(f"{one_line(path)}: {text}  ({one.score:.0%})\n")
    else:
        out.write(f"{one_line(path)}: nothing read\n")
    out.flush()


def _write_json(out: Any, values: dict[str, Any]) -> None:
    out.write(json.dumps(values, ensure_ascii=False) + "\n")
    out.flush()


@contextlib.contextmanager
def _output(path: str | None) -> Iterator[Any]:
    """A file that appears when it is whole; or stdout, or a device or a pipe.

    Names of files need not be text: what is none is written as escapes, in JSON, too.
    """
    escape = "backslashreplace"
    if path is None or (os.path.exists(path) and not os.path.isfile(path)):
        with click.open_file(path or "-", "w", "utf-8", escape) as out:
            yield out
        return
    with set_aside(Path(path)) as aside, open(aside, "w", -1, "utf-8", escape) as out:
        yield out


def _progress(results: Iterator[Any], total: int) -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    # The bar shares the screen with the results where both go there.
    quiet = not console.is_terminal or sys.stdout.isatty()
    return iter(track(results, "reading", total=total, console=console, disable=quiet))


def _folder(path: str) -> Path:
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


COMMANDS = (read, explain)
