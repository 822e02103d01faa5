"""Strips as a detector and a camera would have given them: never mirrored."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from .augmentation import Augmentation

__all__ = ["StripAugmentation", "rim_of"]

_RIM = 3 / 16
"""Of a strip on every side, in parts of the crop."""


def rim_of(size_yx: tuple[int, int]) -> tuple[int, int]:
    """The rim above and below, and at both sides, of a crop of some size, pixels."""
    height, width = size_yx
    return round(_RIM * height), round(_RIM * width)


@dataclasses.dataclass(frozen=True)
class StripAugmentation:
    """How far a strip may be moved and changed.

    Attributes:
        size_yx: of the crop, pixels.
        light: what happens to its pixels.
        rotation: degrees, either way.
        shear: tangent, either way.
        scale: largest logarithm of the size's change along each axis, either way.
        shift: in parts of the crop's sides, either way.
        perspective: how much longer one side may be than the other, as a part.
        blur: part of the crops that lose resolution.
        halo: part of the crops that are sharpened, as cameras do: with a dark line
            along bright strokes, and a bright one along dark strokes.
        invert: part of the crops that may be inverted.
    """

    size_yx: tuple[int, int]
    light: Augmentation = dataclasses.field(default_factory=Augmentation)
    rotation: float = 4.0
    shear: float = 0.15
    scale: float = 0.12
    shift: float = 0.06
    perspective: float = 0.12
    blur: float = 0.4
    halo: float = 0.3
    invert: float = 0.25

    @classmethod
    def of_strength(
        cls, size_yx: tuple[int, int], strength: float
    ) -> StripAugmentation:
        """All movements and chances times a factor; 0 cuts the rim away, no more."""
        plain = cls(size_yx)
        names = {field.name for field in dataclasses.fields(cls)} - {"size_yx", "light"}
        return cls(
            size_yx,
            Augmentation.of_strength(strength),
            **{name: getattr(plain, name) * strength for name in names},
        )

    def __call__(self, strips: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Crops of strips, each changed in its own way, the same for the same seed.

        Args:
            strips: uint8 (b, h + 2 * rim, w + 2 * rim'), see `rim_of`.
            seed: int32 (2,).

        Returns:
            float32 (b, h, w, 1) in 0..1.
        """
        count = tf.shape(strips)[0]
        other = seed + tf.constant([1 << 20, 0])
        moves = 2 * tf.random.stateless_uniform((8, count), other) - 1
        crops = tf.raw_ops.ImageProjectiveTransformV3(
            images=tf.cast(strips, tf.float32)[..., None] / 255.0,
            transforms=self._transforms(moves),
            output_shape=self.size_yx,
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="NEAREST",
        )
        return self.in_another_light(tf.reshape(crops, (-1, *self.size_yx, 1)), seed)

    def in_another_light(self, crops: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """The same without movement: crops float32 (b, h, w, 1) in 0..1, and back."""
        draws = tf.random.stateless_uniform((14, tf.shape(crops)[0]), seed)
        crops = self._blurred(crops, draws[11], draws[12, 0])
        crops = self._sharpened(crops, seed + tf.constant([1 << 21, 0]))
        invert = draws[13] < self.invert
        return self.light.spoilt(crops, invert, draws[:11], (seed[0], seed[1]))

    def _blurred(
        self, crops: tf.Tensor, chance: tf.Tensor, draw: tf.Tensor
    ) -> tf.Tensor:
        """Crops of which a part went through fewer pixels; how few is the batch's."""
        coarse = self._coarse(crops, tf.exp(draw * np.log(0.3)))
        return tf.where((chance < self.blur)[:, None, None, None], coarse, crops)

    def _sharpened(self, crops: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Crops of which a part is less what is coarse in them (an unsharp mask)."""
        chance, strength, draw = tf.unstack(
            tf.random.stateless_uniform((3, tf.shape(crops)[0], 1, 1, 1), seed)
        )
        fine = crops - self._coarse(crops, 0.15 + 0.35 * draw[0, 0, 0, 0])
        sharp = tf.clip_by_value(crops + (0.5 + 2 * strength) * fine, 0.0, 1.0)
        return tf.where(chance < self.halo, sharp, crops)

    def _coarse(self, crops: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
        """What is left of crops that went through fewer pixels."""
        height, width = self.size_yx
        small = tf.cast(tf.round((height * factor, width * factor)), tf.int32)
        coarse = tf.image.resize(crops, small, "area")
        return tf.image.resize(coarse, self.size_yx)

    def _transforms(self, moves: tf.Tensor) -> tf.Tensor:
        """From crop to strip coordinates, (b, 8), of moves (8, b) in -1..1."""
        (height, width), (rim_y, rim_x) = self.size_yx, rim_of(self.size_yx)
        angle = moves[0] * np.deg2rad(self.rotation)
        cos, sin = tf.cos(angle), tf.sin(angle)
        tall, wide = (tf.exp(moves[i] * self.scale) for i in (1, 2))
        shear = moves[3] * self.shear
        # About the middle, x in half heights as well, so that angles are true.
        xx, xy = wide * cos, wide * (shear * cos - sin)
        yx, yy = tall * sin, tall * (shear * sin + cos)
        dx, dy = moves[4] * self.shift * width, moves[5] * self.shift * height
        px, py = (
            moves[i] * self.perspective / side for i, side in ((6, width), (7, height))
        )
        # A strip is grown alike along both axes; its rims are whole pixels.
        as_grown = (height + 2 * rim_y) / height / ((width + 2 * rim_x) / width)
        yx, yy, dy = yx * as_grown, yy * as_grown, dy * as_grown
        to_x, to_y = (width - 1) / 2, (height - 1) / 2
        from_x, from_y = to_x + rim_x + dx, to_y + rim_y + dy
        # strip = from + (M @ (crop - to)) / (1 + p . (crop - to)), as one homography.
        one = 1.0 - px * to_x - py * to_y
        x0 = from_x * one - (xx * to_x + xy * to_y)
        y0 = from_y * one - (yx * to_x + yy * to_y)
        rows = [xx + from_x * px, xy + from_x * py, x0,
                yx + from_y * px, yy + from_y * py, y0, px, py]  # fmt: skip
        return tf.stack([row / one for row in rows], -1)
