"""The command `fused-ocr`: a thin face on the library's functions.

Exit status: 0 fine, 1 failed, 2 misuse. Results go to stdout, everything else to
stderr.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from fused_ocr._version import __version__
from fused_ocr.cli_archive import COMMANDS as ARCHIVE_COMMANDS
from fused_ocr.cli_data import COMMANDS as DATA_COMMANDS
from fused_ocr.cli_export import COMMANDS as EXPORT_COMMANDS
from fused_ocr.cli_options import KERAS_MODEL, TEXT
from fused_ocr.cli_photos import PICTURES, one_line, photo_files
from fused_ocr.cli_runs import quiet, quiet_tensorflow
from fused_ocr.cli_serving import COMMANDS as SERVING_COMMANDS
from fused_ocr.cli_training import COMMANDS
from fused_ocr.errors import ConfigError, FusedOcrError, ImageError
from fused_ocr.files import set_aside, unused_name
from fused_ocr.images import MAX_PIXELS
from fused_ocr.result import Readings

__all__ = ["main"]

_COLUMNS = ("path", "text", "score", "y1", "x1", "y2", "x2", "label")


class _Commands(click.Group):
    """A group whose expected failures are one line, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            # Without a context: the usage it would show is the group's.
            raise click.UsageError(str(error)) from error
        except FusedOcrError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:  # the reader of our output had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"show_default": True})
@click.version_option(__version__, prog_name="fused-ocr")
def main() -> None:
    """Read numbers and short codes in photos with one fused TensorFlow graph."""
    # For what TensorFlow writes after its start; see `quiet_tensorflow`.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@main.command()
@click.argument("photos", nargs=-1, required=True)
@click.option(
    "--model", "-m", default="digits", help="Shipped name, .keras, SavedModel, .tflite."
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "jsonl", "csv"]),
    default="text",
    help="Of the output.",
)
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False), help="Instead of stdout."
)
@click.option(
    "--draw", type=click.Path(file_okay=False), help="Folder for drawn photos."
)
@click.option(
    "--min-score", type=click.FloatRange(0, 1), help="Leave out worse readings."
)
@click.option("--batch-size", type=click.IntRange(1), default=8, help="Photos at once.")
@click.option(
    "--max-pixels", type=click.IntRange(1), default=MAX_PIXELS, help="Per photo."
)
@click.option("--threads", type=click.IntRange(1), help="That run a .tflite file.")
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
    paths = list(photo_files(photos))
    if not paths:
        raise click.UsageError(
            f"No photos ({', '.join(PICTURES)}) in {' '.join(photos)}."
        )
    from fused_ocr.artefact import find_artefact, is_tflite

    if not is_tflite(find_artefact(model)):
        quiet_tensorflow()
    from fused_ocr.reader import load

    with quiet():  # LiteRT names its delegates
        reader = load(model, threads=options["threads"])
    folder = None if draw is None else _folder(draw)
    results = reader.stream(
        paths,
        batch_size=options["batch_size"],
        max_pixels=options["max_pixels"],
        on_error="return",
    )
    failed = 0
    drawn: set[str] = set()
    with _output(output) as out:
        if style == "csv":
            csv.writer(out).writerow(_COLUMNS)
        shown = _progress(results, len(paths))
        for path, result in zip(paths, shown, strict=True):
            if isinstance(result, ImageError):
                failed += 1
                click.echo(f"Error: {one_line(str(result))}", err=True)
                if style == "jsonl":
                    _write_json(out, {"source": path, "error": str(result.args[0])})
                continue
            readings = result.filter(min_score=options["min_score"])
            _write(out, style, path, readings)
            if folder is not None:
                name = unused_name(Path(path).stem, ".png", drawn)
                readings.draw().save(folder / name)
    if failed:
        raise click.ClickException(
            f"{failed} of {len(paths)} photos could not be read."
        )


@main.command()
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.option("--card", is_flag=True, help="Print the model card instead.")
def describe(model: str, *, as_json: bool, card: bool) -> None:
    """Say what is in MODEL: a shipped name, .keras or .tflite file, or SavedModel."""
    from fused_ocr.artefact import find_artefact, is_tflite, read_card
    from fused_ocr.description import describe_artefact, show

    path = find_artefact(model)
    if card:
        click.echo(read_card(path) or f"{path} has no model card.")
        return
    if not is_tflite(path):
        quiet_tensorflow()
    values = describe_artefact(path)
    click.echo(
        json.dumps(values, indent=2, ensure_ascii=False) if as_json else show(values)
    )


