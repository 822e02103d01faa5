"""Patches: what is cut is where the character is, and labels say what it is."""

import numpy as np
import pytest
from PIL import Image

from fused_ocr.alphabet import DIGITS, Alphabet
from fused_ocr.errors import ConfigError
from fused_ocr.training import patches as module
from fused_ocr.training.annotations import AnnotatedPhoto
from fused_ocr.training.patches import (
    CROP,
    PATCH,
    Pool,
    annotated_pool,
    concatenate,
    cut_patches,
    digit_photo_pool,
    glyph_pool,
    scene_pool,
)
from fused_ocr.training.scenes import Scene

ALPHABET = Alphabet(DIGITS)


def test_a_pool_needs_patches_and_their_labels():
    with pytest.raises(ConfigError, match="0 patches, 0 labels"):
        Pool("none", np.zeros((0, PATCH, PATCH), np.uint8), np.zeros(0, np.int64), 1.0)
    with pytest.raises(ConfigError, match="2 patches, 1 labels"):
        Pool("odd", np.zeros((2, PATCH, PATCH), np.uint8), np.zeros(1, np.int64), 1.0)


def test_cut_patches_shows_the_box_in_the_middle():
    # A box 14 high and 7 wide is squared to 14 and grown 1.3 times to 18.2: those are
    # the 28 pixels in the middle, so the box's height is 28 / 1.3 = 21.5 of them.
    photo = np.full((1, 61, 83, 3), 30, np.uint8)
    photo[0, 20:34, 40:47] = 220
    (patch,) = cut_patches(photo, [np.array([[20, 40, 34, 47]], np.float32)])
    assert patch.shape == (1, PATCH, PATCH)
    bright = patch[0] > 125
    rows, columns = bright.any(1).sum(), bright.any(0).sum()
    assert abs(rows - 21.5) <= 1.5 and abs(columns - 10.75) <= 1.5
    centre = np.argwhere(bright).mean(0)
    assert np.abs(centre - (PATCH - 1) / 2).max() < 0.6


def test_cut_patches_of_photos_without_boxes():
    photos = np.zeros((2, 31, 33, 3), np.uint8)
    boxes = [np.zeros((0, 4), np.float32), np.array([[3, 4, 9, 8]], np.float32)]
    none, one = cut_patches(photos, boxes)
    assert none.shape == (0, PATCH, PATCH) and one.shape == (1, PATCH, PATCH)


def test_glyphs_with_two_labels_are_left_out(tmp_path):
    images = np.zeros((5, 28, 28), np.uint8)
    for i in range(3):
        images[i, 4 + i : 20, 9] = 255
    images[3] = images[2]  # one picture, said to be a 2 and an A
    images[4, 5:9, 5:9] = 255
    labels = np.array(["0", "1", "2", "A", "O"])
    np.savez(tmp_path / "g.npz", images=images, labels=labels)
    pool = glyph_pool(tmp_path / "g.npz", ALPHABET, 1.0)
    assert pool.labels.tolist() == [0, 1]  # O might be taken for a 0: no blank either
    np.savez(tmp_path / "h.npz", images=images[:2], labels=np.array(["7", "A"]))
    assert glyph_pool(tmp_path / "h.npz", ALPHABET, 1.0).labels.tolist() == [7, 10]


def test_digit_photos_are_parted_by_source_and_fill_the_crop(tmp_path):
    images = np.zeros((4, 40, 28, 3), np.uint8)
    images[..., 10:18, :] = 200
    np.savez(
        tmp_path / "d.npz", images=images, labels=[1, 2, 3, 4], source=[0, 1, 5, 6]
    )
    pool = digit_photo_pool(tmp_path / "d.npz", lambda source: source % 5 == 0, 1.0)
    assert pool.labels.tolist() == [1, 3]
    rim = (PATCH - CROP) // 2
    inside = pool.patches[0][rim : rim + CROP]
    assert (inside[:, PATCH // 2] > 150).all()  # 40 rows become the crop's 28


class Scenes:
    """Two 3s and a far 8, 12 pixels high."""

    def __call__(self, index):
        image = np.full((91, 121, 3), 90, np.uint8)
        boxes = np.array(
            [[9, 9, 21, 17], [9, 24, 21, 32], [60, 80, 72, 88]], np.float32
        )
        for y1, x1, y2, x2 in boxes.astype(int):
            image[y1:y2, x1:x2] = 250
        return Scene(image, boxes, ("3", "3", "8"), ((0, 1), (2,)))


def test_scene_pool_has_characters_and_blanks():
    pool = scene_pool(Scenes(), 5, ALPHABET, 1.0, workers=0)
    counts = np.bincount(pool.labels, minlength=11)
    assert counts[3] == 10 and counts[8] == 5 and counts[10] >= 5
    rim = (PATCH - CROP) // 2
    middle = pool.patches[:, rim + 9 : rim + 19, rim + 11 : rim + 17].mean((1, 2))
    assert (middle[pool.labels != 10] > 220).all()
    assert (middle[pool.labels == 10] < 140).all()


def test_annotated_pool(tmp_path):
    Image.fromarray(Scenes()(0).image).save(tmp_path / "a.png")
    boxes = Scenes()(0).boxes_yxyx
    zeros = np.zeros(3, np.int64)
    photo = AnnotatedPhoto(tmp_path / "a.png", boxes, zeros, ("3", "", "38"))
    pool = annotated_pool([photo], ALPHABET, 1.0)
    assert pool.labels.tolist() == [3]
    silent = AnnotatedPhoto(tmp_path / "a.png", boxes, zeros, ("", "", ""))
    with pytest.raises(ConfigError, match="seventh column"):
        annotated_pool([silent], ALPHABET, 1.0)


def test_concatenate():
    pool = scene_pool(Scenes(), 1, ALPHABET, 1.0, workers=0)
    patches, labels = concatenate([pool, pool])
    assert len(patches) == len(labels) == 2 * len(pool.labels)


def test_letters_that_look_like_digits_are_no_blanks():
    assert not set("BDGILOQSZ") & set(module.NOT_DIGITS)
