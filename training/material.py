"""What synthetic scenes are made of: a half for training, and one kept unseen."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fused_ocr.alphabet import ALPHANUMERIC, DIGITS
from fused_ocr.errors import ConfigError

from .breaking import broken
from .glyphs import (
    ChangedGlyphs,
    FontGlyphs,
    GlyphSource,
    find_fonts,
    mnist_glyphs,
)
from .regions.region_scene import RegionScenes
from .scenes import Scene, line_scene, scattered_scene
from .variation import varied

__all__ = ["LineScenes", "Material", "ScatteredScenes"]

_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_UNSEEN_PART = 5
"""One photo in this many is kept out of training."""

_VARIED, _BROKEN = 0.5, 0.15
"""Parts of what is printed and of what is handwritten, in training."""


@dataclasses.dataclass(frozen=True)
class Material:
    """Folders with the material.

    Attributes:
        data_dir: where tensorflow-datasets keeps MNIST; None for its default.
        fonts: folders with fonts.
        photos: folders with photos without characters, for backgrounds.
        characters: what is written; others than digits are printed only.
    """

    data_dir: str | None
    fonts: tuple[Path, ...]
    photos: tuple[Path, ...] = ()
    characters: str = DIGITS

    def mnist(self, split: str) -> GlyphSource:
        """MNIST's digits: of `train`, some broken; for `unseen` its test set."""
        if split == "train":
            return ChangedGlyphs(mnist_glyphs("train", self.data_dir), broken, _BROKEN)
        return mnist_glyphs("test", self.data_dir)

    def sources(self, split: str) -> list[GlyphSource]:
        """Handwriting and print for a half, `train` or `unseen`.

        What is trained on is varied beyond its fonts and hands; what is measured on is
        not.
        """
        fonts = FontGlyphs(find_fonts(self.fonts, split, self.characters))
        printed: list[GlyphSource] = [
            ChangedGlyphs(fonts, varied, _VARIED) if split == "train" else fonts
        ]
        return [self.mnist(split), *printed] if self.characters == DIGITS else printed

    def region_scenes(
        self,
        kind: str,
        split: str,
        seed: int,
        size_yx: tuple[int, int],
        *,
        steep: bool = False,
        layouts: Sequence[str] = (),
    ) -> RegionScenes:
        """Scenes of a kind of regions, of a half, `train` or `unseen`.

        Plates of the unseen half are written in its fonts alone, none by dies.
        """
        characters = self.characters
        if kind == "plates" and characters == DIGITS:  # the default of the option
            characters = ALPHANUMERIC
        fonts = FontGlyphs(
            find_fonts(self.fonts, split, ALPHANUMERIC), dies=split == "train"
        )
        photos = self.backgrounds(split)
        return RegionScenes(
            kind, fonts, seed, size_yx, photos, characters, steep, layouts
        )

    def backgrounds(self, split: str) -> list[str]:
        """Photos of a half, `train` or `unseen`."""
        found = sorted(
            str(path)
            for folder in self.photos
            for path in folder.rglob("*")
            if path.suffix.lower() in _PICTURES
        )
        if self.photos and not found:
            raise ConfigError(
                f"No photos ({', '.join(_PICTURES)}) below "
                f"{', '.join(map(str, self.photos))}."
            )
        unseen = split != "train"
        return [p for i, p in enumerate(found) if (i % _UNSEEN_PART == 0) == unseen]


@dataclasses.dataclass(frozen=True)
class ScatteredScenes:
    """The scattered scene of an index: a picklable function."""

    source: GlyphSource
    seed: int
    size_yx: tuple[int, int] = (256, 256)

    def __call__(self, index: int) -> Scene:
        """The scene of an index."""
        rng = np.random.default_rng([self.seed, index])
        return scattered_scene(rng, self.source, size_yx=self.size_yx)


@dataclasses.dataclass(frozen=True)
class LineScenes:
    """The line scene of an index: a picklable function."""

    sources: Sequence[GlyphSource]
    seed: int
    size_yx: tuple[int, int] = (480, 640)
    photos: Sequence[str] = ()
    characters: str = DIGITS

    def __call__(self, index: int) -> Scene:
        """The scene of an index."""
        return line_scene(
            np.random.default_rng([self.seed, index]),
            self.sources,
            size_yx=self.size_yx,
            photos=self.photos,
            characters=self.characters,
        )
