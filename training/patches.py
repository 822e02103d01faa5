"""Recogniser data: small grey pictures of one character each, from many sources.

A patch is uint8 (40, 40): the 28x28 in its middle are what the crop layer would cut
around the character (squared box, grown 1.3 times); the rest is what augmentation moves
into view. A `Pool` is the patches of one source.
"""

from __future__ import annotations

import dataclasses
import itertools
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.progress import track

from fused_ocr.alphabet import DIGITS, Alphabet
from fused_ocr.boxes import Boxes, iou_matrix
from fused_ocr.config import CropConfig
from fused_ocr.errors import ConfigError, ImageError

from .annotations import AnnotatedPhoto
from .feed import ordered
from .photo_images import image_of, leave_out
from .scenes import Scene

__all__ = [
    "NOT_DIGITS",
    "PATCH",
    "Pool",
    "annotated_pool",
    "concatenate",
    "cut_patches",
    "digit_photo_pool",
    "glyph_pool",
    "mnist_pool",
    "part",
    "scene_pool",
]

PATCH = 40
"""Side of a patch, pixels."""

CROP = 28
"""Side of the crop in its middle."""

_VALIDATION_PART = 20
"""One example in this many is kept for validation."""

NOT_DIGITS = "ACEFHJKMNPRTUVWXY"
"""Capitals that no one takes for a digit: they are read as blank."""


@dataclasses.dataclass(frozen=True)
class Pool:
    """The patches of one source.

    Attributes:
        name: of the source.
        patches: uint8 (n, 40, 40).
        labels: int64 (n,), indices into the alphabet, its length for the blank.
        weight: how often a training batch draws from this pool.
        invert: whether black and white may be swapped in training.
    """

    name: str
    patches: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    weight: float
    invert: bool = False

    def __post_init__(self) -> None:
        if len(self.patches) != len(self.labels) or not len(self.labels):
            raise ConfigError(
                f"Pool {self.name!r} needs a label for every patch, and one at least. "
                f"Received: {len(self.patches)} patches, {len(self.labels)} labels."
            )

    def part(self, *, held: bool) -> Pool:
        """The patches that are kept for validation, or the others."""
        keep = part(len(self.labels), held=held)
        return dataclasses.replace(
            self, patches=self.patches[keep], labels=self.labels[keep]
        )


def part(count: int, *, held: bool) -> npt.NDArray[np.bool_]:
    """Which of some examples are kept for validation, or the others.

    A set of a few is its own validation.
    """
    keep = np.asarray((np.arange(count) % _VALIDATION_PART == 0) == held)
    return keep if keep.any() else ~keep


def mnist_pool(split: str, data_dir: str | None, weight: float) -> Pool:
    """MNIST as it is, in the middle of black patches."""
    from .mnist import load_mnist

    images, labels = load_mnist(split, data_dir)
    return Pool("mnist", _centred(images), labels, weight, invert=True)


def glyph_pool(path: Path, alphabet: Alphabet, weight: float) -> Pool:
    """Computer-font and plate characters from an npz (`images`, `labels`).

    Characters of the alphabet keep their label; for digits, capitals that look like
    none of them are blanks.
    """
    images, names = _arrays(path, "images", "labels")
    wanted = list(alphabet.characters)
    blanks = list(NOT_DIGITS) if alphabet.characters == DIGITS else []
    keep = np.isin(names, wanted + blanks)
    # A picture with two labels teaches nothing.
    _, inverse, counts = np.unique(
        images.reshape(len(images), -1), axis=0, return_inverse=True, return_counts=True
    )
    keep &= counts[inverse.reshape(-1)] == 1
    labels = [
        alphabet.encode(str(name))[0] if name in alphabet else alphabet.blank
        for name in names[keep]
    ]
    return Pool(
        "glyphs",
        _centred(images[keep]),
        np.array(labels, np.int64),
        weight,
        invert=True,
    )


def digit_photo_pool(
    path: Path, sources: Callable[[npt.NDArray], npt.NDArray], weight: float
) -> Pool:
    """Photos of single digits from an npz (`images`, `labels`, `source`).

    Args:
        path: the file; images uint8 (n, h, w, 3).
        sources: from the `source` column to which pictures are wanted, bool (n,):
            pictures of one source are near copies, so halves are parted by source.
        weight: see `Pool`.
    """
    pictures, digits, origin = _arrays(path, "images", "labels", "source")
    keep = sources(origin)
    if not keep.any():
        raise ConfigError(
            f"{path} has no pictures in this half: its {len(np.unique(origin))} "
            "sources are parted by their numbers, one in five for measuring."
        )
    images, labels = pictures[keep], digits[keep].astype(np.int64)
    return Pool(path.stem, np.stack([_photo_patch(i) for i in images]), labels, weight)


def scene_pool(
    make: Callable[[int], Scene],
    count: int,
    alphabet: Alphabet,
    weight: float,
    *,
    workers: int = 1,
    seed: int = 0,
) -> Pool:
    """Characters of synthetic scenes, and places without one as blanks.

    Args:
        make: the scene of an index; picklable, all pictures of one size.
        count: how many scenes.
        alphabet: of the labels.
        weight: see `Pool`.
        workers: processes that make scenes.
        seed: decides where the blanks are taken.
    """
    patches: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    stream = itertools.islice(ordered(make, workers=workers), count)
    shown = track(stream, "scenes to patches", total=count)
    rng = np.random.default_rng(seed)
    while group := list(itertools.islice(shown, 16)):
        empty = [_empty_places(rng, scene) for scene in group]
        boxes = [
            np.concatenate([scene.boxes_yxyx, places])
            for scene, places in zip(group, empty, strict=True)
        ]
        cut = cut_patches(np.stack([scene.image for scene in group]), boxes)
        for scene, places, one in zip(group, empty, cut, strict=True):
            patches.append(one)
            labels += alphabet.encode("".join(scene.characters))
            labels += [alphabet.blank] * len(places)
    return Pool("scenes", np.concatenate(patches), np.array(labels, np.int64), weight)


