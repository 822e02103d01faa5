"""Drawn pictures: what they have to cover."""

import numpy as np

from fused_ocr.export.check_photos import drawn_photos, edge_photos, full_photo


def test_drawn_photos_cover_what_matters():
    photos = drawn_photos("0123456789")
    shapes = [photo.image.shape for photo in photos]
    assert len(set(shapes)) == len(shapes)
    assert any(h > w for h, w, _ in shapes) and any(h < w for h, w, _ in shapes)
    assert np.ptp(photos[0].image) == 0  # one with nothing on it
    means = [photo.image.mean() for photo in photos[1:]]
    assert min(means) < 80 and max(means) > 170  # both polarities


def test_edges():
    found = {photo.name: photo.image for photo in edge_photos("AB")}
    assert np.array_equal(found["full, along"].shape, (540, 960, 3))
    assert found["full, upright"].shape == (960, 540, 3)
    same = found["the same word twice"]
    # One half is the other, to the pixel: nothing but the place can part their scores.
    assert np.array_equal(same[:, :320], same[:, 320:]) and np.ptp(same[:, :320]) > 0
    assert all(image.dtype == np.uint8 for image in found.values())


def test_a_full_photo_of_any_frame():
    light = full_photo("0123", (720, 1280)) > 200
    # Plates cover some three fifths, in each quarter alike.
    for rows in np.split(light, 2):
        for part in np.split(rows, 2, axis=1):
            assert 0.4 < part.mean() < 0.8
    assert full_photo("0", (64, 64)).shape == (64, 64, 3)
