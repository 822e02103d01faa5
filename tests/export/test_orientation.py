"""EXIF orientation in the graph agrees with Pillow's reading of the same file."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fused_ocr.export.orientation import exif_orientation, upright
from fused_ocr.images import read_image

PICTURE = np.zeros((6, 10, 3), np.uint8)
PICTURE[:3, :5] = (250, 10, 10)
PICTURE[3:, 5:] = (10, 10, 250)
PICTURE = np.kron(PICTURE, np.ones((8, 8, 1), np.uint8))  # JPEG keeps blocks exact


@tf.function(input_signature=[tf.TensorSpec((), tf.string)])
def decoded(encoded):
    image = tf.io.decode_image(encoded, 3, expand_animations=False)
    return upright(tf.ensure_shape(image, (None, None, 3)), exif_orientation(encoded))


def encode(form, orientation=None, **extra):
    exif = Image.Exif()
    exif[0x010F] = "a maker whose name is before the orientation"
    if orientation is not None:
        exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, form, exif=exif, **extra)
    return file.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_same_as_pillow(form, orientation):
    data = encode(form, orientation)
    ours, theirs = decoded(data).numpy(), read_image(data)
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).max() <= 4  # two JPEG decoders


@pytest.mark.parametrize("value", [0, 9, 200])
def test_a_value_that_means_nothing_is_upright(value):
    assert exif_orientation(encode("PNG", value)).numpy() == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\x00\x00",
        b"Exif\x00\x00MM\x00*\xff\xff\xff\xff",  # a directory far outside the file
        b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff",
    ],
    ids=["empty", "nothing behind", "far directory", "entries cut off"],
)
def test_damaged_exif_is_upright(data):
    assert exif_orientation(tf.constant(data)).numpy() == 1


def test_big_endian_by_hand():
    # TIFF header "MM", 42, directory at 8; one entry: tag 0x0112, SHORT, one of 6.
    tiff = (
        b"MM\x00\x2a\x00\x00\x00\x08"
        b"\x00\x01"
        b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    )
    assert exif_orientation(tf.constant(b"xxExif\x00\x00" + tiff)).numpy() == 6