@main.command()
@click.argument("detector", type=KERAS_MODEL)
@click.argument("recognizer", type=KERAS_MODEL)
@click.argument("output", type=click.Path(dir_okay=False))
@click.option("--frame", type=int, nargs=2, help="Height and width the detector sees.")
@click.option(
    "--octaves",
    type=click.IntRange(1, 8),
    help="How many sizes of the frame it sees, each half as large as the one before.",
)
@click.option("--config", "config_text", type=TEXT, help="FusionConfig, JSON.")
@click.option("--score-threshold", type=click.FloatRange(0, 1), help="Of detections.")
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    help="Of what is read: the detector's score times the recogniser's.",
)
@click.option(
    "--min-line-score",
    type=click.FloatRange(0, 1),
    help="Of the best character of a line.",
)
@click.option(
    "--min-readable",
    type=click.FloatRange(0, 1),
    help="How likely a region must be readable to have a text.",
)
@click.option("--iou-threshold", type=click.FloatRange(0, 1), help="Of suppression.")
@click.option(
    "--nested-threshold",
    type=click.FloatRange(0, 1),
    help="Of suppression: the part of a box that lies in a better one.",
)
@click.option(
    "--max-detections", type=click.IntRange(1), help="Boxes a photo may have."
)
@click.option(
    "--flow", type=click.Choice(["folded", "multiflow"]), help="Of the crops."
)
@click.option(
    "--refiner",
    type=KERAS_MODEL,
    help="What finds corners more exactly; by default that of a reader's DETECTOR.",
)
@click.option("--card", type=TEXT, help="Model card, .md.")
@click.option("--half", is_flag=True, help="Keep weights as float16: half the size.")
def fuse(
    detector: str,
    recognizer: str,
    output: str,
    config_text: str | None,
    card: str | None,
    *,
    half: bool,
    **options: Any,
) -> None:
    """Join DETECTOR and RECOGNIZER into the reader OUTPUT (.keras).

    Each is a .keras file, or a reader, by its file or a shipped model's name, of which
    that part is taken. A reader's DETECTOR brings its frame and thresholds along.
    """
    quiet_tensorflow()
    from fused_ocr.config import FusionConfig
    from fused_ocr.fusion import describe
    from fused_ocr.fusion import fuse as join
    from fused_ocr.parts import load_finder, load_part
    from fused_ocr.recognition.cut_as import cut_of
    from fused_ocr.recognition.recognizer import reads_strings
    from fused_ocr.saving import save_model

    reader, found_by = load_part(recognizer, "recognizer"), load_finder(detector)
    config = found_by.config.replace(crop=cut_of(reader))
    if config_text is not None:
        config = FusionConfig.from_json(config_text)
    if options["frame"]:
        config = config.replace(frame_yx=tuple(options["frame"]))

    def given(*names: str) -> dict[str, Any]:
        return {name: options[name] for name in names if options[name] is not None}

    config = config.replace(**given("octaves", "flow"))
    selection = given(
        "score_threshold", "iou_threshold", "nested_threshold", "max_detections"
    )
    assembly = given("min_score", "min_line_score", "min_readable")
    config = config.replace(
        selection=config.selection.replace(**selection),
        assembly=config.assembly.replace(**assembly),
    )
    looks = config.refinements and reads_strings(reader)
    refiner = found_by.refiner if looks else None
    if options["refiner"]:
        refiner = load_part(options["refiner"], "refiner")
    model = join(found_by.detector, reader, config, refiner=refiner)
    save_model(model, output, card=card or "", half=half)
    size = Path(output).stat().st_size
    made = describe(model)
    slots = made.fusion.assembly.slots
    each = f"a string of up to {slots}" if reads_strings(reader) else "one character"
    click.echo(
        f"{output}: finds {', '.join(made.labels)} and reads {each} of {made.alphabet} "
        f"in each; {model.count_params():,} parameters, {size / 1e6:.2f} MB"
    )


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


for _command in (
    *ARCHIVE_COMMANDS,
    *DATA_COMMANDS,
    *COMMANDS,
    *EXPORT_COMMANDS,
    *SERVING_COMMANDS,
):
    main.add_command(_command)
