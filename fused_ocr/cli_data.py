"""The commands that bring data into our form and look at it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from fused_ocr.cli_options import KERAS_MODEL, TEXT
from fused_ocr.cli_photos import tell_failed
from fused_ocr.cli_runs import quiet_tensorflow
from fused_ocr.errors import AnnotationError, ImageError

__all__ = ["COMMANDS"]

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SOURCE = click.Path(exists=True, path_type=Path)
_NEW_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("quads", type=_FILE)
@click.argument("photos", type=_FOLDER)
@click.argument("folder", type=_NEW_FOLDER)
def backdrops(quads: Path, photos: Path, folder: Path) -> None:
    """Paint over the words of PHOTOS and write them to FOLDER, as backgrounds.

    QUADS is a CSV with rows `path,x1,y1,x2,y2,x3,y3,x4,y4,text`.
    """
    from fused_ocr.training.backdrops import write_backdrops

    click.echo(f"{folder}: {write_backdrops(quads, photos, folder)} photos")


@click.command("check-data")
@click.argument("annotations", type=_FILE)
@click.argument("classes", type=_FILE)
@click.option(
    "--side",
    type=click.IntRange(64),
    default=320,
    help="Of the detector's square frame.",
)
@click.option("--anchors", type=TEXT, help="AnchorConfig, JSON, to try.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def check_data(
    annotations: Path,
    classes: Path,
    side: int,
    anchors: str | None,
    *,
    as_json: bool,
) -> None:
    """Check ANNOTATIONS (CSV) and CLASSES (CSV), and how well the anchors cover them.

    Rows are `path,x1,y1,x2,y2,class`, and optionally the text, four corners
    `x1,y1,...,x4,y4` and `unreadable`; `path,,,,,` is a photo without anything.
    """
    from fused_ocr.config import AnchorConfig
    from fused_ocr.training.annotations import read_annotations, read_classes
    from fused_ocr.training.data_check import check_data as check

    names = read_classes(classes)
    config = AnchorConfig() if anchors is None else AnchorConfig.from_json(anchors)
    faults: list[AnnotationError] = []
    photos = read_annotations(annotations, names, faults)
    report = check(photos, names, config, (side, side), faults=faults)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else report.to_text())
    if not report.ok:
        raise click.ClickException("The data has errors; see above.")


@click.command("add-corners")
@click.argument("annotations", type=_FILE)
@click.argument("classes", type=_FILE)
@click.argument("refiner", type=KERAS_MODEL)
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def add_corners(annotations: Path, classes: Path, refiner: str, out: Path) -> None:
    """Write ANNOTATIONS (CSV) to OUT with the corners that REFINER sees.

    REFINER is a shipped model's name, or a .keras file of one or with one in it.
    Regions that have corners stay as they are, and those in photos that cannot be
    read; of the others the boxes become the bounds of the corners. Look at some of them
    before you train on them.
    """
    quiet_tensorflow()
    from fused_ocr.parts import load_part
    from fused_ocr.training.added_corners import with_corners
    from fused_ocr.training.annotations import (
        read_annotations,
        read_classes,
        write_annotations,
    )

    names = read_classes(classes)
    photos = read_annotations(annotations, names)
    failed: list[ImageError] = []
    photos, added = with_corners(photos, load_part(refiner, "refiner"), failed)
    write_annotations(out, photos, names)
    click.echo(f"{out}: {added} of {sum(len(p.texts) for p in photos)} got corners")
    tell_failed(failed)


@click.group()
def convert() -> None:
    """Make annotations.csv and classes.csv of a dataset in another format.

    What is left out is said, with the reason. Exit status: 0 all was understood, 1
    something was not or nothing was converted, 2 misuse.
    """


def _conversion(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every conversion."""
    for option in reversed(
        [
            click.option("--only", multiple=True, help="A class to take; else all."),
            click.option("--label", help="One class name for all boxes."),
            click.option(
                "--classes",
                type=_FILE,
                help="Number the classes as this file (CSV) does; leave out others.",
            ),
            click.option(
                "--alphabet",
                help="Characters texts may have; other texts are left out.",
            ),
            click.option(
                "--unreadable",
                multiple=True,
                default=("###",),
                help="Text that marks what nobody can read.",
            ),
            click.option(
                "--unturned",
                is_flag=True,
                help="Boxes were drawn on the photos without their EXIF turn.",
            ),
            click.option(
                "--tfrecord", is_flag=True, help="Write photos.tfrecord, too."
            ),
            click.option("--json", "as_json", is_flag=True, help="Report as JSON."),
        ]
    ):
        command = option(command)
    return command


