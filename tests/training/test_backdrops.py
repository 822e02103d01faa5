"""Words are painted over where they might be digits, and nothing else is touched."""

import numpy as np
import pytest
from PIL import Image

from fused_ocr.errors import AnnotationError
from fused_ocr.training.backdrops import read_quads, write_backdrops


def photo(folder):
    image = np.full((90, 120, 3), 120, np.uint8)
    image[20:30, 20:50] = 255  # a number
    image[60:70, 60:100] = 0  # a word
    (folder / "photos").mkdir()
    Image.fromarray(image).save(folder / "photos/a.png")
    return image


def test_a_number_goes_and_a_word_stays(tmp_path):
    before = photo(tmp_path)
    (tmp_path / "quads.csv").write_text(
        "path,x1,y1,x2,y2,x3,y3,x4,y4,text\n"
        "photos/a.png,20,20,50,20,50,30,20,30,1234\n"
        "photos/a.png,60,60,100,60,100,70,60,70,CAFE\n"
    )
    assert write_backdrops(tmp_path / "quads.csv", tmp_path, tmp_path / "out") == 1
    with Image.open(tmp_path / "out/a.jpg") as image:
        after = np.asarray(image).astype(int)
    # Filled from around, but for what eight bits of blur leave in so small a photo.
    assert np.abs(after[22:28, 24:46] - 120).max() < 25
    assert np.abs(after[62:68, 64:96]).max() < 30
    far = np.s_[40:55, 5:55]
    assert np.abs(after[far] - before[far]).max() < 12  # JPEG


def test_photos_of_one_name_are_all_there(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        photo(tmp_path / folder)
    row = "{}/photos/a.png,20,20,50,20,50,30,20,30,1234\n"
    (tmp_path / "quads.csv").write_text(row.format("a") + row.format("b"))
    assert write_backdrops(tmp_path / "quads.csv", tmp_path, tmp_path / "out") == 2
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == ["a-2.jpg", "a.jpg"]


def test_bad_rows_are_named(tmp_path):
    (tmp_path / "quads.csv").write_text("a.png,oops,2,3,4,5,6,7,8,x\n")
    with pytest.raises(AnnotationError, match="line 1"):  # it is no headline
        read_quads(tmp_path / "quads.csv")
    (tmp_path / "quads.csv").write_text(
        "a.png,1,2,3,4,5,6,7,8,x\na.png,1,2,oh,4,5,6,7,8,x\n"
    )
    with pytest.raises(AnnotationError, match="line 2"):
        read_quads(tmp_path / "quads.csv")


def test_empty(tmp_path):
    (tmp_path / "quads.csv").write_text("")
    assert read_quads(tmp_path / "quads.csv") == {}
