"""YOLO's label files, its polygons, and the many places of its names."""

import sys

import numpy as np
import pytest
from source_files import class_names, findings, points, records, save_photo

from fused_ocr.errors import AnnotationError, MissingDependencyError
from fused_ocr.training.formats.yolo import read_class_names, read_yolo


def write(folder, text, name="labels/a.txt"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_boxes_and_polygons(tmp_path):
    write(tmp_path, "plate\ncar\n", "classes.txt")
    write(
        tmp_path,
        "1 0.5 0.25 0.2 0.1\r\n"
        "0 0.5 0.25 0.2 0.1 0.97\r\n"  # with a confidence
        "\r\n"
        "0 0.9 0.5 0.7 0.6 0.75 0.7 0.92 0.65 0.9 0.5",  # closed, no last line end
        "labels/x_jpg.rf.60e9.txt",
    )
    found = list(read_yolo(tmp_path))
    assert class_names(found) == [("plate", "car")]
    assert findings(found) == []
    (record,) = records(found)
    assert record.names == ("x_jpg.rf.60e9",)
    assert record.near == tmp_path / "labels"
    assert record.relative
    assert [region.label for region in record.regions] == ["car", "plate", "plate"]
    assert [region.place for region in record.regions] == ["line 1", "line 2", "line 4"]
    box = [[0.2, 0.4], [0.3, 0.6]]  # y 0.25 -+ 0.05, x 0.5 -+ 0.1
    np.testing.assert_allclose(points(record)[0], box)
    np.testing.assert_allclose(points(record)[1], box)
    assert points(record)[2] == [
        [0.5, 0.9],
        [0.6, 0.7],
        [0.7, 0.75],
        [0.65, 0.92],
        [0.5, 0.9],
    ]


def test_an_empty_file_is_a_photo_without_anything(tmp_path):
    (record,) = records(read_yolo(write(tmp_path, "\n").parent))
    assert (record.regions, record.damaged) == ([], 0)


def test_without_names_classes_are_numbers(tmp_path):
    write(tmp_path, "12 0.5 0.5 0.1 0.1\n")
    found = list(read_yolo(tmp_path))
    (finding,) = findings(found)
    assert (finding.kind, finding.level) == ("classes without names", "noted")
    assert class_names(found) == []
    assert records(found)[0].regions[0].label == "12"


def test_only_what_is_in_labels_counts_if_there_is_such_a_folder(tmp_path):
    write(tmp_path, "0 0.5 0.5 0.1 0.1\n", "train/labels/a.txt")
    write(tmp_path, "By Roboflow.\n", "README.dataset.txt")
    write(tmp_path, "images/a.jpg\n", "list.txt")
    found = list(read_yolo(tmp_path))
    assert [record.names for record in records(found)] == [("a",)]


def test_labels_beside_the_photos(tmp_path):
    write(tmp_path, "0 0.5 0.5 0.1 0.1\n", "a.txt")
    write(tmp_path, "plate\n", "classes.txt")
    write(tmp_path, "a.jpg\n", "train.txt")
    save_photo(tmp_path / "a.jpg")
    found = list(read_yolo(tmp_path))
    assert [record.names for record in records(found)] == [("a",)]
    assert findings(found) == []


def test_photos_without_a_file_are_not_taken_for_empty(tmp_path):
    write(tmp_path, "", "labels/a.txt")
    save_photo(tmp_path / "images" / "a.jpg")
    other = save_photo(tmp_path / "images" / "b.JPG")
    found = list(read_yolo(tmp_path))
    assert len(records(found)) == 1
    (finding,) = [f for f in findings(found) if f.kind == "photo without annotation"]
    assert finding.place == str(other)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.1", "expected class xc yc w h, or class x1 y1"),
        ("0 0.5 0.5 0.1 0.1 0.1 0.1 0.1", "Received: 8 columns"),
        ("plate 0.5 0.5 0.1 0.1", "the class must be a number. Received: 'plate'"),
        ("2 0.5 0.5 0.1 0.1", "the class must be one of 0..1. Received: 2"),
        ("-1 0.5 0.5 0.1 0.1", "the class must be one of 0..1"),
        ("0.5 0.5 0.5 0.1 0.1", "the class must be one of 0..1"),
        ("0 0.5 0.5 0.1 x", "column 5 must be a number. Received: 'x'"),
        ("0 0.5 nan 0.1 0.1", "column 3 must be a number. Received: 'nan'"),
        ("0 50 40 10 10", "edges must be parts of width and height.*pixels"),
    ],
)
def test_a_damaged_line_is_named_and_the_others_kept(tmp_path, line, reason):
    write(tmp_path, "plate\ncar\n", "classes.txt")
    path = write(tmp_path, f"0 0.5 0.5 0.1 0.1\n{line}\n1 0.5 0.5 0.1 0.1\n")
    found = list(read_yolo(tmp_path))
    (finding,) = findings(found)
    assert (finding.kind, finding.place) == ("malformed", f"{path}, line 2")
    with pytest.raises(AnnotationError, match=reason):
        raise AnnotationError(finding.reason)
    (record,) = records(found)
    assert [region.place for region in record.regions] == ["line 1", "line 3"]
    assert record.damaged == 1


