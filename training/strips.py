"""Data of recognisers of strings: grey strips of one region each, with their texts.

A strip is what the crop layer would cut around a region, and a rim around it, which
augmentation moves into view.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from fused_ocr.alphabet import Alphabet
from fused_ocr.boxes import Boxes
from fused_ocr.config import CropConfig
from fused_ocr.cropping import CropResize
from fused_ocr.errors import ConfigError, ImageError
from fused_ocr.rectification import RectifyQuads, known_corners

from .annotations import AnnotatedPhoto
from .photo_images import image_of, leave_out
from .sources import drawn
from .strings import UNKNOWN
from .strip_augmentation import StripAugmentation, rim_of

__all__ = ["StripBatches", "Strips", "strips_of"]


@dataclasses.dataclass(frozen=True)
class Strips:
    """The strips of one source.

    Attributes:
        name: of the source.
        pixels: uint8 (n, h + 2 * rim, w + 2 * rim'), see `rim_of`.
        texts: int32 (n, S), indices into the alphabet, the blank behind the last; all
            `UNKNOWN` where nobody says what it reads.
        readable: int32 (n,), 1 or 0, or `UNKNOWN`.
        kinds: int32 (n,), which kind of region, or `UNKNOWN`.
        weight: how often a training batch draws from this source.
    """

    name: str
    pixels: npt.NDArray[np.uint8]
    texts: npt.NDArray[np.int32]
    readable: npt.NDArray[np.int32]
    kinds: npt.NDArray[np.int32]
    weight: float = 1.0

    def __len__(self) -> int:
        return len(self.pixels)

    def part(self, keep: npt.NDArray[Any]) -> Strips:
        """Some of the strips: a mask of bools, or indices."""
        columns = ("pixels", "texts", "readable", "kinds")
        return dataclasses.replace(
            self, **{column: getattr(self, column)[keep] for column in columns}
        )


def strips_of(
    photos: Sequence[AnnotatedPhoto],
    alphabet: Alphabet,
    slots: int,
    crop: CropConfig,
    *,
    name: str = "photos",
    readable: bool = False,
    kinds: bool = False,
) -> Strips:
    """The regions of annotated photos, cut out by the layers that the graph has.

    A text with characters outside the alphabet, or more than there are slots, cannot
    be learnt: such regions are left out, and said. Where a text is upper and lower case
    and the alphabet has capitals alone, it is left out as well: the shapes differ.

    Args:
        photos: with texts. A region that is said to be unreadable teaches that alone,
            if it is asked for; one of which nothing is said, its kind, if that is.
        alphabet: of the recogniser.
        slots: S.
        crop: as the graph will cut; along corners where they are known and it says so.
        name: of the source.
        readable: whether regions that nobody can read are wanted.
        kinds: whether the photos' labels are the kinds that are to be told apart.

    Raises:
        ConfigError: no region is left.
        ImageError: none of the photos can be read; of some, the others are taken.
    """
    cut = _cutter(crop)
    pixels: list[npt.NDArray[np.uint8]] = []
    known: list[tuple[list[int], int, int]] = []
    foreign: Counter[str] = Counter()
    console = Console(stderr=True)
    failed: list[ImageError] = []
    for photo in track(photos, f"cutting {escape(name)}", console=console):
        rows, wanted = [], []
        for i, text in enumerate(photo.texts):
            codes = _codes(text, alphabet, slots, bool(photo.readable[i]))
            if codes is None:
                foreign[text] += 1
                continue
            said = 1 if text else UNKNOWN if photo.readable[i] else 0
            if (said == UNKNOWN and not kinds) or (
                said == 0 and not (readable or kinds)
            ):
                continue
            rows.append(i)
            wanted.append((codes, said, int(photo.labels[i]) if kinds else UNKNOWN))
        image = image_of(photo.path, failed) if rows else None
        if image is not None:
            pixels.append(cut(image, photo.boxes_yxyx[rows], photo.quads_yx[rows]))
            known += wanted
    leave_out(failed, kept=len(pixels))
    if foreign:
        _say_left_out(foreign, alphabet, slots, name)
    if not pixels:
        raise ConfigError(
            f"There is no region in {name!r} to learn from: none has a text in the "
            f"alphabet {alphabet.characters!r}."
        )
    texts, flags, labels = zip(*known, strict=True)
    return Strips(
        name,
        np.concatenate(pixels),
        np.array(texts, np.int32).reshape(-1, slots),
        np.array(flags, np.int32),
        np.array(labels, np.int32),
    )


def _codes(
    text: str,
    alphabet: Alphabet,
    slots: int,
    readable: bool,  # noqa: FBT001
) -> list[int] | None:
    """A text as slots; None if it cannot be said in this alphabet and so many."""
    if not text or not readable:
        return [UNKNOWN] * slots
    if len(text) > slots or any(c not in alphabet for c in text):
        return None
    return [*alphabet.encode(text), *[alphabet.blank] * (slots - len(text))]


def _say_left_out(
    foreign: Counter[str], alphabet: Alphabet, slots: int, name: str
) -> None:
    shown = ", ".join(repr(text) for text, _ in foreign.most_common(5))
    Console(stderr=True).print(
        f"{name}: {foreign.total()} regions are left out, because their texts are "
        f"longer than {slots} or have characters outside {alphabet.characters!r}: "
        f"{shown}"
        f"{', ...' if len(foreign) > 5 else ''}",
        highlight=False,
        markup=False,
    )


def _with_rim(crop: CropConfig) -> CropConfig:
    """The same cut, with a rim for augmentation."""
    height, width = crop.size_yx
    rim_y, rim_x = rim_of(crop.size_yx)
    return crop.replace(
        size_yx=(height + 2 * rim_y, width + 2 * rim_x),
        grow=crop.grow * (width + 2 * rim_x) / width,
    )


def _cutter(crop: CropConfig) -> Any:
    """A function of a photo, boxes and corners to strips uint8 (n, h, w)."""
    crop = _with_rim(crop)
    layer = RectifyQuads(crop) if crop.rectify else CropResize(crop)

    @tf.function(
        input_signature=[
            tf.TensorSpec((1, None, None, 3), tf.uint8),
            tf.TensorSpec((1, None, 4), tf.float32),
            tf.TensorSpec((1, None, 4, 2), tf.float32),
        ]
    )
    def cut(image: tf.Tensor, boxes: tf.Tensor, quads: tf.Tensor) -> tf.Tensor:
        where = known_corners(quads, boxes) if crop.rectify else boxes
        return layer(image, where, tf.shape(boxes)[1:2])[0, ..., 0]

    def strips(
        image: npt.NDArray[np.uint8], boxes: Boxes, quads: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.uint8]:
        grey = cut(image[None], boxes[None], quads[None]).numpy()
        return np.asarray(np.rint(grey * 255), np.uint8)

    return strips


@dataclasses.dataclass(frozen=True)
class StripBatches:
    """Batches of crops with what is known of them, each decided by its number alone.

    A batch is crops float32 (b, h, w, 1) in 0..1, and a dictionary: ``text`` int32
    (b, S), ``readable`` and ``kinds`` int32 (b,), with `UNKNOWN` where nobody knows.

    Attributes:
        sources: at least one.
        batch_size: crops a batch.
        seed: another seed, other batches.
        augmentation: changes every crop; of no strength it cuts the rim away.
    """

    sources: Sequence[Strips]
    batch_size: int
    seed: int
    augmentation: StripAugmentation

    def __call__(self, first: int) -> Iterator[Any]:
        """The batches from a given one on."""
        change = tf.function(self.augmentation)
        for number in itertools.count(first):
            rng = np.random.default_rng([self.seed, number])
            picks = drawn(self.sources, self.batch_size, rng)
            crops = change(
                np.concatenate([p.pixels for p in picks]),
                tf.constant([self.seed, 2 * number], tf.int32),
            )
            yield (
                crops.numpy(),
                {
                    "text": np.concatenate([p.texts for p in picks]),
                    "readable": np.concatenate([p.readable for p in picks]),
                    "kinds": np.concatenate([p.kinds for p in picks]),
                },
            )
