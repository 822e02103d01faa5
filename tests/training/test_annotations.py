"""The CSV of keras-retinanet: read strictly, written so that its own reader agrees."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fused_ocr.errors import AnnotationError
from fused_ocr.training.annotations import (
    AnnotatedPhoto,
    read_annotations,
    read_classes,
    write_annotations,
    write_classes,
)

CLASSES = ("digit", "letter")


def write(folder, text):
    path = folder / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def photo(path, boxes=(), labels=None, texts=None):
    n = len(boxes)
    return AnnotatedPhoto(
        Path(path),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([0] * n if labels is None else labels, np.int64),
        ("",) * n if texts is None else texts,
    )


def test_negative_photo(tmp_path):
    (found,) = read_annotations(write(tmp_path, "a.jpg,,,,,\n"), CLASSES)
    assert found.path == tmp_path / "a.jpg"
    assert found.boxes_yxyx.shape == (0, 4)
    assert found.boxes_yxyx.dtype == np.float32
    assert found.labels.shape == (0,)
    assert found.labels.dtype == np.int64
    assert found.texts == ()


def test_rows_of_a_photo_are_gathered_in_order_of_first_appearance(tmp_path):
    path = write(
        tmp_path,
        "b.jpg,1,2,3,4,digit\n/x/a.jpg,,,,,\nb.jpg,5.5,6,7,8.25,letter,Q,ignored\n",
    )
    first, second = read_annotations(path, CLASSES)
    # x1,y1,x2,y2 in the file, y1,x1,y2,x2 here
    assert first.boxes_yxyx.tolist() == [[2, 1, 4, 3], [6, 5.5, 8.25, 7]]
    assert first.labels.tolist() == [0, 1]
    assert first.texts == ("", "Q")
    assert second.path == Path("/x/a.jpg")


def test_byte_order_mark_windows_lines_blank_lines_and_quotes(tmp_path):
    text = '\ufeff"a,b.jpg",1,2,3,4,"1,""2"\r\n\r\n'
    (found,) = read_annotations(write(tmp_path, text), ('1,"2',))
    assert found.path == tmp_path / "a,b.jpg"
    assert len(found.texts) == 1


def test_a_negative_row_beside_boxes_changes_nothing(tmp_path):
    path = write(tmp_path, "a.jpg,,,,,\na.jpg,1,2,3,4,digit\na.jpg,,,,,,\n")
    (found,) = read_annotations(path, CLASSES)
    assert found.boxes_yxyx.tolist() == [[2, 1, 4, 3]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"a\.csv is empty"),
        ("\n\n", r"a\.csv is empty"),
        ("a.jpg,,,,,\na.jpg,1,2,3,4\n", r"a\.csv, line 2: a row is .* 5 columns"),
        (",1,2,3,4,digit\n", r"line 1: a row is path"),
        ("a.jpg,1,2,,4,digit\n", r"line 1: a box needs x1, y1, x2, y2"),
        ("a.jpg,1,2,3,4,\n", r"line 1: a box needs .* class name"),
        ("a.jpg,,,,,,7\n", r"line 1: a box needs x1"),
        ("\na.jpg,1,2,three,4,digit\n", r"line 2: x2 must be a number.*'three'"),
        ("path,x1,y1,x2,y2,class\n", r"line 1: x1 must .*'x1'.*headline"),
        ("a.jpg,1,nan,3,4,digit\n", r"line 1: y1 must be a number.*'nan'"),
        ("a.jpg,1,2,3,inf,digit\n", r"line 1: y2 must be a number.*'inf'"),
        ("a.jpg,3,2,3,4,digit\n", r"line 1: x2 must be larger than x1.*x1=3, x2=3"),
        ("a.jpg,1,4,3,2,digit\n", r"line 1: y2 must be larger than y1.*y1=4, y2=2"),
        ("a.jpg,1,2,3,4,digits\n", r"line 1: class 'digits' .*mean 'digit'\?.*Known"),
        ("a.jpg,1,2,3,4,#\n", r"class '#' is not in the class file\. Known: digit"),
        (b"a.jpg,,,,,\n\xff.jpg,,,,,\n", r"a\.csv, line 2: not UTF-8 \(byte 0xff\)"),
        ('a.jpg,1,2,3,4,"digit\nb.jpg,,,,,\n', r"a\.csv, line 2: not CSV"),
    ],
)
def test_faults_of_annotations_name_the_line(tmp_path, text, message):
    with pytest.raises(AnnotationError, match=message):
        read_annotations(write(tmp_path, text), CLASSES)


QUAD = "-2.5,4,40.25,3,39,20,2,14"


def test_corners_and_what_nobody_can_read(tmp_path):
    path = write(
        tmp_path,
        f"a.jpg,0,3,40,20,digit,B 1,{QUAD}\n"
        f"a.jpg,0,3,40,20,digit,,{QUAD},unreadable,somebody's\n"
        "a.jpg,0,3,40,20,digit,,,,,,,,,,unreadable\n"
        "a.jpg,0,3,40,20,digit,7,,,,,,,,,\n"
        "a.jpg,0,3,40,20,digit\n"
        "b.jpg,,,,,,,,,,,,,,,\n",
    )
    first, second = read_annotations(path, CLASSES)
    # x1, y1, ... in the file, y and x here
    corners = [[4, -2.5], [3, 40.25], [20, 39], [14, 2]]
    assert first.quads_yx.shape == (5, 4, 2)
    assert first.quads_yx.dtype == np.float32
    assert first.quads_yx[:2].tolist() == [corners, corners]
    assert np.isnan(first.quads_yx[2:]).all()
    assert first.readable.tolist() == [True, False, False, True, True]
    assert first.texts == ("B 1", "", "", "7", "")
    assert second.quads_yx.shape == (0, 4, 2)
    assert second.readable.shape == (0,)


def test_a_few_columns_behind_the_text_are_somebody_elses(tmp_path):
    # As plates_ro's score, and up to seven of them; those of a negative, too.
    rows = "a.jpg,0,3,40,20,digit,B,0.997\nb.jpg,,,,,,,1,2,3,4,5,6,7\n"
    first, second = read_annotations(write(tmp_path, rows), CLASSES)
    assert np.isnan(first.quads_yx).all() and first.readable.all()
    assert second.texts == ()


@pytest.mark.parametrize("columns", [1, 2, 9])
def test_unreadable_may_stand_right_behind_the_text(tmp_path, columns):
    # Behind nine that are empty it is column 16, its own.
    row = "a.jpg,0,3,40,20,digit," + "," * columns + "unreadable\n"
    (found,) = read_annotations(write(tmp_path, row), CLASSES)
    assert found.readable.tolist() == [False] and found.texts == ("",)
    with pytest.raises(AnnotationError, match="box without text"):
        read_annotations(write(tmp_path, row.replace("digit,", "digit,7")), CLASSES)


@pytest.mark.parametrize(
    ("behind", "message"),
    [
        (f"B,{QUAD},unreadable", r"line 1: column 16 says .* with the text 'B'"),
        (f",{QUAD},1", r"line 1: column 16 says 'unreadable' .* Received: '1'"),
        (",1,2,3,4,5,6,7,", r"y4 of the corners must be .*''.* all corners, or all em"),
        (",1,2,3,4,5,6,7,x", r"y4 of the corners must be a number. Received: 'x'"),
        (",1,2,3,4,nan,6,7,8", r"x3 of the corners must be a number. Received: 'nan'"),
        # yx instead of xy, and parts instead of pixels
        (",4,-2,3,40,20,39,14,2", r"x 0 to 40, corners 3 to 20\. Their order is x1,y1"),
        (",0,.1,.9,.1,.9,.5,0,.5", r"x 0 to 40, corners 0 to 0\.9"),
    ],
)
def test_faults_behind_the_text_name_the_line(tmp_path, behind, message):
    path = write(tmp_path, f"a.jpg,0,3,40,20,digit,{behind}\n")
    with pytest.raises(AnnotationError, match=message):
        read_annotations(path, CLASSES)


def test_a_flag_without_a_box_is_wrong(tmp_path):
    path = write(tmp_path, "a.jpg,,,,,,,,,,,,,,,unreadable\n")
    with pytest.raises(AnnotationError, match="line 1: a box needs x1"):
        read_annotations(path, CLASSES)


def test_missing_files(tmp_path):
    with pytest.raises(AnnotationError, match=r"none\.csv cannot be read: No such"):
        read_annotations(tmp_path / "none.csv", CLASSES)
    with pytest.raises(AnnotationError, match="cannot be read: Is a directory"):
        read_classes(tmp_path)


def test_classes_come_in_the_order_of_their_ids(tmp_path):
    assert read_classes(write(tmp_path, "letter,1\ndigit,0\n")) == CLASSES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"a\.csv is empty"),
        ("digit\n", r"line 1: a class is written as class_name,id.*\['digit'\]"),
        ("digit,0,1\n", r"line 1: a class is written as"),
        (",0\n", r"line 1: a class is written as"),
        ("digit,zero\n", r"line 1: the id of class 'digit' must be .*'zero'"),
        ("digit,0\ndigit,1\n", r"line 2: class 'digit' is already on line 1"),
        ("digit,0\nletter,0\n", r"line 2: id 0 of class 'letter' .* line 1"),
        ("digit,0\nletter,2\n", r"line 2: the ids of 2 classes are 0\.\.1.*: 2"),
        ("digit,-1\n", r"line 1: the ids of 1 classes are 0\.\.0.*: -1"),
    ],
)
def test_faults_of_classes_name_the_line(tmp_path, text, message):
    with pytest.raises(AnnotationError, match=message):
        read_classes(write(tmp_path, text))


def test_what_is_written_is_read_again(tmp_path):
    photos = [
        photo(
            tmp_path / "in" / "é, 1.jpg",
            [[2, 1, 4, 3], [0, 0, 9, 5]],
            [1, 0],
            ("7", ""),
        ),
        photo("/elsewhere/b.jpg"),
    ]
    path = tmp_path / "out.csv"
    write_annotations(path, photos, CLASSES)
    assert path.read_text(encoding="utf-8") == (
        '"in/é, 1.jpg",1,2,3,4,letter,7\n'
        '"in/é, 1.jpg",0,0,5,9,digit\n'
        "/elsewhere/b.jpg,,,,,\n"
    )
    again = read_annotations(path, CLASSES)
    for before, after in zip(photos, again, strict=True):
        assert after.path == before.path
        np.testing.assert_array_equal(after.boxes_yxyx, before.boxes_yxyx)
        np.testing.assert_array_equal(after.labels, before.labels)
        assert after.texts == before.texts


def test_corners_and_flags_are_written_and_read_again(tmp_path):
    nan = np.full((4, 2), np.nan)
    # 559.8 has no float32; 1/3 is cut to hundredths.
    quad = [[4, -2.5], [3, 559.8], [20, 1 / 3], [14, 2]]
    before = AnnotatedPhoto(
        tmp_path / "a.jpg",
        np.array([[3, 0, 20, 560]] * 4, np.float32),
        np.zeros(4, np.int64),
        ("7", "", "", "8"),
        np.array([quad, quad, nan, nan], np.float32),
        np.array([True, False, False, True]),
    )
    path = tmp_path / "out.csv"
    write_annotations(path, [before], CLASSES)
    corners = "-2.5,4,559.8,3,0.33,20,2,14"
    assert path.read_text().splitlines() == [
        f"a.jpg,0,3,560,20,digit,7,{corners}",
        f"a.jpg,0,3,560,20,digit,,{corners},unreadable",
        "a.jpg,0,3,560,20,digit,,,,,,,,,,unreadable",
        "a.jpg,0,3,560,20,digit,8",
    ]
    (after,) = read_annotations(path, CLASSES)
    assert after.texts == before.texts
    np.testing.assert_allclose(after.quads_yx, before.quads_yx, atol=0.005)
    np.testing.assert_array_equal(after.readable, before.readable)


def test_edges_are_rounded_and_thin_boxes_keep_a_pixel(tmp_path):
    # y: 0.6 -> 1, 2.4 -> 2; x: 4.1 -> 4 and 4.3 -> 4, which would be empty
    write_annotations(
        tmp_path / "o.csv", [photo(tmp_path / "a", [[0.6, 4.1, 2.4, 4.3]])], CLASSES
    )
    assert (tmp_path / "o.csv").read_text() == "a,4,1,5,2,digit\n"


@pytest.mark.parametrize("edges", [(10.55, 10.95), (10.2, 10.4), (10.5, 11.6)])
def test_boxes_within_a_pixel_stay_in_their_corners(tmp_path, edges):
    low, high = edges
    corners = [[[5, low], [5, high], [25, high], [25, low]]]
    thin = dataclasses.replace(
        photo(tmp_path / "a", [[5, low, 25, high]]),
        quads_yx=np.array(corners, np.float32),
    )
    write_annotations(tmp_path / "o.csv", [thin], CLASSES)
    (found,) = read_annotations(tmp_path / "o.csv", CLASSES)
    np.testing.assert_allclose(found.quads_yx, corners, atol=0.01)


def test_keras_retinanet_reads_what_is_written(tmp_path):
    reader = pytest.importorskip("keras_retinanet.preprocessing.csv_generator")
    write_classes(tmp_path / "c.csv", CLASSES)
    write_annotations(
        tmp_path / "a.csv",
        [
            photo(tmp_path / "a.jpg", [[2.2, 1, 4, 3.4]], [1], ("7",)),
            photo(tmp_path / "b.jpg"),
            AnnotatedPhoto(
                tmp_path / "c.jpg",
                np.array([[2, 1, 4, 3]], np.float32),
                np.array([0]),
                ("",),
                np.array([[[2, 1], [2, 3], [4, 3], [4, 1]]], np.float32),
                np.array([False]),
            ),
        ],
        CLASSES,
    )
    with open(tmp_path / "c.csv", newline="") as file:
        classes = reader._read_classes(csv.reader(file))
    assert dict(classes) == {"digit": 0, "letter": 1}
    with open(tmp_path / "a.csv", newline="") as file:
        found = reader._read_annotations(csv.reader(file), classes)
    assert dict(found) == {
        "a.jpg": [{"x1": 1, "y1": 2, "x2": 3, "y2": 4, "class": "letter"}],
        "b.jpg": [],
        "c.jpg": [{"x1": 1, "y1": 2, "x2": 3, "y2": 4, "class": "digit"}],
    }


@pytest.mark.parametrize(
    ("photos", "message"),
    [
        ([], "would be empty"),
        ([photo("/a.jpg"), photo("/a.jpg")], "would have /a.jpg twice"),
        ([photo("/a.jpg", [[0, 0, 1, 1]], [2])], r"a\.jpg: label 2 has no .* 0\.\.1"),
        ([photo("/a.jpg", [[0, 5, 1, 5]])], r"/a\.jpg: a box must have x1 < x2"),
        ([photo("/a.jpg", [[0, 0, np.nan, 5]])], r"/a\.jpg: a box must have .*nan"),
    ],
)
def test_a_refused_writing_leaves_the_old_file(tmp_path, photos, message):
    path = write(tmp_path, "old")
    with pytest.raises(AnnotationError, match=message):
        write_annotations(path, photos, CLASSES)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("classes", [("a", "a"), ("",)])
def test_classes_need_names_of_their_own(tmp_path, classes):
    with pytest.raises(AnnotationError, match="every class needs a name of its own"):
        write_classes(tmp_path / "c.csv", classes)


def test_no_classes_cannot_be_written(tmp_path):
    with pytest.raises(AnnotationError, match="would be empty"):
        write_classes(tmp_path / "c.csv", ())


def test_boxes_labels_and_texts_are_equally_many():
    with pytest.raises(AnnotationError, match=r"boxes \(1, 4\), labels \(2,\)"):
        photo("a.jpg", [[0, 0, 1, 1]], [0, 0])


def test_corners_and_flags_are_as_many_as_boxes():
    one = photo("a.jpg", [[0, 0, 1, 1]])
    assert np.isnan(one.quads_yx).all() and one.quads_yx.shape == (1, 4, 2)
    assert one.readable.tolist() == [True]
    parts = (one.path, one.boxes_yxyx, one.labels)
    with pytest.raises(AnnotationError, match=r"corners \(0, 4, 2\), flags \(1,\)"):
        AnnotatedPhoto(*parts, ("",), np.zeros((0, 4, 2), np.float32))
    with pytest.raises(AnnotationError, match=r"corners \(1, 4, 2\), flags \(2,\)"):
        AnnotatedPhoto(*parts, ("",), readable=np.ones(2, np.bool_))
    with pytest.raises(AnnotationError, match=r"nobody can read has no text.*'7'"):
        AnnotatedPhoto(*parts, ("7",), readable=np.zeros(1, np.bool_))
