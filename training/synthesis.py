"""Synthetic scenes written as photos with annotations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from rich.progress import track

from fused_ocr.errors import AnnotationError

from .annotations import AnnotatedPhoto, write_annotations, write_classes
from .feed import ordered
from .pictures import contact_sheet
from .regions.region_scene import RegionScene
from .scenes import Scene

__all__ = ["write_scenes"]

_ON_SHEET = 36


def write_scenes(
    folder: Path,
    make: Callable[[int], Scene] | Callable[[int], RegionScene],
    count: int,
    *,
    classes: Sequence[str] = ("character",),
    sheet: bool = True,
) -> int:
    """Write PNG pictures, `annotations.csv`, `classes.csv` and a contact sheet.

    Pictures of an earlier run in the same folder are replaced, and those that it had
    more are removed.

    Args:
        folder: made if need be.
        make: the scene of an index; picklable.
        count: how many.
        classes: that the annotations have; the labels of regions are among them.
        sheet: whether to draw `sheet.jpg`, with the corners of regions.

    Returns:
        How many characters or regions there are.

    Raises:
        AnnotationError: a region's label is not among the classes.
    """
    pictures = folder / "pictures"
    photos: list[AnnotatedPhoto] = []
    shown: list[tuple[np.ndarray, str]] = []
    scenes = itertools.islice(ordered(make, workers=1), count)
    for i, scene in enumerate(track(scenes, "drawing", total=count)):
        pictures.mkdir(parents=True, exist_ok=True)  # once something can be drawn
        path = pictures / f"{i:06}.png"
        # Packing as well as PNG can takes longer than drawing.
        Image.fromarray(scene.image).save(path, compress_level=1)
        photos.append(_annotated(path, scene, classes))
        if len(shown) < _ON_SHEET:
            shown.append((_outlined(scene), " ".join(scene.texts).strip() or "nothing"))
    for path in {*pictures.glob(f"{'[0-9]' * 6}.png")} - {p.path for p in photos}:
        path.unlink()
    write_classes(folder / "classes.csv", classes)
    write_annotations(folder / "annotations.csv", photos, classes)
    if sheet:
        images, captions = zip(*shown, strict=True)
        contact_sheet(list(images), list(captions), columns=6).save(
            folder / "sheet.jpg"
        )
    return sum(len(photo.texts) for photo in photos)


def _annotated(
    path: Path, scene: Scene | RegionScene, classes: Sequence[str]
) -> AnnotatedPhoto:
    if isinstance(scene, Scene):
        labels = np.zeros(len(scene.characters), np.int64)
        return AnnotatedPhoto(path, scene.boxes_yxyx, labels, scene.characters)
    missing = set(scene.labels) - set(classes)
    if missing:
        raise AnnotationError(
            f"{path}: the classes must have {sorted(missing)}. Received: "
            f"{list(classes)}."
        )
    return AnnotatedPhoto(
        path,
        scene.boxes_yxyx,
        np.array([list(classes).index(one) for one in scene.labels], np.int64),
        scene.texts,
        scene.quads_yx,
        scene.readable,
    )


def _outlined(scene: Scene | RegionScene) -> np.ndarray:
    """The picture; regions have a green line around, or red if not readable."""
    if isinstance(scene, Scene):
        return scene.image
    image = Image.fromarray(scene.image)
    draw = ImageDraw.Draw(image)
    for quad, readable in zip(scene.quads_yx, scene.readable, strict=True):
        outline = [(float(x), float(y)) for y, x in (*quad, quad[0])]
        draw.line(outline, fill="lime" if readable else "red")
    return np.asarray(image)
