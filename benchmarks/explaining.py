"""Measures explanations: how often they say right why a text is not read.

    python benchmarks/explaining.py --model plates ANNOTATIONS.csv CLASSES.csv

First the photos as they are: of those whose text is not read, how many have it among
what the detector found likely, and in how many another look reads it; and how many of
those that are read get an advice all the same. Then photos that are read, each spoilt
in a known way, and how many of those that are no longer read get the right text, and
the right advice.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from rich.progress import track

from fused_ocr.explaining.explanation import Explanation
from fused_ocr.images import read_image
from fused_ocr.reader import load
from fused_ocr.training.annotations import read_annotations, read_classes

Pixels = npt.NDArray[np.uint8]
Box = npt.NDArray[np.float32]


def far(image: Pixels, _: Box) -> Pixels:
    """A grey photo, of which a fifth of each side is the photo."""
    height, width = image.shape[:2]
    small = np.full((5 * height, 5 * width, 3), 127, np.uint8)
    small[2 * height : 3 * height, 2 * width : 3 * width] = image
    return small


def tight(image: Pixels, box: Box) -> Pixels:
    """What the box holds, and no more."""
    (y1, x1), (y2, x2) = np.floor(box[:2]).astype(int), np.ceil(box[2:]).astype(int)
    return image[max(0, y1) : y2, max(0, x1) : x2]


SPOILT: dict[str, tuple[Callable[[Pixels, Box], Pixels], tuple[str, ...]]] = {
    "upside down": (lambda image, _: image[::-1, ::-1], ("Turn",)),
    "on its side": (lambda image, _: np.rot90(image), ("Turn",)),
    "mirrored": (lambda image, _: image[:, ::-1], ("The photo is mirrored",)),
    "a fifth as large": (far, ("It is too small",)),
    "cut out tightly": (tight, ("It fills the photo",)),
    "nearly black": (lambda image, _: image // 24, ("The photo is dull", "Hardly")),
}
"""What is done to a photo, and how the advice that fits begins."""


def others(why: Explanation) -> list[str]:
    """The texts that other looks read."""
    return [one.text for trial in why.trials for one in trial.readings]


def left_out(why: Explanation) -> dict[str, str]:
    """The texts that were left out, and what left them out."""
    return {
        one.text: " and ".join(one.settings) or one.left_out
        for one in why.candidates or ()
        if one.left_out
    }


@click.command()
@click.argument("annotations", type=click.Path(exists=True))
@click.argument("classes", type=click.Path(exists=True))
@click.option("--model", default="plates")
@click.option("--most", type=click.IntRange(1), help="Photos.")
def main(annotations: str, classes: str, model: str, most: int | None) -> None:
    """Print two tables."""
    reader = load(model)
    photos = read_annotations(annotations, read_classes(Path(classes)))[:most]
    right: list[tuple[Pixels, Box, str]] = []
    causes: Counter[str] = Counter()
    needless = 0
    for photo in track(photos, "as they are"):
        image = read_image(photo.path)
        texts = [text for text in photo.texts if text]
        if len(texts) != 1:
            continue
        (text,) = texts
        if text in reader.predict(image).texts:
            right.append((image, photo.boxes_yxyx[photo.texts.index(text)], text))
            needless += bool(reader.explain(image).advice)
            continue
        why = reader.explain(image)
        if text in left_out(why):
            causes[f"left out by {left_out(why)[text]}"] += 1
        elif text in others(why):
            causes["read in another look"] += 1
        else:
            causes["neither"] += 1
    print("| text not read | photos |\n|---|---|")
    for cause, count in causes.most_common():
        print(f"| {cause} | {count} |")
    print(f"\n{needless} of {len(right)} that are read get an advice.")
    print("\n| photos that were read, | no longer read | found | right advice |")
    print("|---|---|---|---|")
    for name, (spoil, advice) in SPOILT.items():
        lost = found = advised = 0
        for image, box, text in track(right, name):
            picture = np.ascontiguousarray(spoil(image, box))
            if text in reader.predict(picture).texts:
                continue
            why = reader.explain(picture)
            lost += 1
            found += text in others(why) or text in left_out(why)
            advised += any(one.startswith(advice) for one in why.advice)
        print(f"| {name} | {lost} of {len(right)} | {found} | {advised} |", flush=True)


if __name__ == "__main__":
    main()