def annotated_pool(
    photos: Sequence[AnnotatedPhoto], alphabet: Alphabet, weight: float
) -> Pool:
    """Characters of annotated photos: boxes whose text is one character.

    Raises:
        ConfigError: no box has a text of one character of the alphabet.
        ImageError: none of the photos can be read; of some, the others are taken.
    """
    patches: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    failed: list[ImageError] = []
    for photo in track(photos, "photos to patches"):
        single = [i for i, text in enumerate(photo.texts) if text in alphabet]
        image = image_of(photo.path, failed) if single else None
        if image is not None:
            patches += cut_patches(image[None], [photo.boxes_yxyx[single]])
            labels += alphabet.encode("".join(photo.texts[i] for i in single))
    leave_out(failed, kept=len(labels))
    if not labels:
        raise ConfigError(
            f"None of the {len(photos)} annotated photos has a box whose text is one "
            f"of {alphabet.characters!r}. Put the character behind the class, as the "
            "row's seventh column."
        )
    return Pool("own", np.concatenate(patches), np.array(labels, np.int64), weight)


def cut_patches(
    images: npt.NDArray[np.uint8], boxes_yxyx: Sequence[Boxes]
) -> list[npt.NDArray[np.uint8]]:
    """Patches of the boxes of B photos of one size, by the library's own crop layer.

    Args:
        images: uint8 (B, H, W, 3).
        boxes_yxyx: B arrays (n, 4).

    Returns:
        B arrays uint8 (n, 40, 40).
    """
    from fused_ocr.cropping import CropResize

    counts = np.array([len(b) for b in boxes_yxyx], np.int32)
    padded = np.zeros((len(images), max(1, counts.max(initial=0)), 4), np.float32)
    for row, boxes in zip(padded, boxes_yxyx, strict=True):
        row[: len(boxes)] = boxes
    layer = CropResize(
        CropConfig(size_yx=(PATCH, PATCH), grow=CropConfig().grow * PATCH / CROP)
    )
    crops = layer(images, padded, counts).numpy()[..., 0]
    whole = np.round(crops * 255).astype(np.uint8)
    return [one[:n] for one, n in zip(whole, counts, strict=True)]


def _arrays(path: Path, *names: str) -> list[npt.NDArray[Any]]:
    """Arrays of an npz file; raises `ConfigError` if it is none or lacks one."""
    try:
        with np.load(path) as data:
            return [data[name] for name in names]
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(
            f"{path} is no npz file with the arrays {', '.join(names)}: {error}."
        ) from error


def _centred(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    rim = (PATCH - CROP) // 2
    return np.pad(images, ((0, 0), (rim, rim), (rim, rim)))


def _photo_patch(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A photo of a digit as tall as the crop, its border continued to the patch's."""
    height, width = image.shape[:2]
    scale = CROP / max(height, width)
    size = (round(width * scale), round(height * scale))
    small = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR).convert("L")
    rest_y, rest_x = PATCH - size[1], PATCH - size[0]
    rims = ((rest_y // 2, rest_y - rest_y // 2), (rest_x // 2, rest_x - rest_x // 2))
    return np.pad(np.asarray(small), rims, mode="edge")


def _empty_places(rng: np.random.Generator, scene: Scene) -> Boxes:
    """A few boxes that hold no character: elsewhere, and between neighbours."""
    height, width = scene.image.shape[:2]
    side = np.exp(rng.uniform(np.log(0.04), np.log(0.3), (4, 1))) * max(height, width)
    sides = side * np.array([[1.0, 0.7]])
    corner = rng.uniform(0, 1, (4, 2)) * np.maximum([height, width] - sides, 1)
    boxes = np.concatenate([corner, corner + sides], 1).astype(np.float32)
    if len(scene.boxes_yxyx):
        # What holds a small character is no blank either, so the IoU is not enough.
        grown = boxes + np.float32(0.15) * np.concatenate([-sides, sides], 1)
        boxes = boxes[iou_matrix(grown, scene.boxes_yxyx).max(1) == 0]
    return np.concatenate([boxes[:2], _between(scene)[:1]]).astype(np.float32)


def _between(scene: Scene) -> Boxes:
    """Boxes in the middle between two characters of a line."""
    found = []
    for line in scene.lines:
        for one, other in itertools.pairwise(line):
            a, b = scene.boxes_yxyx[one], scene.boxes_yxyx[other]
            if b[1] - a[3] > 0.25 * (a[2] - a[0]):
                found.append((a + b) / 2)
    return np.array(found, np.float32).reshape(-1, 4)


def concatenate(pools: Iterable[Pool]) -> tuple[npt.NDArray, npt.NDArray]:
    """All patches and labels of several pools."""
    pools = list(pools)
    return (
        np.concatenate([p.patches for p in pools]),
        np.concatenate([p.labels for p in pools]),
    )