def test_a_file_that_is_no_text_is_named_and_the_others_read(tmp_path):
    bad = write(tmp_path, b"0 \xff", "labels/b.txt")
    write(tmp_path, "", "labels/a.txt")
    found = list(read_yolo(tmp_path))
    (finding,) = [f for f in findings(found) if f.kind == "malformed"]
    assert finding.place == str(bad)
    assert len(records(found)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "nc: 2\nnames: ['licence-plate', 'car']\n\nroboflow:\n  names: [x]\n",
        'names: [ licence-plate , "car" ]  # two of them\n',
        "names: ['licence-plate',\n  'car']\nnc: 2\n",
        "# names: [a]\nnames:\n  - licence-plate\n  - 'car'\nnc: 2\n",
        "names:\n- licence-plate  # with a hyphen\n- car\n",
        "names:\n  0: licence-plate\n  1: car\nnc: 2\n",
        "names:\n  1: car\n  0: licence-plate\n",
        "names: {0: licence-plate, 1: 'car'}\n",
    ],
)
def test_names_in_yaml(tmp_path, text):
    write(tmp_path, "0 0.5 0.5 0.1 0.1\n")
    write(tmp_path, text, "data.yaml")
    assert class_names(read_yolo(tmp_path)) == [("licence-plate", "car")]


def test_a_comma_in_quotes(tmp_path):
    path = write(tmp_path, "names: ['a, b', \"c\"]\n", "data.yaml")
    assert read_class_names(path) == ("a, b", "c")


def test_words_of_yaml_stay_words(tmp_path):
    path = write(tmp_path, "names: [no, 7, null]\n", "data.yaml")
    assert read_class_names(path) == ("no", "7", "null")


def test_names_above_the_labels_and_names_given(tmp_path):
    write(tmp_path, "0 0.5 0.5 0.1 0.1\n")
    write(tmp_path, "\ufeffplate\n", "obj.names")
    other = write(tmp_path, "sign\n\n", "other/own.txt")
    assert class_names(read_yolo(tmp_path / "labels")) == [("plate",)]
    assert class_names(read_yolo(tmp_path / "labels", other)) == [("sign",)]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("n.txt", "", r"n\.txt: expected names of classes"),
        ("n.txt", "a\n\nb\n", "expected names of classes"),
        ("n.txt", "a\na\n", "each one once"),
        ("n.yaml", "nc: 2\n", r"n\.yaml: has no `names:`"),
        ("n.yaml", "names: a\n", "`names` must be a list. Received: 'a'"),
        ("n.yaml", "names: [a\n", r"n\.yaml: not YAML .*line 2"),
        ("n.yaml", "names: [[a]]\n", "`names` must be a list"),
        ("n.yaml", "names:\n  0: a\n  2: b\n", "need numbers 0, 1, .* Has: .'0', '2'."),
        ("n.yaml", "names:\n  a: b\n", "need numbers 0, 1, .* Has: .'a'"),
        ("n.yaml", "names:\n", "`names` must be a list"),
        ("n.yaml", "names: []\n", "expected names of classes"),
        ("n.txt", b"\xff", "n.txt: .*utf-8"),
    ],
)
def test_names_that_cannot_be_understood(tmp_path, name, text, reason):
    path = write(tmp_path, text, name)
    with pytest.raises(AnnotationError, match=reason):
        read_class_names(path)


def test_without_yaml_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    path = write(tmp_path, "names: [a]\n", "data.yaml")
    with pytest.raises(MissingDependencyError, match=r"YAML.*\[train\]"):
        read_class_names(path)


def test_no_label_file(tmp_path):
    with pytest.raises(AnnotationError, match=r"ends in \.txt"):
        list(read_yolo(tmp_path))
