"""Sizes and orientations from headers, as Pillow's own turning gives them."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from fused_ocr.errors import ImageDecodeError
from fused_ocr.training.photo_header import read_header


def save(path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = Image.new("L", (9, 5))
    photo.putpixel((2, 1), 255)
    photo.save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_points_go_where_pillow_turns_them(tmp_path, orientation):
    path = save(tmp_path / "a.png", orientation)
    header = read_header(path)
    with Image.open(path) as image:
        upright = np.asarray(ImageOps.exif_transpose(image))
    assert header.size_yx == upright.shape
    assert header.stored_yx == (5, 9)
    assert (header.orientation, header.format) == (orientation, "PNG")
    # The bright pixel's centre, 1.5 down and 2.5 right as it is stored.
    (y,), (x,) = np.nonzero(upright)
    assert header.to_upright(np.array([1.5, 2.5])).tolist() == [y + 0.5, x + 0.5]
    assert header.to_upright(np.full((2, 3, 2), 1.0)).shape == (2, 3, 2)


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_orientations_that_are_none(tmp_path, orientation):
    header = read_header(save(tmp_path / "a.png", orientation))
    assert (header.orientation, header.size_yx) == (1, (5, 9))


def test_files_that_are_no_photos(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "gone.jpg")
    (tmp_path / "a.jpg").write_bytes(b"no photo")
    with pytest.raises(ImageDecodeError, match=r"a\.jpg: cannot identify image file"):
        read_header(tmp_path / "a.jpg")
