"""Image files of different sizes become one batch, inside the graph."""

from __future__ import annotations

import tensorflow as tf

from .orientation import exif_orientation, upright

__all__ = ["decode_files"]


def decode_files(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode and turn upright a batch of files.

    Args:
        encoded: string (B,), JPEG, PNG, GIF (its first picture) or BMP files.

    Returns:
        images uint8 (B, H, W, 3), each picture at the top left, zeros around; and sizes
        int32 (B, 2), their heights and widths.
    """
    found: tuple[tf.Tensor, tf.Tensor] = tf.cond(
        tf.size(encoded) == 1,
        lambda: _decode_one(encoded[0]),
        lambda: _decode_all(encoded),
    )
    return found


def _decode(encoded: tf.Tensor) -> tf.Tensor:
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    image.set_shape((None, None, 3))
    return upright(image, exif_orientation(encoded))


def _decode_one(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """One file needs no list and no padding, which would copy it four times."""
    image = _decode(encoded)
    return image[None], tf.shape(image)[None, :2]


def _decode_all(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    count = tf.size(encoded)
    # A list that takes pictures of any size; map_fn would want one size for all.
    pictures = tf.TensorArray(
        tf.uint8, count, infer_shape=False, element_shape=(None, None, 3)
    )
    _, pictures = tf.while_loop(
        lambda i, _: i < count,
        lambda i, made: (i + 1, made.write(i, _decode(encoded[i]))),
        (0, pictures),
    )
    sizes = tf.map_fn(
        lambda i: tf.shape(pictures.read(i))[:2],
        tf.range(count),
        fn_output_signature=tf.TensorSpec((2,), tf.int32),
    )
    largest = tf.reduce_max(sizes, 0)

    def pad(i: tf.Tensor) -> tf.Tensor:
        rest = largest - sizes[i]
        return tf.pad(pictures.read(i), [[0, rest[0]], [0, rest[1]], [0, 0]])

    padded = tf.map_fn(
        pad,
        tf.range(count),
        fn_output_signature=tf.TensorSpec((None, None, 3), tf.uint8),
    )
    return padded, sizes
