"""Our own annotation file, through the conversion, is what it was."""

from pathlib import Path

import numpy as np
import pytest
from source_files import class_names, records, save_photo

from fused_ocr.errors import AnnotationError
from fused_ocr.training.annotations import (
    AnnotatedPhoto,
    write_annotations,
    write_classes,
)
from fused_ocr.training.conversion import convert
from fused_ocr.training.formats.checking import Rules
from fused_ocr.training.formats.own import read_own
from fused_ocr.training.formats.photo_folders import PhotoFolders


def test_nothing_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quads = np.full((3, 4, 2), np.nan, np.float32)
    quads[0] = [[-2.5, 4], [3, 40.25], [20, 39], [14, 2]]
    photos = [
        AnnotatedPhoto(
            save_photo(tmp_path / "data" / "deep" / "a.jpg"),
            np.array([[0, 2, 20, 40], [1, 2, 3, 4], [5, 6, 7, 8]], np.float32),
            np.array([1, 0, 1]),
            ("B 1", "", ""),
            quads,
            np.array([True, True, False]),
        ),
        AnnotatedPhoto(
            save_photo(tmp_path / "b.jpg"),
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.int64),
            (),
        ),
    ]
    folder = Path("data")  # relative: photos lie below it, and above
    write_annotations(folder / "annotations.csv", photos, ("car", "plate"))
    write_classes(folder / "classes.csv", ("car", "plate"))
    items = list(read_own(folder / "annotations.csv", folder / "classes.csv"))
    assert class_names(items) == [("car", "plate")]
    assert len(records(items)) == 2
    source = folder / "annotations.csv"
    report = convert(items, tmp_path / "data", PhotoFolders((), source), Rules())
    assert report.ok
    again = (folder / "annotations.csv").read_text()
    write_annotations(tmp_path / "data" / "before.csv", photos, ("car", "plate"))
    assert again == (folder / "before.csv").read_text()
    assert again.count("unreadable") == 1


def test_a_wrong_line_stops_it(tmp_path):
    (tmp_path / "a.csv").write_text("a.jpg,1,2,3,4,nosuch\n")
    (tmp_path / "c.csv").write_text("plate,0\n")
    with pytest.raises(AnnotationError, match="line 1: class 'nosuch'"):
        list(read_own(tmp_path / "a.csv", tmp_path / "c.csv"))
