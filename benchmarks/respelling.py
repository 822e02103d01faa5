"""Measures what a known format of texts is worth.

    python benchmarks/respelling.py ANNOTATIONS.csv CLASSES.csv '[A-Z]{2}[0-9]{5}'

Counts the texts of that format in annotated photos, and how many are read exactly, as
they are read and as `Readings.respelt` has them; and what else is read there.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time
from collections import Counter
from pathlib import Path

import click
from rich.progress import track

from fused_ocr.reader import load
from fused_ocr.spelling import compiled
from fused_ocr.training.annotations import read_annotations, read_classes


@click.command()
@click.argument("annotations", type=click.Path(exists=True))
@click.argument("classes", type=click.Path(exists=True))
@click.argument("pattern")
@click.option("--model", default="plates")
def main(annotations: str, classes: str, pattern: str, model: str) -> None:
    """Print the table."""
    reader, expression = load(model), compiled(pattern)
    photos = read_annotations(annotations, read_classes(Path(classes)))
    photos = [p for p in photos if any(map(expression.fullmatch, p.texts))]
    if not photos:
        raise click.UsageError(f"No text of {annotations} has the format {pattern!r}.")
    known, right, other = 0, Counter[str](), Counter[str]()
    seconds = 0.0
    for photo in track(photos, "reading"):
        texts = Counter(filter(expression.fullmatch, photo.texts))
        known += texts.total()
        readings = reader.predict(photo.path)
        start = time.perf_counter()
        respelt = readings.respelt(expression)
        seconds += time.perf_counter() - start
        for name, found in (("as read", readings), ("respelt", respelt)):
            hits = (texts & Counter(found.texts)).total()
            right[name] += hits
            other[name] += sum(map(bool, found.texts)) - hits
    print(f"\n| of {known} texts | right | other texts |\n|---|---|---|")
    for name in ("as read", "respelt"):
        print(f"| {name} | {right[name]} ({right[name] / known:.1%}) | {other[name]} |")
    print(f"\n{seconds / len(photos) * 1e3:.1f} ms a photo for the spelling")


if __name__ == "__main__":
    main()
