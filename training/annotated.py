"""Detector examples from annotated photos, moved and spoilt at random, never flipped.

A flip would change what a character means. A photo, or a close-up of one of its
objects, is scaled, stretched a little, tilted a little, placed in the frame, and then
spoilt by `degrade` as a camera would.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from fused_ocr.boxes import CORNER_EDGES, Boxes, areas, clip
from fused_ocr.errors import ConfigError, ImageError

from .annotations import AnnotatedPhoto, Quads
from .backgrounds import Picture
from .degradation import degrade
from .examples import Example
from .photo_images import images_of, leave_out

__all__ = ["AnnotatedExamples"]

_GREY = (127, 127, 127)
"""Around the photo, as the graph's letterbox fills its frame."""

_VISIBLE = 0.4
"""A box of which less than this part is in the frame is dropped."""

_CLOSE = (0.12, 0.45)
"""Longer side of an object in a close-up, in parts of the close-up's longer side."""

_CLOSE_ASPECT = (0.6, 3.0)
"""Width / height of close-ups."""

_TOO_LOW = 10.0
"""Objects lower than this, in pixels of the photo, are not looked at closely."""

Floats = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class AnnotatedExamples:
    """The example of an index, from annotated photos; picklable.

    Augmented, photo and all else are drawn by a generator of `[seed, index]`. Plain,
    for validation, index i is photo i (and starts again behind the last) as the graph's
    letterbox shows it: fitted, at the top left, grey around. Boxes are cut to what the
    frame shows of the photo; corners are not.

    Attributes:
        photos: at least one.
        side: of the square frame, pixels.
        augment: False gives the plain letterbox.
        tilt: largest rotation, degrees.
        zoom: smallest and largest scale, as factors on the letterbox's.
        stretch: largest change of width / height, as a part.
        close: part of the examples that are close-ups: of a photo only what is around
            one of its objects, which then fills `_CLOSE` of it.
        seed: another seed, other examples.

    Raises:
        ConfigError: no photos, or a number out of its range.
        ImageError: on a call, none of the photos can be read. One that cannot is told
            of once, and the next stands for it: a training does not end in its third
            hour for one of ten thousand photos.
    """

    photos: Sequence[AnnotatedPhoto]
    side: int
    augment: bool = True
    tilt: float = 5.0
    zoom: tuple[float, float] = (0.6, 1.7)
    stretch: float = 0.15
    close: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for field, good, rule in (
            ("photos", len(self.photos) > 0, "needs at least one photo"),
            ("side", self.side >= 16, "must be at least 16 pixels"),
            ("tilt", 0 <= self.tilt <= 45, "must be 0..45 degrees"),
            ("zoom", 0 < self.zoom[0] <= self.zoom[1], "must be 0 < lowest <= highest"),
            ("stretch", 0 <= self.stretch < 1, "must be at least 0 and below 1"),
            ("close", 0 <= self.close <= 1, "must be 0..1"),
        ):
            if not good:
                raise ConfigError(
                    f"AnnotatedExamples.{field} {rule}. "
                    f"Received: {getattr(self, field)!r}."
                )

    def __call__(self, index: int) -> Example:
        """The example of an index."""
        if not self.augment:
            return self._plain(*self._picture(index))
        rng = np.random.default_rng([self.seed, index])
        photo, image = self._picture(int(rng.integers(len(self.photos))))
        frame, boxes, quads = self._moved(rng, photo, image)
        boxes, kept = _inside(boxes, self.side)
        heights = boxes[:, 2] - boxes[:, 0]
        detail = float(heights.min()) if len(heights) else self.side / 12
        frame = degrade(rng, frame, detail)
        return Example(frame, boxes, photo.labels[kept], quads[kept])

    def _picture(self, index: int) -> tuple[AnnotatedPhoto, Picture]:
        """The photo of an index; for one that cannot be read the next that can."""
        failed: list[ImageError] = []
        count = len(self.photos)
        in_turn = (self.photos[(index + i) % count] for i in range(count))
        found = list(itertools.islice(images_of(in_turn, failed), 1))
        leave_out(failed, kept=len(found))
        return found[0]

    def _plain(self, photo: AnnotatedPhoto, image: Picture) -> Example:
        picture, factors = self._scaled(image, 1.0, 1.0)
        frame = Image.new("RGB", (self.side, self.side), _GREY)
        frame.paste(picture)
        limits = clip(photo.boxes_yxyx * factors, picture.height, picture.width)
        boxes, kept = _inside(photo.boxes_yxyx * factors, self.side, limits)
        quads = photo.quads_yx * factors[:2]
        return Example(np.array(frame), boxes, photo.labels[kept], quads[kept])

    def _moved(
        self, rng: np.random.Generator, photo: AnnotatedPhoto, image: Picture
    ) -> tuple[Picture, Boxes, Quads]:
        """A frame; all boxes and corners where they came to lie, some outside."""
        boxes, quads = photo.boxes_yxyx, photo.quads_yx
        if self.close and rng.random() < self.close:
            top, left, bottom, right = _close_up(rng, boxes, image.shape[:2])
            image = image[top:bottom, left:right]
            corner = np.array((top, left), np.float32)
            boxes, quads = boxes - np.tile(corner, 2), quads - corner
        zoom = float(np.exp(rng.uniform(*np.log(self.zoom))))
        aspect = np.sqrt(1 + rng.uniform(-self.stretch, self.stretch))
        picture, factors = self._scaled(image, zoom / aspect, zoom * aspect)
        spare = self.side - np.array([picture.height, picture.width])
        moved = rng.uniform(np.minimum(spare, 0), np.maximum(spare, 0))
        angle = np.deg2rad(rng.uniform(-self.tilt, self.tilt))
        turn = np.array(
            [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        )
        # frame = turn @ (picture + moved - middle) + middle, on (y, x) columns.
        middle = np.full(2, self.side / 2)
        shift = turn @ (moved - middle) + middle
        frame = picture.transform(
            (self.side, self.side),
            Image.Transform.AFFINE,
            _pillow_affine(turn, shift),
            Image.Resampling.BILINEAR,
            fillcolor=_GREY,
        )
        boxes, quads = boxes * factors, quads * factors[:2]
        size_yx = np.array([picture.height, picture.width])
        outlines = np.clip(_outlines(boxes, quads), 0, size_yx) @ turn.T + shift
        bounds = np.concatenate([outlines.min(1), outlines.max(1)], -1)
        # What the photo itself cuts away counts as cut away, too.
        limits = clip(boxes, picture.height, picture.width)
        bounds[areas(limits) < _VISIBLE * areas(boxes)] = 0
        quads = quads @ turn.T + shift
        return np.array(frame), bounds.astype(np.float32), quads.astype(np.float32)

    def _scaled(
        self, image: Picture, zoom_y: float, zoom_x: float
    ) -> tuple[Image.Image, npt.NDArray[np.float32]]:
        """A photo scaled from its letterbox size, and the factors on its boxes."""
        height, width = image.shape[:2]
        fit = min(self.side / height, self.side / width)
        tall = max(1, round(height * fit * zoom_y))
        wide = max(1, round(width * fit * zoom_x))
        picture = Image.fromarray(image).resize((wide, tall), Image.Resampling.BILINEAR)
        factors = np.array([tall / height, wide / width] * 2, np.float32)
        return picture, factors


def _close_up(
    rng: np.random.Generator, boxes: Boxes, size_yx: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Edges (y1, x1, y2, x2) of a part of a photo that has one of the boxes whole.

    All of the photo where no box is high enough.
    """
    boxes = clip(boxes, *size_yx)
    high = np.flatnonzero(boxes[:, 2] - boxes[:, 0] >= _TOO_LOW)
    if not len(high):
        return (0, 0, *size_yx)
    box = boxes[rng.choice(high)].astype(float)
    sides = box[2:] - box[:2]
    longer = sides.max() / rng.uniform(*_CLOSE)
    aspect = np.exp(rng.uniform(*np.log(_CLOSE_ASPECT)))
    around = longer * np.minimum((1 / aspect, aspect), 1)
    around = np.minimum(np.maximum(around, 1.15 * sides), size_yx)
    lowest = np.maximum(box[2:] - around, 0)
    first = rng.uniform(
        lowest, np.maximum(lowest, np.minimum(box[:2], size_yx - around))
    )
    (y1, x1), (y2, x2) = np.floor(first), np.ceil(first + around)
    return int(y1), int(x1), min(size_yx[0], int(y2)), min(size_yx[1], int(x2))


def _pillow_affine(turn: Floats, shift: Floats) -> tuple[float, ...]:
    """Pillow's coefficients, from the frame's x, y back to the picture's."""
    back = np.linalg.inv(turn)
    y0, x0 = -back @ shift
    return (back[1, 1], back[1, 0], x0, back[0, 1], back[0, 0], y0)


def _outlines(boxes_yxyx: Boxes, quads_yx: Quads) -> Quads:
    """The corners of each object, and of its box where those are unknown: (n, 4, 2).

    Bounds of a tilted quadrilateral are tighter than those of its tilted box.
    """
    known = np.isfinite(quads_yx).all((1, 2), keepdims=True)
    corners = boxes_yxyx[:, CORNER_EDGES].reshape(-1, 4, 2)
    return np.where(known, quads_yx, corners)


def _inside(
    boxes: Boxes, side: int, limits: Boxes | None = None
) -> tuple[Boxes, npt.NDArray[np.bool_]]:
    """The boxes cut to the frame (and to `limits`), and which of them were kept."""
    cut = clip(boxes if limits is None else limits, side, side)
    kept = (areas(cut) > 0) & (areas(cut) >= _VISIBLE * areas(boxes))
    return cut[kept], kept
