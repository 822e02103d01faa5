"""Detector examples: frames with their boxes, synthetic or from annotated photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fused_ocr.alphabet import DIGITS
from fused_ocr.boxes import Boxes

from .backgrounds import Picture
from .glyphs import GlyphSource
from .scenes import line_scene, scattered_scene

__all__ = ["Example", "SyntheticExamples"]


@dataclasses.dataclass(frozen=True)
class Example:
    """A frame and what is in it.

    Attributes:
        frame: uint8 (H, W, 3) RGB.
        boxes_yxyx: float32 (n, 4), pixels of the frame.
        labels: int64 (n,), indices of the detector's classes.
    """

    frame: Picture
    boxes_yxyx: Boxes
    labels: npt.NDArray[np.int64]


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
