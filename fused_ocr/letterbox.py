"""The detector's view: the whole photo, shrunk or grown into a frame of fixed size."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

__all__ = ["PAD_VALUE", "Letterbox"]

PAD_VALUE = 127.0
"""Grey that fills the frame below and to the right of the photo."""


@keras.saving.register_keras_serializable(package="fused_ocr")
class Letterbox(keras.layers.Layer):
    """Fits photos into the frame: aspect kept, top left, grey around.

    The photo is resized to twice the frame and averaged over 2x2: four samples a pixel
    cost a tenth of an anti-aliased resize of a 12-megapixel photo and keep thin
    strokes.

    Args:
        frame_yx: height and width of the frame, pixels.
        max_enlargement: frame pixels a photo pixel, at most. A detector does not find
            what is blurred and fills its frame: a small photo keeps grey around it.

    Input shape:
        images: (B, H, W, 3) uint8 or float 0..255.
        sizes: (B, 2) int32, optional: the height and width of each photo, where smaller
            ones are padded at the bottom and the right.

    Output shape:
        A pair: frames float32 (B, h, w, 3), 0..255; and geometry float32 (B, 4): photo
        pixels a frame pixel along y and x, and the photo's height and width.
    """

    def __init__(
        self, frame_yx: tuple[int, int], max_enlargement: float = 2.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.frame_yx = (int(frame_yx[0]), int(frame_yx[1]))
        self.max_enlargement = float(max_enlargement)

    def call(
        self, images: tf.Tensor, sizes: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See the class."""
        shape = tf.shape(images)
        whole = tf.repeat(shape[None, 1:3], shape[0], axis=0)
        if sizes is None:
            sizes = whole
            frames, factors = self._fit_alike(images)
        else:
            sizes = tf.cast(sizes, tf.int32)
            frames, factors = tf.cond(
                tf.reduce_all(sizes == whole),
                lambda: self._fit_alike(images),
                lambda: self._fit_each(images, sizes),
            )
        frames = tf.ensure_shape(frames, (images.shape[0], *self.frame_yx, 3))
        return frames, tf.concat([factors, tf.cast(sizes, tf.float32)], -1)

    def _fit_alike(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Photos of one size: frames (B, h, w, 3), factors (B, 2)."""
        shape = tf.shape(images)
        frames, factors = self._fit(images, shape[1:3])
        return frames, tf.repeat(factors[None], shape[0], axis=0)

    def _fit_each(
        self, images: tf.Tensor, sizes: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Padded photos, each with a scale of its own."""

        def fit(image: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            frames, factors = self._fit(image[None, : size[0], : size[1]], size)
            return frames[0], factors

        found: tuple[tf.Tensor, tf.Tensor] = tf.map_fn(
            lambda pair: fit(*pair),
            (images, sizes),
            fn_output_signature=(
                tf.TensorSpec((*self.frame_yx, 3), tf.float32),
                tf.TensorSpec((2,), tf.float32),
            ),
        )
        return found

    def _fit(self, images: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Photos of one size (2,): frames (B, h, w, 3) and their factors (2,)."""
        frame = tf.constant(self.frame_yx, tf.float32)
        photo = tf.cast(size, tf.float32)
        scale = tf.minimum(tf.reduce_min(frame / photo), self.max_enlargement)
        fitted = tf.round(photo * scale)
        # A strip thinner than half a frame pixel still gets one row.
        fitted = tf.clip_by_value(fitted, 1.0, frame)
        target = tf.cast(fitted, tf.int32)
        double = tf.image.resize(images, target * 2)  # float32, (B, 2 h', 2 w', 3)
        small = tf.nn.avg_pool2d(double, 2, 2, "VALID")
        # Whole rows are copied much faster than pixels of three values.
        flat = tf.reshape(small, (-1, target[0], 3 * target[1]))
        rest = tf.constant(self.frame_yx) - target
        frames = tf.pad(
            flat, [[0, 0], [0, rest[0]], [0, 3 * rest[1]]], constant_values=PAD_VALUE
        )
        return tf.reshape(frames, (-1, *self.frame_yx, 3)), photo / fitted

    def compute_output_spec(
        self,
        images: Any,
        sizes: Any = None,  # noqa: ARG002
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Frames and geometry, float32."""
        batch = images.shape[0]
        return (
            keras.KerasTensor((batch, *self.frame_yx, 3), dtype="float32"),
            keras.KerasTensor((batch, 4), dtype="float32"),
        )

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "frame_yx": list(self.frame_yx),
            "max_enlargement": self.max_enlargement,
        }
