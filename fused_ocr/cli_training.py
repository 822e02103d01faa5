"""The commands that make data and weights; they need the extra `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fused_ocr.cli_options import (
    FILE,
    KERAS_MODEL,
    NEW_FOLDER,
    SEED,
    TEXT,
    Number,
    annotation_options,
    material_options,
    run_options,
)
from fused_ocr.cli_photos import tell_failed
from fused_ocr.cli_runs import material_of, prepare, quiet_tensorflow, run_recipe
from fused_ocr.errors import ImageError

__all__ = ["COMMANDS"]

_OF_ANNOTATIONS = ("share", "validation")
_OF_REGIONS = (
    "size",
    "slots",
    "rows",
    "grow",
    "letterbox",
    "stretch",
    "turn",
    "boxes",
    "shift",
    "readable",
    "kinds",
)
"""Options of recognisers that learn strings from annotations."""


@click.command()
@click.argument("folder", type=NEW_FOLDER)
@click.option(
    "--kind",
    type=click.Choice(["lines", "scattered", "plates", "houses", "bibs", "meters"]),
    default="lines",
    help="The last four are regions of text, with their corners.",
)
@click.option("--count", type=click.IntRange(1), default=100, help="Pictures.")
@click.option(
    "--size",
    type=click.IntRange(32),
    nargs=2,
    default=(480, 640),
    help="Height and width.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "unseen"]),
    default="train",
    help="Half of the fonts, digits and photos.",
)
@click.option(
    "--layout",
    multiple=True,
    help="Kinds of plates, such as 'us' or 'india two rows'; else all.",
)
@click.option("--steep", is_flag=True, help="All regions from angles up to 45 degrees.")
@click.option("--seed", type=SEED, default=1)
@material_options
def synth(
    folder: Path,
    kind: str,
    count: int,
    size: tuple[int, int],
    split: str,
    seed: int,
    **options: Any,
) -> None:
    """Write synthetic photos, their annotations and a contact sheet into FOLDER."""
    if kind in ("lines", "scattered"):  # MNIST's digits come through TensorFlow
        quiet_tensorflow()
    from fused_ocr.training.synthesis import write_scenes

    if kind != "plates":
        _refuse("layout", needs="--kind plates")
    if kind in ("lines", "scattered"):
        _refuse("steep", needs="--kind plates, houses, bibs or meters")
    of_regions = {"layouts": options["layout"], "steep": options["steep"]}
    scenes, classes = _scenes(
        material_of(options), kind, split, seed, tuple(size), of_regions
    )
    written = write_scenes(folder, scenes, count, classes=classes, sheet=True)
    things = "characters" if classes == ("character",) else "regions"
    click.echo(
        f"{folder}: {count} pictures, {written} {things}, annotations.csv, "
        "classes.csv, sheet.jpg"
    )


@click.group()
def train() -> None:
    """Train a detector, a recogniser or a refiner."""


@train.command("detector")
@run_options(epochs=24, steps=250, batch_size=8, learning_rate=8e-4)
@material_options
@annotation_options
@click.option(
    "--corners", is_flag=True, help="Learn the four corners of what is found, too."
)
@click.option(
    "--synthetic-part",
    type=click.FloatRange(0, 1),
    help="Of the examples, where there are annotations; by default half if a class is "
    "called 'character', else none.",
)
@click.option(
    "--zoom",
    type=click.FloatRange(0, min_open=True),
    nargs=2,
    default=(0.6, 1.7),
    show_default=True,
    help="Smallest and largest scale of photos; at 1 they fit the frame.",
)
@click.option(
    "--close",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Part of the examples that are close-ups of one region of a photo.",
)
@click.option(
    "--side", type=click.IntRange(64), default=320, help="Of training frames."
)
@click.option(
    "--backbone", default="MobileNetV2", help="A class of keras.applications."
)
@click.option("--alpha", type=float, help="Width of a MobileNet.")
@click.option("--weights", help="Of the backbone: a file, or 'imagenet' to download.")
@click.option("--anchors", type=TEXT, help="AnchorConfig, JSON.")
@click.option(
    "--workers", type=click.IntRange(0), default=1, help="That make examples."
)
def train_detector(out: Path, **options: Any) -> None:
    """Train a detector: OUT/detector.keras."""
    if not options["annotations"]:
        needing = (*_OF_ANNOTATIONS, "corners", "synthetic_part", "zoom", "close")
        _refuse(*needing, needs="--annotations")
    prepare(options["seed"], bfloat16=options["bfloat16"], strategy=options["strategy"])
    from fused_ocr.training.recipes import detector_recipe

    run_recipe(detector_recipe, out, options)


@train.command("recognizer")
@run_options(epochs=20, steps=500, batch_size=128, learning_rate=2e-3)
@material_options
@click.option(
    "--arch",
    type=click.Choice(["cnn", "dense", "convctc", "crnn", "goodfellow", "places"]),
    default="cnn",
    help="The first two read one character, the others strings: of --annotations, or "
    "MNIST's digits in a row.",
)
@click.option("--width", type=click.IntRange(1), help="Channels or units.")
@click.option(
    "--mnist", type=Number(0), default=1.0, help="Weight of MNIST; 0 leaves it out."
)
@click.option("--glyphs", type=FILE, help="npz of computer-font characters.")
@click.option(
    "--digit-photos", type=FILE, multiple=True, help="npz of photos of digits."
)
@click.option(
    "--augmentation",
    type=click.FloatRange(0, 2),
    default=1.0,
    help="How much patches are changed; 0 not at all.",
)
@click.option(
    "--scenes",
    type=click.IntRange(0),
    default=0,
    help="Synthetic scenes to take characters from.",
)
@click.option(
    "--mine",
    type=KERAS_MODEL,
    help="Whose false finds in --photos are taught as blanks: a name, or .keras.",
)
@annotation_options
@click.option(
    "--size",
    type=click.IntRange(16),
    nargs=2,
    default=(32, 128),
    help="Height and width of a region's crop; with --annotations.",
)
@click.option(
    "--slots", type=click.IntRange(1), default=10, help="Characters of a string."
)
@click.option("--rows", type=click.IntRange(1), default=1, help="Of text in a region.")
@click.option(
    "--grow",
    type=click.FloatRange(0, min_open=True),
    default=1.1,
    help="Factor on the sides of a region before it is cut.",
)
@click.option(
    "--letterbox", is_flag=True, help="Keep the shape of regions; else squeeze them."
)
@click.option(
    "--stretch",
    type=click.FloatRange(1),
    default=1.0,
    help="With --letterbox, how much wider or higher than true a region may become, so "
    "that less of its surroundings is seen.",
)
@click.option(
    "--turn",
    type=click.FloatRange(1),
    help="Turn a quarter to the left what is more than so many times as high as wide: "
    "characters one below the other become a line.",
)
@click.option("--boxes", is_flag=True, help="Cut boxes, even if corners are known.")
@click.option(
    "--shift",
    type=click.FloatRange(0, 0.18),
    help="How far a region's crop is moved in training, either way, in parts of its "
    "sides; else 0.06 times --augmentation.",
)
@click.option(
    "--readable", is_flag=True, help="Learn which regions nobody could read, too."
)
@click.option(
    "--kinds", is_flag=True, help="Learn the classes of regions, too: their kinds."
)
@click.option("--workers", type=click.IntRange(0), default=1, help="That make scenes.")
def train_recognizer(out: Path, **options: Any) -> None:
    """Train a recogniser: OUT/recognizer.keras."""
    strings = options["arch"] not in ("cnn", "dense")
    if not strings:
        _refuse(
            *_OF_REGIONS,
            *_OF_ANNOTATIONS,
            needs="--arch convctc, crnn, goodfellow, places",
        )
    elif not options["annotations"]:
        _refuse(*_OF_REGIONS, *_OF_ANNOTATIONS, needs="--annotations")
    elif not options["letterbox"]:
        _refuse("stretch", needs="--letterbox")
    if options["boxes"]:
        _refuse("turn", needs="corners, which --boxes leaves out")
    prepare(options["seed"], bfloat16=options["bfloat16"], strategy=options["strategy"])
    if strings:
        from fused_ocr.training.string_recipe import string_recipe as recipe
    else:
        from fused_ocr.training.recipes import recognizer_recipe as recipe

    run_recipe(recipe, out, options)


@train.command("refiner")
@run_options(epochs=12, steps=500, batch_size=64, learning_rate=2e-3)
@annotation_options
@click.option("--width", type=click.IntRange(1), help="Channels of the first stage.")
@click.option(
    "--augmentation",
    type=click.FloatRange(0, 2),
    default=0.4,
    help="How much the light of crops is changed; 0 not at all.",
)
def train_refiner(out: Path, **options: Any) -> None:
    """Train a refiner, which looks at regions again for corners: OUT/refiner.keras."""
    if not options["annotations"]:
        raise click.UsageError("A refiner learns from regions: give --annotations.")
    prepare(options["seed"], bfloat16=options["bfloat16"], strategy=options["strategy"])
    from fused_ocr.training.refiner import refiner_recipe

    run_recipe(refiner_recipe, out, options)


@click.command()
@click.argument("model")
@click.option("--scattered", type=click.IntRange(0), default=0, help="Scenes to read.")
@click.option("--lines", type=click.IntRange(0), default=0, help="Scenes to read.")
@click.option("--plates", type=click.IntRange(0), default=0, help="Scenes to read.")
@click.option("--houses", type=click.IntRange(0), default=0, help="Scenes to read.")
@click.option("--bibs", type=click.IntRange(0), default=0, help="Scenes to read.")
@click.option("--meters", type=click.IntRange(0), default=0, help="Scenes to read.")
@click.option(
    "--annotations", type=FILE, multiple=True, help="Photos to read, CSV with texts."
)
@click.option("--classes", type=FILE, help="Of the annotations, CSV.")
@click.option("--mnist", is_flag=True, help="Single digits of MNIST's test set.")
@click.option(
    "--digit-photos",
    type=FILE,
    multiple=True,
    help="npz of photos of digits; the sources unseen in training are read.",
)
@click.option("--out", type=NEW_FOLDER, help="Folder for scores and worst cases.")
@click.option("--seed", type=SEED, default=1000)
@material_options
def evaluate(model: str, **options: Any) -> None:
    """Measure MODEL: a fused reader, or a recogniser (.keras) on single characters."""
    quiet_tensorflow()
    from fused_ocr.training.evaluation_recipe import evaluate_model

    failed: list[ImageError] = []
    scores = evaluate_model(model, material_of(options), options, failed)
    if not scores:
        raise click.UsageError(
            "Nothing to measure: give --scattered, --lines, --plates, --houses, "
            "--bibs, --meters, --annotations, --mnist or --digit-photos."
        )
    for name, values in scores.items():
        click.echo(f"{name}:")
        for key, value in values.items():
            click.echo(f"  {key.replace('_', ' ')}: {value:.4f}")
    tell_failed(failed)


def _refuse(*names: str, needs: str) -> None:
    """Refuse options that were given and would do nothing."""
    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    for name in names:
        if context.get_parameter_source(name) is not default:
            option = name.replace("_", "-")
            raise click.UsageError(f"--{option} does nothing without {needs}.")


def _scenes(
    material: Any,
    kind: str,
    split: str,
    seed: int,
    size_yx: Any,
    of_regions: dict[str, Any],
) -> tuple[Any, tuple[str, ...]]:
    """The scene of an index, and the classes of what is in it."""
    from fused_ocr.training.material import LineScenes, ScatteredScenes
    from fused_ocr.training.regions.region_scene import LABELS

    if kind == "scattered":
        return ScatteredScenes(material.mnist(split), seed, size_yx), ("character",)
    if kind in LABELS:
        scenes = material.region_scenes(kind, split, seed, size_yx, **of_regions)
        return scenes, (LABELS[kind],)
    photos, characters = material.backgrounds(split), material.characters
    sources = material.sources(split)
    return LineScenes(sources, seed, size_yx, photos, characters), ("character",)


COMMANDS = (synth, train, evaluate)
"""The commands, for `fused_ocr.cli`."""
