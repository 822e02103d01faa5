"""Data of refiners: regions with a wide rim, cut out as a detector would have them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from fused_ocr.boxes import CORNER_EDGES, Boxes
from fused_ocr.config import CropConfig
from fused_ocr.cropping import CropResize
from fused_ocr.errors import ConfigError, ImageError
from fused_ocr.rectification import RectifyQuads

from .annotations import AnnotatedPhoto, Quads
from .photo_images import image_of, leave_out
from .sources import drawn
from .strip_augmentation import StripAugmentation

__all__ = ["CornerBatches", "CornerPatches", "corner_patches"]

_SIZE = (112, 224)
"""Height and width of a patch, pixels: the shape of a crop."""

_AROUND = 2.4
"""A patch in the smallest crop that holds the region: room for one that is off and
grown."""

_AS_BOX = 0.35
"""Part of the regions with known corners that start from the box around them."""

_CUT = 0.3
"""Part of the starts that lack something at the left or the right: a detector leaves
out a first or last character."""

_MISSING = 0.3
"""Of their width, at most."""

_LEAST = 4.0
"""Pixels of the photo: a smaller region has no corners to see."""


@dataclasses.dataclass(frozen=True)
class CornerPatches:
    """The regions of one source, each in the middle of its patch.

    Attributes:
        name: of the source.
        pixels: uint8 (n, 112, 224), grey.
        quads_yx: float32 (n, 4, 2), corners in pixel edges of the patch, clockwise from
            the text's top left; those of the box where the others are unknown.
        known: bool (n,), whether they are more than a box's.
        weight: how often a training batch draws from this source.
    """

    name: str
    pixels: npt.NDArray[np.uint8]
    quads_yx: Quads
    known: npt.NDArray[np.bool_]
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.pixels)

    def part(self, keep: npt.NDArray[Any]) -> CornerPatches:
        """Some of the patches: a mask of bools, or indices."""
        columns = ("pixels", "quads_yx", "known")
        return dataclasses.replace(
            self, **{column: getattr(self, column)[keep] for column in columns}
        )


def corner_patches(
    photos: Sequence[AnnotatedPhoto], name: str = "photos"
) -> CornerPatches:
    """The regions of annotated photos, with what is around them.

    Raises:
        ConfigError: there is no region of at least 4 pixels.
        ImageError: none of the photos can be read; of some, the others are taken.
    """
    crop = CropResize(CropConfig(size_yx=_SIZE, grow=_AROUND))

    @tf.function(
        input_signature=[
            tf.TensorSpec((1, None, None, 3), tf.uint8),
            tf.TensorSpec((1, None, 4), tf.float32),
        ]
    )
    def cut(image: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
        return crop(image, boxes, tf.shape(boxes)[1:2])[0, ..., 0]

    pixels, quads, known = [], [], []
    failed: list[ImageError] = []
    console = Console(stderr=True)
    for photo in track(photos, f"cutting {escape(name)}", console=console):
        sides = photo.boxes_yxyx[:, 2:] - photo.boxes_yxyx[:, :2]
        rows = np.flatnonzero(sides.min(1, initial=np.inf) >= _LEAST)
        image = image_of(photo.path, failed) if len(rows) else None
        if image is None:
            continue
        boxes = photo.boxes_yxyx[rows]
        corners = photo.quads_yx[rows]
        sure = np.asarray(np.isfinite(corners.reshape(-1, 8)).all(1))
        corners = np.where(sure[:, None, None], corners, _corners(boxes))
        start, scale = _patch_of(boxes)
        grey = cut(image[None], boxes[None]).numpy()
        pixels.append(np.asarray(np.rint(grey * 255), np.uint8))
        quads.append((corners - start[:, None]) * scale[:, None, None])
        known.append(sure)
    leave_out(failed, kept=len(pixels))
    if not pixels:
        raise ConfigError(
            f"There is no region in {name!r} to learn from: none is at least "
            f"{_LEAST:.0f} pixels high and wide."
        )
    return CornerPatches(
        name,
        np.concatenate(pixels),
        np.concatenate(quads).astype(np.float32),
        np.concatenate(known),
    )


def _patch_of(boxes: Boxes) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Top left corners of the patches in the photo, and patch pixels a photo pixel."""
    size = np.array(_SIZE, np.float32)
    pixel = _AROUND * ((boxes[:, 2:] - boxes[:, :2]) / size).max(1)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return centre - pixel[:, None] * size / 2, 1 / pixel