def _placed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Source, output, and where the photos are."""
    photos = click.option(
        "--photos",
        type=_FOLDER,
        multiple=True,
        help="Folder with the photos, and its subfolders; else beside the source.",
    )
    out = click.argument("out", type=_NEW_FOLDER)
    source = click.argument("source", type=_SOURCE)
    return source(out(photos(_conversion(command))))


def _characters(command: Callable[..., Any]) -> Callable[..., Any]:
    unite = click.option(
        "--unite",
        is_flag=True,
        help="Boxes are characters, their classes say which (10 is 0): make one text.",
    )
    each = click.option(
        "--each", is_flag=True, help="The same, but each character stays a box."
    )
    return unite(each(command))


def _keyed(*, label: bool) -> Callable[..., Any]:
    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        text = click.option(
            "--text-key",
            multiple=True,
            help="Attribute with the text; else text, transcription, ...",
        )
        command = text(command)
        if not label:
            return command
        return click.option(
            "--label-key",
            multiple=True,
            help="Attribute with the class; else label, class, name, object_name, ...",
        )(command)

    return add


@convert.command()
@_placed
@_characters
@_keyed(label=False)
def voc(source: Path, out: Path, **options: Any) -> None:
    """Pascal VOC: the XML files in SOURCE."""
    from fused_ocr.training.formats.voc import read_voc

    _convert(read_voc(source, _keys(options)), source, out, options)


@convert.command()
@_placed
@_characters
@_keyed(label=True)
def via(source: Path, out: Path, **options: Any) -> None:
    """VGG Image Annotator 1 or 2: the JSON file SOURCE, or those in a folder."""
    from fused_ocr.training.formats.via import read_via

    _convert(read_via(source, _keys(options)), source, out, options)


@convert.command()
@_placed
@_characters
@_keyed(label=False)
def coco(source: Path, out: Path, **options: Any) -> None:
    """COCO: the JSON file SOURCE, or those in a folder."""
    from fused_ocr.training.formats.coco import read_coco

    _convert(read_coco(source, _keys(options)), source, out, options)


@convert.command()
@_placed
@_characters
@click.option("--names", type=_FILE, help="Names of the classes: .yaml, or one a line.")
def yolo(source: Path, out: Path, names: Path | None, **options: Any) -> None:
    """YOLO: the folder SOURCE with labels (.txt), and images beside them."""
    from fused_ocr.training.formats.yolo import read_yolo

    _convert(read_yolo(source, names), source, out, options)


@convert.command()
@_placed
@click.option("--each", is_flag=True, help="Keep a box a digit, instead of the number.")
def svhn(source: Path, out: Path, *, each: bool, **options: Any) -> None:
    """SVHN: digitStruct.mat, or the folder SOURCE with it."""
    from fused_ocr.training.formats.svhn import read_svhn

    modes = {"each": each, "unite": not each}
    _convert(read_svhn(source), source, out, {**options, **modes})


@convert.command("svhn-cropped")
@click.argument("out", type=_NEW_FOLDER)
@click.option("--split", type=click.Choice(["train", "test", "extra"]), default="train")
@click.option("--data-dir", help="Of tensorflow-datasets; nothing is downloaded.")
@_conversion
def svhn_cropped(out: Path, split: str, data_dir: str | None, **options: Any) -> None:
    """SVHN's single digits, from tensorflow-datasets; pictures go to OUT/photos."""
    from fused_ocr.training.formats.svhn import read_svhn_cropped

    quiet_tensorflow()
    photos = out / "photos"
    _convert(read_svhn_cropped(split, photos, data_dir), photos, out, options)


