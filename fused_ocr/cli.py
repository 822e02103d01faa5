"""The command `fused-ocr`: a thin face on the library's functions.

Exit status: 0 fine, 1 failed, 2 misuse. Results go to stdout, everything else to
stderr.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from fused_ocr._version import __version__
from fused_ocr.cli_archive import COMMANDS as ARCHIVE_COMMANDS
from fused_ocr.cli_data import COMMANDS as DATA_COMMANDS
from fused_ocr.cli_export import COMMANDS as EXPORT_COMMANDS
from fused_ocr.cli_options import KERAS_MODEL, TEXT
from fused_ocr.cli_reading import COMMANDS as READING_COMMANDS
from fused_ocr.cli_runs import quiet_tensorflow
from fused_ocr.cli_serving import COMMANDS as SERVING_COMMANDS
from fused_ocr.cli_training import COMMANDS
from fused_ocr.errors import ConfigError, FusedOcrError

__all__ = ["main"]


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


for _command in (
    *ARCHIVE_COMMANDS,
    *DATA_COMMANDS,
    *COMMANDS,
    *EXPORT_COMMANDS,
    *READING_COMMANDS,
    *SERVING_COMMANDS,
):
    main.add_command(_command)
