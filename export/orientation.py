"""EXIF orientation inside the graph: phones store photos lying on their side."""

from __future__ import annotations

import tensorflow as tf

__all__ = ["exif_orientation", "upright"]

_SEARCHED = 4096
"""The EXIF segment begins within so many bytes: cameras write it first."""

_READ = 65536
"""A segment is at most so long, bytes."""

_MOST_ENTRIES = 64
_ORIENTATION = 0x0112


def exif_orientation(encoded: tf.Tensor) -> tf.Tensor:
    """The orientation a JPEG or PNG says it has.

    Args:
        encoded: string (), the file.

    Returns:
        int32 (): 1 to 8 as in the EXIF standard (CIPA DC-008, tag 0x0112); 1 where the
        file says nothing, or nothing that can be understood.
    """
    head = tf.io.decode_raw(tf.strings.substr(encoded, 0, _SEARCHED + _READ), tf.uint8)
    length = tf.size(head)
    padded = tf.pad(head, [[0, 1]])

    def at(places: tf.Tensor) -> tf.Tensor:
        # Outside the file everything reads as 0.
        inside = (places >= 0) & (places < length)
        safe = tf.clip_by_value(places, 0, tf.maximum(length - 1, 0))
        found = tf.cast(tf.gather(padded, safe), tf.int32)
        return tf.where(inside, found, 0)

    # A JPEG names the segment "Exif\0\0"; a PNG's chunk is "eXIf" and starts at once.
    first_jpeg = _first(head[:_SEARCHED], b"Exif\x00\x00")
    first_png = _first(head[:_SEARCHED], b"eXIf")
    tiff = tf.minimum(first_jpeg, first_png)
    little = at(tiff) == ord("I")

    def number(place: tf.Tensor, size: int) -> tf.Tensor:
        # The bytes of a number run from the small to the large, or the other way.
        value = tf.zeros_like(place)
        for i in range(size):
            weight = tf.where(little, 256**i, 256 ** (size - 1 - i))
            value += at(place + i) * weight
        return value

    # Lengths above 16 bits do not occur in what is searched; 3 bytes keep int32 safe.
    offset = tf.where(little, number(tiff + 4, 3), number(tiff + 5, 3))
    directory = tiff + offset
    entries = tf.range(_MOST_ENTRIES)
    places = directory + 2 + 12 * entries
    wanted = (number(places, 2) == _ORIENTATION) & (entries < number(directory, 2))
    values = number(places + 8, 2)
    found = tf.reduce_max(tf.where(wanted, values, 0))
    return tf.where((found >= 1) & (found <= 8), found, 1)


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn an image (H, W, 3) as its EXIF orientation, int32 (), says."""
    image = tf.cond(
        orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image
    )

    def when(orientations: list[int], axis: int, value: tf.Tensor) -> tf.Tensor:
        wanted = tf.reduce_any(orientation == tf.constant(orientations))
        return tf.cond(wanted, lambda: tf.reverse(value, [axis]), lambda: value)

    # After the transposition of 5 to 8: which of them are mirrored along which axis.
    image = when([3, 4, 7, 8], 0, image)
    return when([2, 3, 6, 7], 1, image)


def _first(data: tf.Tensor, pattern: bytes) -> tf.Tensor:
    """Where the first such bytes end, or a place behind all that is read."""
    starts = tf.maximum(tf.size(data) - len(pattern) + 1, 0)
    hit = tf.ones((starts,), tf.bool)
    for i, byte in enumerate(pattern):
        hit &= data[i : starts + i] == byte
    ends = tf.range(starts) + len(pattern)
    return tf.reduce_min(tf.where(hit, ends, _SEARCHED + _READ))
