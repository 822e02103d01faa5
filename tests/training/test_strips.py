"""Strips: what is cut, what is left out, and batches that move but never mirror."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fused_ocr.alphabet import Alphabet
from fused_ocr.config import CropConfig
from fused_ocr.cropping import CropResize
from fused_ocr.errors import ConfigError
from fused_ocr.training.annotations import AnnotatedPhoto
from fused_ocr.training.strip_augmentation import StripAugmentation, rim_of
from fused_ocr.training.strips import UNKNOWN, StripBatches, Strips, strips_of

SIZE = (16, 48)
CROP = CropConfig(size_yx=SIZE, square=False, grow=1.0)


def photo(path, texts, readable=None, quads=None):
    """A column of regions 16 x 48, each as bright as its number says."""
    pixels = np.zeros((32 * len(texts) + 16, 80, 3), np.uint8)
    boxes = []
    for i in range(len(texts)):
        top = 16 + 32 * i
        pixels[top : top + 16, 16:64] = 100 + 30 * i
        boxes.append((top, 16, top + 16, 64))
    Image.fromarray(pixels).save(path)
    more = {} if quads is None else {"quads_yx": quads}
    flags = np.ones(len(texts), bool) if readable is None else np.array(readable)
    return AnnotatedPhoto(
        path, np.array(boxes, np.float32), np.arange(len(texts)), tuple(texts),
        readable=flags, **more,
    )  # fmt: skip


def test_a_strip_is_the_region_with_its_rim(tmp_path):
    made = strips_of([photo(tmp_path / "a.png", ["12"])], Alphabet("012"), 3, CROP)
    rim_y, rim_x = rim_of(SIZE)
    assert (rim_y, rim_x) == (3, 9) and made.pixels.shape == (1, 22, 66)
    # Pixel for pixel: a cell is one pixel of the photo.
    assert (made.pixels[0, 3:19, 9:57] == 100).all()
    assert not made.pixels[0, :3].any() and not made.pixels[0, :, :9].any()
    assert made.texts.tolist() == [[1, 2, 3]] and made.readable.tolist() == [1]
    assert made.kinds.tolist() == [UNKNOWN]


def test_corners_are_used_where_they_are_known(tmp_path):
    turned = np.full((2, 4, 2), np.nan, np.float32)
    # The first region upside down: its text's top left is its bottom right.
    turned[0] = [(32, 64), (32, 16), (16, 16), (16, 64)]
    one = photo(tmp_path / "a.png", ["1", "2"], quads=turned)
    pixels = np.array(Image.open(one.path))
    pixels[16:24, 16:64] = 240
    Image.fromarray(pixels).save(one.path)
    made = strips_of([one], Alphabet("012"), 3, CROP)
    assert (made.pixels[0, 12:18, 12:54] == 240).all()
    assert (made.pixels[0, 4:10, 12:54] == 100).all()
    assert (made.pixels[1, 4:18, 12:54] == 130).all()
    boxes = strips_of([one], Alphabet("012"), 3, CROP.replace(rectify=False))
    assert (boxes.pixels[0, 4:10, 12:54] == 240).all()


def test_what_cannot_be_learnt_is_left_out_and_said(tmp_path, capsys):
    texts = ["12", "1a", "2222", "", "", "0"]
    flags = [True, True, True, True, False, True]
    photos = [photo(tmp_path / "a.png", texts, flags)]
    made = strips_of(photos, Alphabet("012"), 3, CROP, name="mine")
    assert made.texts.tolist() == [[1, 2, 3], [0, 3, 3]]
    said = " ".join(capsys.readouterr().err.split())
    assert "mine: 2 regions are left out" in said
    assert "'1a'" in said and "'2222'" in said and "'012'" in said
    made = strips_of(photos, Alphabet("012"), 3, CROP, readable=True)
    assert made.texts.tolist() == [[1, 2, 3], [UNKNOWN] * 3, [0, 3, 3]]
    assert made.readable.tolist() == [1, 0, 1]
    # Where kinds are learnt, a region of unknown text teaches its kind.
    made = strips_of(photos, Alphabet("012"), 3, CROP, kinds=True)
    assert made.kinds.tolist() == [0, 3, 4, 5]
    assert made.readable.tolist() == [1, UNKNOWN, 0, 1]
    foreign = photo(tmp_path / "b.png", ["x"])
    with pytest.raises(ConfigError, match="no region in 'none'"):
        strips_of([foreign], Alphabet("01"), 3, CROP, name="none")


def source(count=6, weight=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return Strips(
        "made", rng.integers(0, 255, (count, 22, 66), np.uint8),
        np.full((count, 3), seed, np.int32), np.ones(count, np.int32),
        np.arange(count, dtype=np.int32), weight,
    )  # fmt: skip


def test_no_strength_cuts_the_rim_away():
    strips = source().pixels
    plain = StripAugmentation.of_strength(SIZE, 0.0)
    crops = plain(tf.constant(strips), tf.constant([1, 2]))
    np.testing.assert_allclose(crops[..., 0] * 255, strips[:, 3:19, 9:57], atol=1e-3)


@pytest.mark.parametrize("size_yx", [(24, 96), (40, 160), (33, 129)])
def test_a_crop_is_what_the_graph_cuts(tmp_path, size_yx):
    # Of a smooth picture, through the strip with its rim or straight away.
    y, x = np.mgrid[:120, :200]
    pixels = (60 + 0.9 * y + 0.4 * x + 20 * np.sin(y / 9) * np.cos(x / 11))[..., None]
    Image.fromarray(np.repeat(pixels, 3, 2).astype(np.uint8)).save(tmp_path / "a.png")
    box = np.array([(31, 40, 79, 150)], np.float32)
    one = AnnotatedPhoto(tmp_path / "a.png", box, np.zeros(1, np.int64), ("1",))
    crop = CropConfig(size_yx=size_yx, square=False, grow=1.1, rectify=False)
    strip = strips_of([one], Alphabet("1"), 1, crop).pixels
    plain = StripAugmentation.of_strength(size_yx, 0.0)
    through = plain(tf.constant(strip), tf.constant([0, 0]))[0]
    image = np.array(Image.open(tmp_path / "a.png"))[None]
    straight = CropResize(crop)(image, box[None], np.array([1], np.int32))[0, 0]
    assert np.abs(through - straight).max() < 0.012


def test_moves_are_small_and_never_mirror():
    # A bright quarter at the top left stays there, however the strip is moved.
    strips = np.zeros((200, 22, 66), np.uint8)
    strips[:, :11, :33] = 255
    moved = StripAugmentation.of_strength(SIZE, 1.0)
    moved = dataclasses.replace(
        moved, light=moved.light.of_strength(0.0), blur=0, halo=0, invert=0
    )
    crops = moved(tf.constant(strips), tf.constant([1, 2])).numpy()[..., 0]
    middle = crops[:, 4:12, 12:36].reshape(200, 2, 4, 2, 12).mean((2, 4))
    assert (middle[:, 0, 0] > middle[:, 0, 1]).all()
    assert (middle[:, 0, 0] > middle[:, 1, 0]).all()
    assert crops.std(0).max() > 0.2  # and it is moved


def test_sharpening_puts_halos_along_strokes():
    plain = StripAugmentation.of_strength(SIZE, 0.0)
    (height, width), (rim_y, rim_x) = SIZE, rim_of(SIZE)
    strips = np.full((50, height + 2 * rim_y, width + 2 * rim_x), 90, np.uint8)
    flat = dataclasses.replace(plain, halo=1.0)(tf.constant(strips), [7, 8])
    np.testing.assert_allclose(flat * 255, 90, atol=1e-3)
    strips[:, :, rim_x + width // 2 :] = 150
    step = tf.constant(strips)
    crops = dataclasses.replace(plain, halo=1.0)(step, [7, 8]).numpy()[..., 0] * 255
    # Darker at the dark side of the edge and brighter at the bright one; all of them,
    # each as much as it draws; and nothing where no edge is near.
    edge = width // 2
    assert (crops[:, :, edge - 1] < 85).all() and (crops[:, :, edge] > 155).all()
    assert np.ptp(crops[:, 0, edge]) > 20
    np.testing.assert_allclose(crops[:, :, 0], 90, atol=1)
    some = dataclasses.replace(plain, halo=0.4)(step, [7, 8]).numpy()[..., 0] * 255
    assert 0.2 < (some[:, 0, edge] > 155).mean() < 0.6
    np.testing.assert_allclose(plain(step, [7, 8]).numpy()[:, 0, edge, 0] * 255, 150)


def test_shifts_alone_are_patches_of_a_larger_crop():
    # Random 54x54 patches of 64x64 crops; each pixel of the strip tells where it is.
    rows, columns = np.mgrid[:74, :74].astype(np.uint8)
    plain = StripAugmentation.of_strength((54, 54), 0.0)
    patches = dataclasses.replace(plain, shift=5 / 54)
    for place, axis in ((rows, 1), (columns, 2)):
        strips = tf.constant(np.repeat(place[None], 300, 0))
        seen = patches(strips, tf.constant([3, 4])).numpy()[..., 0] * 255
        first = seen.min((1, 2))
        assert 5 <= first.min() < 5.3 and 14.7 < first.max() <= 15  # rim 10, 5 or less
        assert abs(np.diff(seen, axis=axis) - 1).max() < 1e-3


def test_batches_are_decided_by_their_numbers():
    sources = [source(6, 3.0, 0), source(4, 1.0, 1)]
    make = StripBatches(sources, 32, 5, StripAugmentation.of_strength(SIZE, 1.0))
    third = list(itertools.islice(make(0), 4))[3]
    again = next(make(3))
    np.testing.assert_array_equal(third[0], again[0])
    for name, value in third[1].items():
        np.testing.assert_array_equal(value, again[1][name])
    assert third[0].shape == (32, *SIZE, 1) and third[0].dtype == np.float32
    drawn = [batch[1]["text"][:, 0] for batch in itertools.islice(make(0), 30)]
    assert 0.2 < np.mean(drawn) < 0.3  # one in four from the second
    # A batch in which a source has no part.
    few = StripBatches(sources, 1, 5, StripAugmentation.of_strength(SIZE, 1.0))
    texts = [batch[1]["text"][0, 0] for batch in itertools.islice(few(0), 20)]
    assert set(texts) == {0, 1}
