"""Patches changed as cameras change them: bounded, repeatable, never mirrored."""

import numpy as np
import pytest
import tensorflow as tf

from fused_ocr.training.augmentation import Augmentation, centre_crops
from fused_ocr.training.patches import CROP, PATCH

STILL = {
    name: 0.0 for name in ("rotation", "shear", "scale", "stretch", "shift", "noise")
}


def corner_patches(count):
    """A bright square in the top left quarter of the crop, on grey."""
    patches = np.full((count, PATCH, PATCH), 60, np.uint8)
    patches[:, 10:16, 10:16] = 230
    return patches


def test_no_patches():
    crops = Augmentation()(
        np.zeros((0, PATCH, PATCH), np.uint8), np.zeros(0, bool), (1, 2)
    )
    assert crops.shape == (0, CROP, CROP, 1)


def test_same_seed_same_crops():
    patches, invert = corner_patches(9), np.ones(9, bool)
    one, same, other = (
        Augmentation()(patches, invert, seed).numpy()
        for seed in ((3, 4), (3, 4), (3, 6))
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1


def test_range_and_shape():
    crops = Augmentation(noise=0.5)(
        corner_patches(64), np.ones(64, bool), (0, 0)
    ).numpy()
    assert crops.shape == (64, CROP, CROP, 1) and crops.dtype == np.float32
    assert crops.min() >= 0 and crops.max() <= 1


def test_without_movement_the_middle_stays_in_place():
    crops = Augmentation(**STILL, fade=0.0)(
        corner_patches(200), np.zeros(200, bool), (5, 8)
    ).numpy()[..., 0]
    plain = centre_crops(corner_patches(1))[0, ..., 0]
    # Contrast and a line across may change values, but not where the bright square is.
    bright = crops[:, 4:10, 4:10].mean((1, 2)) - crops[:, 14:, 14:].mean((1, 2))
    assert (bright > 0).all()
    exact = np.abs(crops - plain).max((1, 2)) < 1e-5
    assert (
        exact.mean() > 0.2
    )  # a third keeps its contrast, a twelfth of them has a line


def test_no_strength_changes_nothing():
    still = Augmentation.of_strength(0.0)
    crops = still(corner_patches(50), np.ones(50, bool), (3, 3)).numpy()
    np.testing.assert_allclose(crops, centre_crops(corner_patches(50)), atol=1e-5)
    assert Augmentation.of_strength(1.0) == Augmentation()


def test_never_mirrored():
    crops = Augmentation(fade=0.0)(
        corner_patches(300), np.zeros(300, bool), (1, 1)
    ).numpy()
    middle = crops[..., 0].mean((1, 2), keepdims=True)
    weight = np.maximum(crops[..., 0] - middle, 0)
    ramp = np.arange(CROP) - (CROP - 1) / 2
    x = (weight * ramp).sum((1, 2)) / weight.sum((1, 2))
    y = (weight * ramp[:, None]).sum((1, 2)) / weight.sum((1, 2))
    assert (x < 0).mean() > 0.95 and (y < 0).mean() > 0.95


def test_only_what_may_be_inverted_is():
    patches = corner_patches(400)
    invert = np.arange(400) % 2 == 0
    crops = Augmentation(**STILL, fade=0.0)(patches, invert, (2, 2)).numpy()[..., 0]
    dark = crops[:, 4:10, 4:10].mean((1, 2)) < crops[:, 14:, 14:].mean((1, 2))
    assert not dark[~invert].any()
    assert 0.3 < dark[invert].mean() < 0.7


def test_shift_moves_by_its_pixels():
    still = {**STILL, "shift": 3.0}
    crops = Augmentation(**still, fade=0.0)(
        corner_patches(300), np.zeros(300, bool), (9, 9)
    ).numpy()[..., 0]
    # The square covers 4..10 of the crop; its centre at 6.5 moves by at most 3.
    weight = np.maximum(crops - crops.mean((1, 2), keepdims=True) - 0.1, 0)
    seen = weight.sum((1, 2)) > 2
    x = (weight * np.arange(CROP)).sum((1, 2))[seen] / weight.sum((1, 2))[seen]
    low, high = np.percentile(x, [8, 92])  # one in twelve has a line, which pulls
    assert low >= 3.4 and high <= 9.6
    assert high - low > 3.5


@pytest.mark.parametrize("count", [1, 5])
def test_centre_crops(count):
    crops = centre_crops(corner_patches(count))
    assert crops.shape == (count, CROP, CROP, 1)
    assert crops[0, 4, 4, 0] == pytest.approx(230 / 255)
    assert crops[0, 3, 4, 0] == pytest.approx(60 / 255)


def test_inside_a_function_as_outside():
    patches, invert = corner_patches(7), np.ones(7, bool)
    seed = tf.constant([4, 5], tf.int32)
    graph = tf.function(Augmentation())
    np.testing.assert_allclose(
        graph(patches, invert, seed), Augmentation()(patches, invert, seed), atol=1e-5
    )
