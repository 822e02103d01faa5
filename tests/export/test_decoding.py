"""Files to pixels in the graph: one, several of different sizes, turned upright."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fused_ocr.export.decoding import decode_files
from fused_ocr.images import read_image

decode = tf.function(decode_files, input_signature=[tf.TensorSpec((None,), tf.string)])


def picture(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def file(image, kind="PNG", orientation=None):
    saved = io.BytesIO()
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    Image.fromarray(image).save(saved, kind, exif=exif)
    return saved.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_one_file(kind):
    image = picture(5, 7)
    saved = io.BytesIO()
    Image.fromarray(image).save(saved, kind)
    images, sizes, _ = decode(tf.constant([saved.getvalue()]))
    np.testing.assert_array_equal(images, image[None])
    assert sizes.numpy().tolist() == [[5, 7]] and sizes.dtype == tf.int32


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", m) for m in ("RGBA", "LA", "L", "1", "P")] + [("BMP", "RGBA")],
)
def test_transparency_and_grey_are_as_in_python(kind, mode):
    pixels = np.random.default_rng(4).integers(0, 256, (9, 8, 4), np.uint8)
    image, options = Image.fromarray(pixels), {}
    if mode == "P":
        image, options = image.convert("RGB").quantize(8), {"transparency": 3}
    saved = io.BytesIO()
    image.convert(mode).save(saved, kind, **options)
    # The second is no file: it takes the way of several.
    for files in ([saved.getvalue()], [saved.getvalue(), b""]):
        found = decode(tf.constant(files))[0][0]
        np.testing.assert_array_equal(found, read_image(saved.getvalue()))


def test_one_file_on_its_side():
    image = picture(5, 7)
    images, sizes, _ = decode(tf.constant([file(image, orientation=6)]))
    np.testing.assert_array_equal(images[0], np.rot90(image, -1))
    assert sizes.numpy().tolist() == [[7, 5]]


def test_several_sizes_are_padded_to_the_largest():
    pictures = [picture(5, 7, 1), picture(9, 2, 2), picture(1, 1, 3)]
    images, sizes, _ = decode(tf.constant([file(p) for p in pictures]))
    assert images.shape == (3, 9, 7, 3) and images.dtype == tf.uint8
    assert sizes.numpy().tolist() == [[5, 7], [9, 2], [1, 1]]
    for image, truth in zip(images.numpy(), pictures, strict=True):
        height, width = truth.shape[:2]
        np.testing.assert_array_equal(image[:height, :width], truth)
        image[:height, :width] = 0
        assert not image.any()


@pytest.mark.parametrize("good", [(), (0,), (1, 3), (0, 1, 2, 3)])
def test_what_is_no_picture_is_a_black_pixel(good):
    pictures = [picture(5, 7 + i, i) for i in range(4)]
    files = [file(p) if i in good else b"none" for i, p in enumerate(pictures)]
    images, sizes, decoded = decode(tf.constant(files))
    assert decoded.numpy().tolist() == [i in good for i in range(4)]
    for i, (height, width) in enumerate(sizes.numpy()):
        truth = pictures[i] if i in good else np.zeros((1, 1, 3))
        np.testing.assert_array_equal(images[i, :height, :width], truth)
        assert images[i].numpy().sum() == truth.sum()


def test_one_that_is_no_picture():
    images, sizes, decoded = decode(tf.constant([b"none"]))
    assert images.numpy().tolist() == [[[[0, 0, 0]]]]
    assert (sizes.numpy().tolist(), decoded.numpy().tolist()) == ([[1, 1]], [False])
