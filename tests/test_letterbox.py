"""The letterbox: geometry by hand, padding, strips, photos of different sizes."""

import keras
import numpy as np
import pytest
from layer_checks import check_layer

from fused_ocr.letterbox import PAD_VALUE, Letterbox


def photo(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def fit(image, frame_yx=(64, 96), **limit):
    frames, geometry = Letterbox(frame_yx, **limit)(image[None])
    return frames.numpy()[0], geometry.numpy()[0]


# (H, W) of the photo, (h, w) of it in a frame of 64x96: scaled by the smaller of 64 / H
# and 96 / W, and rounded.
FITTED = [
    ((64, 96), (64, 96)),
    ((128, 192), (64, 96)),
    ((32, 48), (64, 96)),  # grown
    ((40, 30), (64, 48)),  # 64 / 40 = 1.6
    ((31, 31), (62, 62)),  # no more than twice
    ((128, 96), (64, 48)),  # 64 / 128 = 1/2 against 1
    ((101, 303), (32, 96)),  # 96 / 303 = 0.3168 against 0.634; 101 * 0.3168 = 32.0
    ((303, 101), (64, 21)),  # 64 / 303 = 0.2112; 101 * 0.2112 = 21.3
    ((1, 1), (2, 2)),
    ((1, 20000), (1, 96)),  # 96 / 20000 of a row is none: one row it is
    ((20000, 1), (64, 1)),
    ((1, 2), (2, 4)),
    ((3000, 4001), (64, 85)),  # 64 / 3000 = 0.02133; 4001 * 0.02133 = 85.4
]


@pytest.mark.parametrize(("photo_yx", "fitted_yx"), FITTED)
def test_geometry(photo_yx, fitted_yx):
    height, width = fitted_yx
    image = np.full((*photo_yx, 3), (10, 200, 60), np.uint8)
    frame, geometry = fit(image)
    assert frame.shape == (64, 96, 3) and frame.dtype == np.float32
    np.testing.assert_allclose(
        geometry, [photo_yx[0] / height, photo_yx[1] / width, *photo_yx], rtol=1e-6
    )
    np.testing.assert_allclose(
        frame[:height, :width],
        np.broadcast_to((10, 200, 60), (height, width, 3)),
        atol=1e-3,
    )
    assert (frame[height:] == PAD_VALUE).all()
    assert (frame[:, width:] == PAD_VALUE).all()


def test_how_far_a_small_photo_grows():
    small = photo(10, 20)
    for limit, fitted in [(0.5, (5, 10)), (3.0, (30, 60)), (9.0, (48, 96))]:
        frame, geometry = fit(small, max_enlargement=limit)
        np.testing.assert_allclose(
            geometry, [10 / fitted[0], 20 / fitted[1], 10, 20], rtol=1e-6
        )
        assert (frame[fitted[0] :] == PAD_VALUE).all()
        assert (frame[:, fitted[1] :] == PAD_VALUE).all()
        assert (frame[: fitted[0], : fitted[1]] != PAD_VALUE).mean() > 0.9
    large, other = photo(70, 20), photo(70, 20)  # shrunk, whatever the limit
    np.testing.assert_array_equal(fit(large, max_enlargement=9.0)[0], fit(other)[0])


def test_a_dot_in_a_photo_of_the_frames_size():
    # Each frame pixel is the mean of two samples along each axis, at -0.25 and +0.25:
    # 0.75 of the pixel and 0.25 of one neighbour. So it keeps 0.75, and its neighbours
    # get 0.125 each.
    image = np.zeros((64, 96, 3), np.uint8)
    image[30, 40] = 255
    frame, _ = fit(image)
    line = np.array([0.125, 0.75, 0.125])
    np.testing.assert_allclose(
        frame[29:32, 39:42, 0], 255 * line[:, None] * line, atol=1e-3
    )
    assert frame.sum() == pytest.approx(3 * 255, rel=1e-4)


def test_a_ramp_keeps_its_place():
    # Frame pixel i is centred at (i + 0.5) * factor in the photo, whose value there on
    # a ramp I[y, x] = 2 y + x in pixel indices is 2 (cy - 0.5) + cx - 0.5.
    y, x = np.mgrid[:128, :96]
    image = np.repeat((2.0 * y + x)[..., None], 3, -1).astype(np.float32)
    frame, geometry = fit(image)
    cy = (np.arange(64) + 0.5) * geometry[0]
    cx = (np.arange(48) + 0.5) * geometry[1]
    expected = 2 * (cy[:, None] - 0.5) + cx - 0.5
    inner = (slice(1, -1), slice(1, 47))  # the border is continued, not sloped
    np.testing.assert_allclose(frame[inner][..., 0], expected[inner], atol=1e-3)


@pytest.mark.parametrize(
    "photo_yx", [(33, 71), (71, 33), (64, 96), (1, 90), (90, 1), (1, 1), (95, 111)]
)
def test_sizes_is_the_unpadded_photo(photo_yx):
    image = photo(*photo_yx)
    padded = np.full((95, 111, 3), 255, np.uint8)
    padded[: photo_yx[0], : photo_yx[1]] = image
    layer = Letterbox((64, 96))
    alone = layer(image[None])
    cut = layer(padded[None], np.array([photo_yx], np.int32))
    for one, other in zip(alone, cut, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_batch_is_each_photo_alone():
    images = np.stack([photo(51, 77, seed) for seed in range(3)])
    sizes = np.array([[51, 77], [20, 77], [1, 1]], np.int32)
    layer = Letterbox((64, 96))
    frames, geometry = layer(images)
    assert frames.shape == (3, 64, 96, 3) and geometry.shape == (3, 4)
    of_sizes, geometry_of_sizes = layer(images, sizes)
    for i, (height, width) in enumerate(sizes):
        one, its = fit(images[i])
        np.testing.assert_array_equal(frames[i], one)
        np.testing.assert_array_equal(geometry[i], its)
        one, its = fit(images[i, :height, :width])
        np.testing.assert_array_equal(of_sizes[i], one)
        np.testing.assert_array_equal(geometry_of_sizes[i], its)


def test_uint8_and_float_photos_agree():
    image = photo(51, 77)
    np.testing.assert_array_equal(fit(image)[0], fit(image.astype(np.float32))[0])


def test_layer():
    cases = [
        (np.stack([photo(*size), photo(*size, 1)]).astype(dtype),)
        for size, dtype in [
            ((32, 32), np.uint8),
            ((31, 45), np.uint8),
            ((45, 31), np.float32),
        ]
    ]
    cases.append((*cases[1], np.array([[31, 45], [7, 9]], np.int32)))
    check_layer(Letterbox, {"frame_yx": (64, 96), "max_enlargement": 1.5}, cases)


def test_layer_of_unknown_size():
    frames, geometry = Letterbox((64, 96))(keras.Input((None, None, 3), dtype="uint8"))
    assert frames.shape == (None, 64, 96, 3) and geometry.shape == (None, 4)
