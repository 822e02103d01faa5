"""The commands that read archives of photos and find photos in them."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fused_ocr.errors import ArchiveError
from fused_ocr.files import one_line, set_aside
from fused_ocr.images import MAX_PIXELS

if TYPE_CHECKING:
    from fused_ocr.archive.search import Hit
    from fused_ocr.archive.tagging import Progress

__all__ = ["COMMANDS"]

_EVERY = 30
"""Seconds between lines of progress where there is no terminal."""

_LARGEST_SHEET = 200
"""Photos on a contact sheet."""

_NAMED = 10
"""Photos that cannot be read, named one by one; all are in the index."""

_INDEX = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("photos", nargs=-1, required=True)
@click.option("--out", "-o", type=_INDEX, required=True, help="Folder of the index.")
@click.option(
    "--model", "-m", default="digits", help="Shipped name, .keras, SavedModel, .tflite."
)
@click.option("--ray-address", help="Of a Ray cluster, HOST:PORT or auto.")
@click.option("--batch-size", type=click.IntRange(1), default=2, help="Photos at once.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Readers; one on each processor, as far as memory goes, if left out.",
)
@click.option(
    "--min-score",
    "--score-threshold",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Leave out worse readings.",
)
@click.option(
    "--max-pixels", type=click.IntRange(1), default=MAX_PIXELS, help="Per photo."
)
@click.option("--restart", is_flag=True, help="Forget the index, read all again.")
@click.option("--retry-errors", is_flag=True, help="Also photos that failed before.")
def tag(photos: tuple[str, ...], out: Path, model: str, **options: Any) -> None:
    """Read PHOTOS into an index, to `fused-ocr find` them by what they say.

    PHOTOS are files, folders with their subfolders, patterns like '*.jpg', tar shards,
    and URIs like s3://bucket/folder. Given again, the command goes on where it was, and
    reads what is new; what changed under its name is read again with --restart alone.
    Photos that cannot be read are in the index with their error; if there are any, or
    something could not be looked into, the exit status is 1.
    """
    from fused_ocr.extras import needed

    with needed("An archive", "archive,tf"):
        import fsspec  # noqa: F401
        import pyarrow  # noqa: F401
    from fused_ocr.archive.index import open_index
    from fused_ocr.archive.listing import list_photos
    from fused_ocr.archive.model import ArchiveModel
    from fused_ocr.archive.tagging import TagSettings, tag

    chosen = ArchiveModel.of(model)
    listing = list_photos(photos)
    for reason in listing.skipped:
        click.echo(f"Skipped: {one_line(reason)}", err=True)
    if not listing.sources.num_rows:
        raise click.UsageError(f"No photos in {one_line(' '.join(photos))}.")
    steps = tag(listing, out, chosen, TagSettings(**options))
    try:
        # Ray prints there what happens to its processes.
        with contextlib.redirect_stdout(_Nowhere()):
            progress = _shown(steps)
    except KeyboardInterrupt:
        raise ArchiveError(
            f"Interrupted. What was read is in {out}; the same command reads the rest."
        ) from None
    click.echo(_summary(out, progress))
    errors = open_index(out).errors()
    for photo, reason in errors[:_NAMED]:
        click.echo(f"Not read: {one_line(photo)}: {one_line(reason)}", err=True)
    if errors or listing.skipped:
        raise click.ClickException(
            f"{len(errors):,} of {progress.read + progress.before:,} photos could not "
            f"be read (--retry-errors); {len(listing.skipped):,} places were skipped."
        )


@click.command()
@click.argument("text", required=False)
@click.option("--index", "-i", "folder", type=_INDEX, required=True, help="From tag.")
@click.option(
    "--like", help="Or what it looks like: ? is any character, * any number of them."
)
@click.option(
    "--max-distance",
    type=click.IntRange(0),
    default=0,
    help="Characters that may be wrong, missing or too many against TEXT.",
)
@click.option(
    "--min-score", type=click.FloatRange(0, 1), default=0.0, help="Of the reading."
)
@click.option("--limit", type=click.IntRange(1), help="Photos at most.")
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Write a contact sheet, a PNG: the first {_LARGEST_SHEET}, readings drawn.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def find(
    text: str | None,
    folder: Path,
    *,
    sheet: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Find the photos in which TEXT was read, exact ones first, then the surest."""
    from fused_ocr.archive.index import open_index
    from fused_ocr.archive.search import find

    index = open_index(folder)
    hits = find(index, text, **options)
    for hit in hits:
        if as_json:
            click.echo(json.dumps(dataclasses.asdict(hit), ensure_ascii=False))
        else:
            photo, reading = one_line(hit.photo), one_line(hit.reading)
            click.echo(f"{photo}: {reading}  ({hit.score:.0%})")
    if not hits:
        click.echo("Nothing was found.", err=True)
    if sheet is not None:
        _write_sheet(index, hits, sheet)


def _write_sheet(index: Any, hits: list[Hit], path: Path) -> None:
    from fused_ocr.archive.sheet import sheet_of

    picture, missing = sheet_of(index, hits[:_LARGEST_SHEET])
    with set_aside(path) as aside:
        picture.save(aside, "PNG")
    for reason in missing:
        click.echo(f"Missing: {one_line(reason)}", err=True)
    if len(hits) > _LARGEST_SHEET:
        click.echo(f"{path} has the first {_LARGEST_SHEET} of {len(hits)}.", err=True)
    if missing:
        raise click.ClickException(f"{len(missing)} photos are not on {path}.")


def _shown(steps: Iterator[Progress]) -> Progress:
    """Run the job and tell how far it is, on stderr."""
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True)
    last = next(steps)
    if last.before:
        console.print(f"{last.before:,} photos are in the index already.")
    started = told = time.monotonic()
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(
        *columns,
        console=console,
        disable=not console.is_terminal,
        redirect_stdout=False,
        redirect_stderr=False,
        speed_estimate_period=300,
    ) as bar:
        task = bar.add_task("starting", total=last.photos, rate="")
        for last in steps:
            # From the first chunk on: the start of Ray and the models is no rate.
            now = time.monotonic()
            if last.read and bar.tasks[0].completed == 0:
                started, first = now, last.read
            speed = (last.read - first) / (now - started) if now > started else 0.0
            bar.update(
                task,
                description="reading",
                completed=last.read,
                rate=f"{speed:.1f}/s" if speed else "",
            )
            if not console.is_terminal and now - told > _EVERY and speed:
                told = now
                left = (last.photos - last.read) / speed
                click.echo(
                    f"{last.read:,} of {last.photos:,} photos, {speed:.1f}/s, "
                    f"{left / 60:.0f} min left",
                    err=True,
                )
    return last


class _Nowhere(io.TextIOBase):
    """Takes what is printed; never closed, because Ray keeps it to the end."""

    def write(self, text: str) -> int:
        return len(text)


def _summary(out: Path, progress: Progress) -> str:
    nodes = {worker.split(":")[0] for worker in progress.workers}
    read = f"{progress.read:,} photos read" if progress.read else "nothing left to read"
    line = f"{out}: {read}, {progress.read + progress.before:,} in the index"
    if progress.workers:
        line += f"; {len(progress.workers)} workers on {len(nodes)} nodes"
    return line


COMMANDS = (find, tag)
"""The commands, for `fused_ocr.cli`."""
