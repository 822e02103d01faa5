"""Synthetic scenes written as photos with annotations."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from rich.progress import track

from .annotations import AnnotatedPhoto, write_annotations, write_classes
from .feed import ordered
from .pictures import contact_sheet
from .scenes import Scene

__all__ = ["write_scenes"]

_ON_SHEET = 36


def write_scenes(
    folder: Path, make: Callable[[int], Scene], count: int, *, sheet: bool = True
) -> int:
    """Write PNG pictures, `annotations.csv`, `classes.csv` and a contact sheet.

    Args:
        folder: made if need be.
        make: the scene of an index.
        count: how many.
        sheet: whether to draw `sheet.jpg`.

    Returns:
        How many characters there are.
    """
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    photos: list[AnnotatedPhoto] = []
    shown: list[tuple[np.ndarray, str]] = []
    scenes = itertools.islice(ordered(make, workers=1), count)
    for i, scene in enumerate(track(scenes, "drawing", total=count)):
        path = pictures / f"{i:06}.png"
        Image.fromarray(scene.image).save(path)
        labels = np.zeros(len(scene.characters), np.int64)
        photos.append(AnnotatedPhoto(path, scene.boxes_yxyx, labels, scene.characters))
        if len(shown) < _ON_SHEET:
            shown.append((scene.image, " ".join(scene.texts) or "nothing"))
    classes = ("character",)
    write_classes(folder / "classes.csv", classes)
    write_annotations(folder / "annotations.csv", photos, classes)
    if sheet:
        images, captions = zip(*shown, strict=True)
        contact_sheet(list(images), list(captions), columns=6).save(
            folder / "sheet.jpg"
        )
    return sum(len(photo.texts) for photo in photos)
