"""Image files of different sizes become one batch, inside the graph."""

from __future__ import annotations

import tensorflow as tf

from .orientation import exif_orientation, upright

__all__ = ["decode_files"]


def decode_files(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Decode and turn upright a batch of files.

    A server puts requests of several people together: what cannot be decoded must not
    fail those beside it, so it becomes a black picture of one pixel.

    Args:
        encoded: string (B,), JPEG, PNG, GIF (its first picture) or BMP files, the last
            of 8, 24 or 32 bits a pixel.

    Returns:
        images uint8 (B, H, W, 3), RGB, transparency laid over white, each picture at
        the top left, zeros around; sizes int32 (B, 2), their heights and widths; and
        which could be decoded, bool (B,).
    """
    found: tuple[tf.Tensor, tf.Tensor, tf.Tensor] = tf.cond(
        tf.size(encoded) == 1,
        lambda: _decode_one(encoded),
        lambda: _decode_all(encoded),
    )
    return found


def _decode_one(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One file needs no padding, which would copy it."""
    place, image, size = (
        _pictures(encoded).concatenate(_end()).take(1).get_single_element()
    )
    return image[None], size[None], place[None] >= 0


def _decode_all(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    # As many as can be decoded, in their order, and the end: without one there would be
    # no batch of no pictures.
    pictures = _pictures(encoded).concatenate(_end())
    most = tf.size(encoded, tf.int64) + 1
    places, images, sizes = pictures.padded_batch(most).get_single_element()
    count = tf.size(encoded)
    # Each file's row among them; the last for those that could not be decoded.
    rows = tf.tensor_scatter_nd_update(
        tf.fill((count,), tf.size(places) - 1),
        places[:-1, None],
        tf.range(tf.size(places) - 1),
    )
    decoded = rows < tf.size(places) - 1
    images = tf.cond(
        tf.reduce_all(decoded), lambda: images[:-1], lambda: tf.gather(images, rows)
    )
    return images, tf.gather(sizes, rows), decoded


def _pictures(encoded: tf.Tensor) -> tf.data.Dataset:
    """Place, picture and size of every file that can be decoded.

    Datasets are the one thing in a graph that can go on after an error.
    """

    def decode(
        place: tf.Tensor, file: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        image = tf.io.decode_image(file, expand_animations=False)
        # A bitmap's fourth value is unused.
        image = _opaque(image, tf.strings.substr(file, 0, 2) != b"BM")
        image = upright(image, exif_orientation(file))
        return place, image, tf.shape(image)[:2]

    files = tf.data.Dataset.from_tensor_slices((tf.range(tf.size(encoded)), encoded))
    # One after the other: the reader that follows has use for every processor.
    return files.map(decode).ignore_errors().with_options(_plain())


def _opaque(image: tf.Tensor, has_alpha: tf.Tensor) -> tf.Tensor:
    """RGB of uint8 (H, W, 1 to 4), as `read_image` has it: alpha is laid over white."""
    image.set_shape((None, None, None))

    def laid() -> tf.Tensor:
        colour, alpha = tf.split(tf.cast(image, tf.int32), [-1, 1], axis=-1)
        alpha = tf.where(has_alpha, alpha, 255)
        blended = colour * alpha + 255 * (255 - alpha) + 127  # rounds to nearest
        return tf.cast(blended // 255, tf.uint8)

    colour = tf.cond(tf.shape(image)[-1] % 2 == 0, laid, lambda: image)
    grey = tf.shape(colour)[-1] == 1
    colour = tf.cond(grey, lambda: tf.repeat(colour, 3, axis=-1), lambda: colour)
    return tf.ensure_shape(colour, (None, None, 3))


def _end() -> tf.data.Dataset:
    black = tf.zeros((1, 1, 3), tf.uint8)
    return tf.data.Dataset.from_tensors((-1, black, tf.shape(black)[:2]))


def _plain() -> tf.data.Options:
    """Without what pays for long datasets alone: tuning, and rewriting their graph."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options
