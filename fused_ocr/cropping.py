"""The crop layer: boxes cut from the full photo, grey, at the recogniser's size.

Only the pixels that count are read: rows and columns of taps are chosen for each box,
gathered from the original image, turned to grey, and brought to the crop's size by two
small matrix products. Nothing passes over the whole frame, so the time does not depend
on the size of the photo. Every operator is a builtin of TFLite.

Coordinates follow `fused_ocr.boxes`: edges in pixels, pixel i has its centre at i +
0.5. With edges a, b and n cells, cell j is centred at ``a + (j + 0.5) * (b - a) / n``.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from fused_ocr.config import CropConfig

__all__ = ["GREY", "CropLayer", "CropResize"]

GREY = (0.2989, 0.5870, 0.1140)
"""The weights of `tf.image.rgb_to_grayscale` (ITU-R BT.601)."""

_TAPS_PER_CELL = 3
"""Most taps a cell along each axis: boxes that shrink less read all pixels, larger ones
as many, evenly spread. Boxes of sharp photos that shrink 2 to 8 times are then 0.2 to
1.5 of 255 from the exact filter on average (`benchmarks/crop_quality.py`)."""


class CropLayer(keras.layers.Layer):
    """What all crop layers share: which rows are cut, and what is said of the outputs.

    Args:
        config: a `CropConfig`, or its dictionary.
    """

    def __init__(self, config: CropConfig | dict, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.crop = (
            config if isinstance(config, CropConfig) else CropConfig.from_dict(config)
        )

    def _crops(
        self,
        images: tf.Tensor,
        places: tf.Tensor,
        count: tf.Tensor,
        sizes: tf.Tensor | None,
    ) -> tf.Tensor:
        shape = tf.shape(images)
        if sizes is None:
            sizes = tf.repeat(shape[None, 1:3], shape[0], axis=0)
        slots = tf.shape(places)[1]
        # The real ones come first, so the work ends with the fullest photo's last.
        used = tf.minimum(tf.reduce_max(count), slots)
        crops = self._cut(images, tf.cast(places[:, :used], tf.float32), sizes)
        if self.crop.binarize:
            crops = tf.round(crops)
        real = tf.sequence_mask(count, used, crops.dtype)[..., None, None]
        crops = tf.pad(crops * real, ((0, 0), (0, slots - used), (0, 0), (0, 0)))
        return tf.reshape(crops, (shape[0], slots, *self.crop.size_yx, 1))

    def _squared(self, sides: tf.Tensor) -> tf.Tensor:
        """Sides (B, n, 2), the shorter grown: as many photo pixels a cell along both.

        Or along one at most `stretch` times as many as along the other.
        """
        cells = tf.constant(self.crop.size_yx, tf.float32)
        pixels = sides / cells
        most = tf.reduce_max(pixels, -1, keepdims=True)
        return tf.maximum(pixels, most / self.crop.stretch) * cells

    def _cut(self, images: tf.Tensor, places: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
        """Crops (B, n, h, w) of places (B, n, ...) in photos of these sizes."""
        raise NotImplementedError

    def compute_output_shape(
        self,
        images_shape: tuple,  # noqa: ARG002 - Keras calls it by this name
        places_shape: tuple,
        *_: Any,
        **__: Any,
    ) -> tuple:
        """(B, N, h, w, 1)."""
        return (*places_shape[:2], *self.crop.size_yx, 1)

    def compute_output_spec(
        self, images: Any, places: Any, *_: Any, **__: Any
    ) -> keras.KerasTensor:
        """Float32, whatever the image is."""
        shape = self.compute_output_shape(images.shape, places.shape)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "config": self.crop.to_dict()}


@keras.saving.register_keras_serializable(package="fused_ocr")
class CropResize(CropLayer):
    """Cuts boxes out of the photo, as the custom layer of the licence-plate article.

    Without `antialias` this equals `tf.image.crop_and_resize` (on boxes corrected for
    its corner-aligned coordinates) followed by `tf.image.rgb_to_grayscale`, where no
    sample lies outside the centres of the border pixels; there the border is continued,
    where TensorFlow's operator puts black. With `antialias` a cell that covers more
    than one pixel weighs them with a triangle two cells wide, as Pillow's BILINEAR.

    Args:
        config: a `CropConfig`, or its dictionary.

    Input shape:
        images: (B, H, W, 3) uint8, or float 0..255; B * H * W below 2 ** 31.
        boxes_yxyx: (B, N, 4) float32, pixel edges.
        count: (B,) int32, how many of the N boxes are real.
        sizes: (B, 2) int32, optional: the height and width that are photo, where
            smaller photos are padded at the bottom and the right.

    Output shape:
        (B, N, h, w, 1) float32 in 0..1; rows past `count` are zero.
    """

    def call(
        self,
        images: tf.Tensor,
        boxes_yxyx: tf.Tensor,
        count: tf.Tensor,
        sizes: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See the class."""
        return self._crops(images, boxes_yxyx, count, sizes)

    def _cut(self, images: tf.Tensor, places: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
        shape = tf.shape(images)
        limits = tf.cast(sizes, tf.float32)[:, None, :] - 1.0  # (B, 1, 2)
        boxes = self._framed(places)  # (B, n, 4)
        height, width = self.crop.size_yx
        rows, weigh_rows = self._taps(
            boxes[..., 0], boxes[..., 2], height, limits[..., 0]
        )
        columns, weigh_columns = self._taps(
            boxes[..., 1], boxes[..., 3], width, limits[..., 1]
        )
        first = tf.range(shape[0])[:, None, None] * shape[1]
        # expand_dims: TFLite has no `[..., None]` where two sides are dynamic.
        taps = tf.expand_dims((first + rows) * shape[2], -1) + tf.expand_dims(
            columns, -2
        )
        pixels = tf.gather(tf.reshape(images, (-1, 3)), taps)  # (B, n, K, L, 3)
        grey = tf.linalg.matvec(tf.cast(pixels, tf.float32), tf.constant(GREY) / 255.0)
        return tf.matmul(tf.matmul(weigh_rows, grey), weigh_columns, transpose_b=True)

    def _framed(self, boxes: tf.Tensor) -> tf.Tensor:
        """The boxes as they are cut: squared, then grown around their centres."""
        centres = (boxes[..., :2] + boxes[..., 2:]) / 2
        sides = boxes[..., 2:] - boxes[..., :2]
        if self.crop.square:
            sides = self._squared(sides)
        half = sides * (self.crop.grow / 2)
        return tf.concat([centres - half, centres + half], -1)

    def _taps(
        self, start: tf.Tensor, end: tf.Tensor, cells: int, last: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Which pixels to read along one axis, and what each gives to each cell.

        Args:
            start: (B, n) lower edge.
            end: (B, n) upper edge.
            cells: how many cells.
            last: (B, 1) index of the last pixel.

        Returns:
            indices int32 (B, n, K), and weights float32 (B, n, cells, K) that sum to 1.
        """
        cell = (end - start)[..., None] / cells  # (B, n, 1)
        middle = (tf.range(cells, dtype=tf.float32) + 0.5) * cell
        centres = start[..., None] + middle - 0.5  # (B, n, cells), in pixel indices
        if not self.crop.antialias:
            # Two taps a cell, and each cell sees no others.
            centres = tf.clip_by_value(centres, 0.0, last[..., None])
            below = tf.floor(centres)
            part = centres - below
            above = tf.minimum(below + 1.0, last[..., None])
            own = tf.eye(cells)
            weights = tf.concat(
                [own * (1.0 - part)[..., None], own * part[..., None]], -1
            )
            return tf.cast(tf.concat([below, above], -1), tf.int32), weights

        reach = tf.maximum(cell, 1.0)  # half the triangle's width
        lowest = centres[..., :1] - reach
        length = centres[..., -1:] + reach - lowest  # (B, n, 1), pixels
        most = tf.constant(_TAPS_PER_CELL * (cells + 2), tf.float32)
        # Without any box the longest is -inf, and there are two taps of none.
        taps = tf.clip_by_value(tf.math.ceil(tf.reduce_max(length)) + 1.0, 2.0, most)
        step = tf.maximum(length / taps, 1.0)
        places = tf.floor(lowest + 0.5 + tf.range(taps) * step)  # (B, n, K)
        distance = tf.abs(tf.expand_dims(places, -2) - tf.expand_dims(centres, -1))
        weights = tf.maximum(1.0 - distance / reach[..., None], 0.0)
        # Where pixels are left out, a tap speaks for those up to half way to the next.
        gaps = places[..., 1:] - places[..., :-1]
        spans = tf.concat([gaps[..., :1], gaps], -1) + tf.concat(
            [gaps, gaps[..., -1:]], -1
        )
        weights *= tf.expand_dims(spans, -2)
        weights /= tf.reduce_sum(weights, -1, keepdims=True)
        inside = tf.clip_by_value(places, 0.0, last[..., None])
        return tf.cast(inside, tf.int32), weights
