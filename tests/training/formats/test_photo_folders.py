"""Photos are found where annotations that travelled say they were."""

import unicodedata

import pytest
from source_files import save_photo

from fused_ocr.training.formats.photo_folders import PhotoFolders


def found(folders, names, near, source=None):
    return PhotoFolders(folders, source or near).find(names, near)


@pytest.mark.parametrize(
    "place",
    [
        "labels/a.jpg",
        "a.jpg",
        "images/a.jpg",
        "JPEGImages/a.jpg",
        "photos/a.jpg",
        "labels/deep/er/a.jpg",
    ],
)
def test_usual_places(tmp_path, place):
    near = tmp_path / "labels"
    near.mkdir()
    photo = save_photo(tmp_path / place)
    assert found((), ["a.jpg"], near) == (photo,)


def test_a_written_path_counts_from_the_annotations_and_from_above(tmp_path):
    near = tmp_path / "annotations"
    near.mkdir()
    photo = save_photo(tmp_path / "images" / "a.jpg")
    save_photo(tmp_path / "other" / "a.jpg")
    assert found((), ["images/a.jpg"], near) == (photo,)
    assert found((), ["..\\images\\a.jpg"], near) == (near / "../images/a.jpg",)
    assert found((), [str(photo)], near) == (photo,)


def test_the_path_of_another_machine(tmp_path):
    photo = save_photo(tmp_path / "a b.jpg")
    for name in ("C:\\Users\\me\\a b.jpg", "/home/me/a b.jpg"):
        assert found((), [name], tmp_path) == (photo,)


def test_given_folders_come_first_and_are_walked(tmp_path):
    near = tmp_path / "xml"
    save_photo(near / "a.jpg")
    photo = save_photo(tmp_path / "large" / "deep" / "b.jpg")
    other = save_photo(tmp_path / "large" / "a.jpg")
    folders = (tmp_path / "large",)
    assert found(folders, ["a.jpg"], near) == (other,)
    assert found(folders, ["b.jpg"], near) == (photo,)
    assert found(folders, ["c.jpg"], near) == ()


def test_the_first_name_that_is_there(tmp_path):
    photo = save_photo(tmp_path / "b.jpg")
    assert found((), ["", "a.jpg", "b.jpg"], tmp_path) == (photo,)


def test_yolos_folders(tmp_path):
    photo = save_photo(tmp_path / "images" / "train" / "x_jpg.rf.60e9.jpg")
    save_photo(tmp_path / "images" / "val" / "x_jpg.rf.60e9.jpg")
    near = tmp_path / "labels" / "train"
    near.mkdir(parents=True)
    assert found((), ["x_jpg.rf.60e9"], near, tmp_path) == (photo,)
    assert found((), ["x_jpg.rf.60e9"], near) == (photo,)


@pytest.mark.parametrize("name", ["a", "a.jpg", "A.JPG", "a.jpeg"])
def test_other_suffixes_and_capitals(tmp_path, name):
    photo = save_photo(tmp_path / "a.PNG")
    assert found((), [name], tmp_path) == (photo,)


def test_a_name_that_went_through_a_mac(tmp_path):
    photo = save_photo(tmp_path / unicodedata.normalize("NFD", "Größe.jpg"))
    name = unicodedata.normalize("NFC", "Größe.jpg")
    assert found((), [name], tmp_path) == (photo,)


def test_the_nearest_of_a_name_or_all_of_the_nearest(tmp_path):
    mine = save_photo(tmp_path / "train" / "images" / "deep" / "a.jpg")
    near = tmp_path / "train" / "xml"
    near.mkdir()
    save_photo(tmp_path / "valid" / "images" / "a.jpg")
    assert found((), ["a.jpg"], near, tmp_path) == (mine,)
    second = save_photo(tmp_path / "train" / "large" / "a.jpg")
    assert found((), ["a.jpg"], near, tmp_path) == (mine, second)


def test_what_is_no_photo(tmp_path):
    (tmp_path / "a.txt").write_text("no photo")
    (tmp_path / "b.jpg").mkdir()
    save_photo(tmp_path / "c.jpg").rename(tmp_path / "._c.jpg")
    names = ["a", "b.jpg", "c.jpg", "x\0y", "x" * 5000, "\ud800.jpg"]
    assert found((), names, tmp_path) == ()


def test_beside_a_file_only_the_usual_places_are_looked_at(tmp_path):
    source = tmp_path / "home" / "via.json"
    save_photo(tmp_path / "home" / "deep" / "er" / "a.jpg")
    source.write_text("{}")
    assert found((), ["a.jpg"], source.parent, source) == ()
    photo = save_photo(tmp_path / "home" / "images" / "b.jpg")
    assert found((), ["images/b.jpg"], source.parent, source) == (photo,)