def _corners(boxes: Boxes) -> Quads:
    """Corners (n, 4, 2) of boxes (n, 4), clockwise from the top left."""
    return boxes[:, CORNER_EDGES].reshape(-1, 4, 2)


@dataclasses.dataclass(frozen=True)
class CornerBatches:
    """Batches of crops with the corners in them, each decided by its number alone.

    A batch is crops float32 (b, h, w, 1) in 0..1, and float32 (b, 9): y and x of four
    corners, clockwise from the text's top left, in parts of the crop's sides; and 1 if
    they are known, 0 if they are those of the upright box around the region.

    Attributes:
        sources: at least one.
        crop: as the graph will cut.
        batch_size: crops a batch.
        seed: another seed, other batches.
        light: what happens to the pixels of crops.
    """

    sources: Sequence[CornerPatches]
    crop: CropConfig
    batch_size: int
    seed: int
    light: StripAugmentation

    def __call__(self, first: int) -> Iterator[Any]:
        """The batches from a given one on."""
        layer = RectifyQuads(self.crop)

        @tf.function
        def cut(patches: Any, starts: Any, quads: Any, seed: Any) -> tuple[Any, Any]:
            grey = tf.repeat(patches[..., None], 3, -1)
            starts = starts[:, None]
            crops = layer(grey, starts, tf.ones(tf.shape(starts)[0], tf.int32))[:, 0]
            corners = layer.to_crop(starts, quads[:, None])[:, 0]
            return self.light.in_another_light(crops, seed), corners

        for number in itertools.count(first):
            rng = np.random.default_rng([self.seed, number])
            picks = drawn(self.sources, self.batch_size, rng)
            pixels, quads, known = (
                np.concatenate([getattr(pick, column) for pick in picks])
                for column in ("pixels", "quads_yx", "known")
            )
            starts = _starts(rng, quads, known)
            seed = tf.constant([self.seed, 2 * number], tf.int32)
            crops, corners = cut(pixels, starts, quads, seed)
            corners = corners.numpy().reshape(-1, 8)
            yield crops.numpy(), np.concatenate([corners, known[:, None]], 1)


def _starts(
    rng: np.random.Generator, quads: Quads, known: npt.NDArray[np.bool_]
) -> Quads:
    """Corners as a detector may have them: moved, turned and bent; or a box's."""
    n = len(quads)
    low, high = quads.min(1), quads.max(1)
    middle, sides = (low + high) / 2, high - low
    middle = middle + rng.uniform(-0.12, 0.12, (n, 2)) * sides
    half = sides * np.exp(rng.uniform(-0.2, 0.2, (n, 2))) / 2
    boxes = _corners(np.concatenate([middle - half, middle + half], 1))

    width = np.linalg.norm(quads - np.roll(quads, 1, 1), axis=-1).max(1)[:, None, None]
    angle = np.deg2rad(rng.uniform(-15, 15, n))
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], 1)
    centre = quads.mean(1, keepdims=True)
    around = (quads - centre) @ turn * np.exp(rng.uniform(-0.2, 0.2, (n, 1, 2)))
    moved = rng.normal(size=(n, 1, 2)) * rng.uniform(0, 0.08, (n, 1, 1)) * width
    bent = rng.normal(size=(n, 4, 2)) * rng.uniform(0, 0.06, (n, 1, 1)) * width
    as_box = ~known | (rng.random(n) < _AS_BOX)
    starts = np.where(as_box[:, None, None], boxes, centre + around + moved + bent)

    missing = rng.uniform(0, _MISSING, n) * (rng.random(n) < _CUT)
    at_left = rng.random(n) < 0.5
    left, right = starts[:, [0, 3]], starts[:, [1, 2]]
    along = (right - left) * missing[:, None, None]
    starts[:, [0, 3]] = np.where(at_left[:, None, None], left + along, left)
    starts[:, [1, 2]] = np.where(at_left[:, None, None], right, right - along)
    return starts.astype(np.float32)
