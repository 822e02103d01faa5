"""Patches as a detector and a camera would have given them: never mirrored."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from .patches import CROP, PATCH

__all__ = ["Augmentation", "centre_crops"]


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How far a patch may be moved and changed.

    Attributes:
        rotation: degrees, either way.
        shear: tangent, either way.
        scale: largest logarithm of the size's change, either way.
        stretch: the same for width against height.
        shift: pixels of the crop, either way.
        noise: largest deviation of grain, 0..1.
        fade: how much of the contrast a shadow from one side may take, 0..1.
        often: factor on how often crops are inverted, weakened, shaded and the like.
    """

    rotation: float = 12.0
    shear: float = 0.15
    scale: float = 0.16
    stretch: float = 0.1
    shift: float = 2.2
    noise: float = 0.08
    fade: float = 0.95
    often: float = 1.0

    @classmethod
    def of_strength(cls, strength: float) -> Augmentation:
        """All movements and chances times a factor; 0 changes nothing at all."""
        plain = cls()
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: getattr(plain, name) * strength for name in names})

    def __call__(
        self, patches: tf.Tensor, invert: tf.Tensor, seed: tuple[int, int]
    ) -> tf.Tensor:
        """Crops of patches, each changed in its own way, the same for the same seed.

        Args:
            patches: uint8 (b, 40, 40).
            invert: bool (b,), where black and white may be swapped.
            seed: two integers.

        Returns:
            float32 (b, 28, 28, 1) in 0..1.
        """
        count = tf.shape(patches)[0]
        draws = tf.random.stateless_uniform((17, count), seed)
        signed = 2.0 * draws - 1.0
        pixels = tf.cast(patches, tf.float32)[..., None] / 255.0
        crops = tf.raw_ops.ImageProjectiveTransformV3(
            images=pixels,
            transforms=self._transforms(signed),
            output_shape=(CROP, CROP),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="NEAREST",
        )
        return self.spoilt(crops, invert, draws[6:], seed)

    def spoilt(
        self,
        crops: tf.Tensor,
        invert: tf.Tensor,
        draws: tf.Tensor,
        seed: tuple[int, int],
    ) -> tf.Tensor:
        """Crops in another light: inverted, shaded, striped, weakened, with grain.

        Args:
            crops: float32 (b, h, w, 1) in 0..1.
            invert: bool (b,), where black and white may be swapped.
            draws: float32 (11, b), uniform in 0..1, that decide.
            seed: two integers, of the grain.

        Returns:
            float32 (b, h, w, 1) in 0..1.
        """

        def each(values: tf.Tensor) -> tf.Tensor:
            return values[:, None, None, None]

        flip = each((draws[0] < 0.5 * self.often) & invert)
        crops = tf.where(flip, 1.0 - crops, crops)
        crops = self._faded(crops, draws[6:9])
        crops = _striped(crops, draws[9], draws[10], self.often / 12)
        # A third stays as strong as it was: the plainest digits must stay the surest.
        weaken = each(draws[1] < 0.66 * self.often)
        contrast = each(0.25 + 0.75 * draws[2])
        offset = each(draws[3]) * (1.0 - contrast)
        crops = tf.where(weaken, crops * contrast + offset, crops)
        noise = tf.random.stateless_normal(tf.shape(crops), (seed[0], seed[1] + 1))
        amount = each(tf.where(draws[4] < 0.4 * self.often, draws[5] * self.noise, 0.0))
        return tf.clip_by_value(crops + noise * amount, 0.0, 1.0)

    def _faded(self, crops: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Crops of which two in five lose contrast towards one side."""
        angle = draws[0] * 2 * np.pi
        height, width = crops.shape[1:3]
        along = (
            tf.cos(angle)[:, None, None] * tf.linspace(-1.0, 1.0, width)[None, None, :]
            + tf.sin(angle)[:, None, None] * tf.linspace(-1.0, 1.0, height)[:, None]
        )
        # From the middle on the shadow grows to its full depth at the border.
        depth = tf.where(draws[1] < 0.4 * self.often, draws[2] * self.fade, 0.0)
        shadow = depth[:, None, None] * tf.clip_by_value(along + 0.5, 0.0, 1.0)
        mean = tf.reduce_mean(crops, (1, 2, 3), keepdims=True)
        return mean + (crops - mean) * (1.0 - shadow)[..., None]

    def _transforms(self, signed: tf.Tensor) -> tf.Tensor:
        """From crop to patch coordinates, (b, 8)."""
        angle = signed[0] * np.deg2rad(self.rotation)
        size = tf.exp(signed[1] * self.scale)
        stretch = tf.exp(signed[2] * self.stretch)
        shear = signed[3] * self.shear
        cos, sin = tf.cos(angle), tf.sin(angle)
        xx, xy = size * stretch * cos, size * (shear * cos - sin)
        yx, yy = size * stretch * sin, size * (shear * sin + cos)
        middle, target = (PATCH - 1) / 2, (CROP - 1) / 2
        x0 = middle + signed[4] * self.shift - (xx + xy) * target
        y0 = middle + signed[5] * self.shift - (yx + yy) * target
        zero = tf.zeros_like(x0)
        return tf.stack([xx, xy, x0, yx, yy, y0, zero, zero], -1)


def _striped(
    crops: tf.Tensor, chance: tf.Tensor, place: tf.Tensor, part: float
) -> tf.Tensor:
    """Crops of which a part has a line across, as glass reflects."""
    height = crops.shape[1]
    row = tf.floor(place * height)[:, None]
    rows = tf.range(height, dtype=tf.float32)[None]
    on = (tf.abs(rows - row) < 1.0) & (chance < part)[:, None]
    tone = tf.where(chance < part * 2 / 3, 0.9, 0.15)[:, None, None, None]
    return tf.where(on[:, :, None, None], 0.4 * crops + 0.6 * tone, crops)


def centre_crops(patches: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The crops in the middle of patches, unchanged: float32 (n, 28, 28, 1), 0..1."""
    rim = (PATCH - CROP) // 2
    return (patches[:, rim : rim + CROP, rim : rim + CROP, None] / 255).astype(
        np.float32
    )
