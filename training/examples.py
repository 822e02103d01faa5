"""Detector examples: frames with their boxes, synthetic or from annotated photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fused_ocr.alphabet import DIGITS
from fused_ocr.boxes import Boxes
from fused_ocr.errors import ConfigError

from .annotations import Quads
from .backgrounds import Picture
from .glyphs import GlyphSource
from .scenes import line_scene, scattered_scene

__all__ = ["Example", "SyntheticExamples"]

# What leaves the corners out; compared by identity, since an empty array may be meant.
_NO_QUADS: Quads = np.zeros((0, 4, 2), np.float32)


@dataclasses.dataclass(frozen=True)
class Example:
    """A frame and what is in it.

    Attributes:
        frame: uint8 (H, W, 3) RGB.
        boxes_yxyx: float32 (n, 4), pixels of the frame.
        labels: int64 (n,), indices of the detector's classes.
        quads_yx: float32 (n, 4, 2), y and x of each object's corners, clockwise from
            the text's top left, pixels; they may lie outside the frame. NaN where
            unknown, which is everywhere if they are left out.

    Raises:
        ConfigError: corners are given, and not for as many objects as there are boxes.
    """

    frame: Picture
    boxes_yxyx: Boxes
    labels: npt.NDArray[np.int64]
    quads_yx: Quads = dataclasses.field(default_factory=lambda: _NO_QUADS)

    def __post_init__(self) -> None:
        n = len(self.boxes_yxyx)
        if self.quads_yx is _NO_QUADS:
            unknown = np.full((n, 4, 2), np.nan, np.float32)
            object.__setattr__(self, "quads_yx", unknown)
        if self.quads_yx.shape != (n, 4, 2):
            raise ConfigError(
                f"An example of {n} boxes has corners ({n}, 4, 2), or none. "
                f"Received: {self.quads_yx.shape}."
            )


@dataclasses.dataclass(frozen=True)
class SyntheticExamples:
    """Scenes drawn at the size of the frame: scattered digits, or lines.

    Attributes:
        sources: of the characters of lines.
        scattered_source: of scattered digits (MNIST); None leaves them out.
        side: of the square frame, pixels.
        photos: paths of photos for backgrounds.
        characters: what is written.
        distractors: what is written and not to be found.
        scattered_part: part of the examples that are scattered digits.
        label: class of the characters.
        seed: another seed, other examples.
    """

    sources: Sequence[GlyphSource]
    scattered_source: GlyphSource | None
    side: int
    photos: Sequence[str] = ()
    characters: str = DIGITS
    distractors: str = ""
    scattered_part: float = 0.2
    label: int = 0
    seed: int = 0

    def __call__(self, index: int) -> Example:
        """The example of an index."""
        rng = np.random.default_rng([self.seed, index])
        size = (self.side, self.side)
        if self.scattered_source is not None and rng.random() < self.scattered_part:
            scene = scattered_scene(
                rng, self.scattered_source, size_yx=size, height=(0.065, 0.3)
            )
        else:
            scene = line_scene(
                rng,
                self.sources,
                size_yx=size,
                photos=self.photos,
                characters=self.characters,
                distractors=self.distractors,
            )
        return Example(
            scene.image,
            scene.boxes_yxyx,
            np.full(len(scene.characters), self.label, np.int64),
        )