@convert.command()
@_placed
@click.option(
    "--columns",
    help="Such as path,x1,y1,x2,y2,text. Others: x3..y4, or x,y,w,h, or xc,yc,w,h; "
    "label; - is ignored. Else the headline or the number of columns tells.",
)
@click.option("--delimiter", default=",", help=r"Between columns; \t is a tab.")
@click.option("--encoding", default="utf-8-sig", help="Of the file.")
@click.option("--relative", is_flag=True, help="Places are parts of width and height.")
def texts(source: Path, out: Path, columns: str | None, **options: Any) -> None:
    """Texts: the CSV file SOURCE, a row a text, with or without its place."""
    from fused_ocr.training.formats.texts import parse_columns, read_texts

    items = read_texts(
        source,
        parse_columns(columns) if columns else (),
        delimiter=options["delimiter"].replace(r"\t", "\t"),
        encoding=options["encoding"],
        relative=options["relative"],
    )
    _convert(items, source, out, options)


@convert.command()
@click.argument("source", type=_SOURCE)
@click.argument("out", type=_NEW_FOLDER)
@_conversion
def tfrecord(source: Path, out: Path, **options: Any) -> None:
    """TFRecords of the TF Object Detection API; photos go to OUT/photos."""
    quiet_tensorflow()
    from fused_ocr.training.formats.tfrecord import read_tfrecord

    photos = out / "photos"
    _convert(read_tfrecord(source, photos), photos, out, options)


@convert.command()
@click.argument("annotations", type=_FILE)
@click.argument("annotated_classes", metavar="CLASSES", type=_FILE)
@click.argument("out", type=_NEW_FOLDER)
@_conversion
def own(annotations: Path, annotated_classes: Path, out: Path, **options: Any) -> None:
    """Our own form again: to filter it, or to make a TFRecord of it."""
    from fused_ocr.training.formats.own import read_own

    _convert(read_own(annotations, annotated_classes), annotations, out, options)


def _keys(options: dict[str, Any]) -> Any:
    from fused_ocr.training.formats.parsing import Keys

    given = {
        name: options[f"{name}_key"]
        for name in ("label", "text")
        if options.get(f"{name}_key")
    }
    return Keys(**given)


def _convert(
    items: Iterable[Any], source: Path, out: Path, options: dict[str, Any]
) -> None:
    from rich.console import Console
    from rich.progress import track

    from fused_ocr.training.annotations import read_classes
    from fused_ocr.training.conversion import convert as run
    from fused_ocr.training.formats.checking import Rules
    from fused_ocr.training.formats.photo_folders import PhotoFolders

    unite, each = options.get("unite"), options.get("each")
    if unite and each:
        raise click.UsageError("--unite and --each: give one of the two.")
    if options["tfrecord"]:
        quiet_tensorflow()
    rules = Rules(
        only=options["only"],
        label=options["label"],
        characters="unite" if unite else "each" if each else None,
        alphabet=options["alphabet"],
        unreadable=options["unreadable"],
        unturned=options["unturned"],
    )
    console = Console(stderr=True)
    report = run(
        track(items, "converting", console=console, disable=not console.is_terminal),
        out,
        PhotoFolders(options.get("photos", ()), source),
        rules,
        classes=read_classes(options["classes"]) if options["classes"] else (),
        tfrecord=options["tfrecord"],
    )
    click.echo(
        json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
        if options["as_json"]
        else report.to_text()
    )
    if report.failed:
        raise click.ClickException(f"Not understood: {report.failed}; see above.")
    if not report.ok:
        raise click.ClickException(
            f"Nothing was converted: no box or photo in {source}."
        )


COMMANDS = (add_corners, backdrops, check_data, convert)
"""The commands, for `fused_ocr.cli`."""
