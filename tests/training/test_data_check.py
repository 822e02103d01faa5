"""The report on annotated photos: each fault is found, and nothing else."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from fused_ocr.config import AnchorConfig
from fused_ocr.errors import AnnotationError
from fused_ocr.training.annotations import AnnotatedPhoto, read_annotations
from fused_ocr.training.data_check import check_data

CLASSES = ("digit", "letter")
FRAME = (64, 128)


def photo(path, boxes=(), labels=None):
    labels = [0] * len(boxes) if labels is None else labels
    return AnnotatedPhoto(
        path,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(labels, np.int64),
        ("",) * len(boxes),
    )


def picture(path, width=100, height=80, grey=9, **options):
    Image.new("RGB", (width, height), (grey, 0, 0)).save(path, **options)
    return path


def check(photos, **options):
    return check_data(photos, CLASSES, AnchorConfig(), FRAME, **options)


def kinds(report):
    return [(problem.kind, problem.error) for problem in report.problems]


def test_nothing_is_not_ok():
    report = check([])
    assert not report.ok
    assert report.photos == report.boxes == 0
    assert report.coverage.boxes == 0
    assert report.suggestion == AnchorConfig()
    assert "there are no photos" in report.to_text()
    json.dumps(report.to_dict(), allow_nan=False)


def test_only_negatives_are_ok(tmp_path):
    report = check([photo(picture(tmp_path / "a.png"))])
    assert report.ok
    assert (report.photos, report.negatives, report.boxes) == (1, 1, 0)
    assert report.problems == ()
    assert report.sizes_in_photo == {"height": {}, "width": {}}


def test_counts_sizes_and_frame(tmp_path):
    one = photo(
        picture(tmp_path / "a.png", 101, 80),
        [[10, 10, 30, 20], [40, 40, 80, 60]],
        [1, 0],
    )
    two = photo(picture(tmp_path / "b.png", 256, 64), [[0, 0, 10, 10]], [1])
    report = check([one, two, photo(picture(tmp_path / "c.png"))])
    assert report.ok
    assert report.boxes_by_class == {"digit": 1, "letter": 2}
    assert (report.photos, report.negatives, report.boxes) == (3, 1, 3)
    # heights 20, 40, 10 in the photos: the median is 20
    assert report.sizes_in_photo["height"]["p50"] == 20
    # photo a is scaled by min(64/80, 128/101) = 0.8, b by min(64/64, 128/256) = 0.5:
    # heights 16, 32, 5; widths 8, 16, 5
    assert report.sizes_in_frame["height"] == {
        "p0": 5,
        "p5": 6.1,
        "p25": 10.5,
        "p50": 16,
        "p75": 24,
        "p95": 30.4,
        "p100": 32,
    }
    assert report.sizes_in_frame["width"]["p100"] == 16


def test_each_fault_is_named(tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "short.png").write_bytes(picture(tmp_path / "a.png").read_bytes()[:60])
    shutil.copy(tmp_path / "a.png", tmp_path / "copy.png")
    boxes = [
        [10, 10, 30, 30],
        [10, 10, 30, 30],  # again
        [70, 90, 90, 110],  # a quarter inside 80 x 100
        [80, 0, 90, 10],  # touches the lower edge from outside
        [40, 40, 60, 42.5],  # 2.5 px wide
    ]
    report = check(
        [
            photo(tmp_path / "none.png", [[0, 0, 9, 9]]),
            photo(tmp_path / "text.jpg"),
            photo(tmp_path / "short.png"),
            photo(tmp_path / "a.png", boxes, [0, 0, 0, 0, 2]),
            photo(tmp_path / "copy.png"),
            photo(tmp_path / "copy.png"),
        ]
    )
    assert kinds(report) == [
        ("missing", True),
        ("unreadable", True),
        ("unreadable", True),
        ("no class", True),
        ("duplicate box", False),
        ("partly outside", False),
        ("outside", True),
        ("tiny", False),
        ("duplicate photo", False),
        ("duplicate photo", False),
    ]
    assert not report.ok
    assert report.coverage.boxes == 4  # without the missing photo's and the outside one
    text = report.to_text()
    assert "ERROR: missing (1)\n    " + str(tmp_path / "none.png") in text
    assert "x1=90 y1=70 x2=110 y2=90 in a photo 100 wide and 80 high" in text
    assert f"{tmp_path / 'copy.png'}: the same file as {tmp_path / 'a.png'}" in text
    assert text.endswith("NOT OK: see the errors")
    json.dumps(report.to_dict(), allow_nan=False)


def test_corners_the_wrong_way_round_are_mirrored_text(tmp_path):
    path = picture(tmp_path / "a.png")
    clockwise = [(10, 20), (12, 60), (30, 58), (28, 18)]
    quads = np.array([clockwise, clockwise[::-1], np.full((4, 2), np.nan)], np.float32)
    boxes = [(10, 20, 30, 60), (9, 20, 30, 60), (10, 20, 29, 60)]
    found = dataclasses.replace(photo(path, boxes), quads_yx=quads)
    (problem,) = check([found]).problems
    assert (problem.kind, problem.error) == ("mirrored", True)
    assert problem.reason.startswith("18,28,58,30,60,12,20,10 are not clockwise")


def test_warnings_alone_are_ok_and_long_lists_are_cut(tmp_path):
    tiny = [[i, 10, i + 2, 20] for i in range(25)]
    report = check([photo(picture(tmp_path / "a.png"), tiny)])
    assert report.ok
    assert len(report.problems) == 25
    assert "warning: tiny (25)" in report.to_text()
    assert "and 5 more" in report.to_text()


def test_exif_rotation_turns_the_photo(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored 100 wide and 80 high, to be shown turned by a quarter
    path = picture(tmp_path / "a.jpg", exif=exif)
    report = check([photo(path, [[80, 0, 100, 80]])])  # inside only when upright
    assert report.problems == ()
    assert "1 photos with boxes carry an EXIF rotation" in report.to_text()


def test_coverage_and_suggestion(tmp_path):
    # Seven are 4 px high and 40 px wide in a photo as large as the frame: no default
    # anchor is so flat, one of just this shape has its centres in the same rows;
    # the last one lies on a centre of P3, (12, 68), with IoU 12 * 12 / (14 * 14) = 0.73
    boxes = [[y, 20, y + 4, 60] for y in range(2, 58, 8)]
    good = [[6, 62, 18, 74]]
    path = picture(tmp_path / "a.png", 128, 64)
    report = check([photo(path, boxes + good)])
    assert report.coverage.boxes == 8
    assert report.coverage.at_50 == report.coverage.at_40 == 1
    assert report.coverage.uncovered_heights == (4, 4)
    assert report.coverage.uncovered_widths == (40, 40)
    assert report.coverage.uncovered_ratios == (0.1, 0.1)
    assert report.suggested_coverage.at_50 >= 7
    text = report.to_text()
    assert "Anchors cover 1 of 8 boxes (12.5%) with IoU 0.5" in text
    printed = text[text.index("{") : text.rindex("}") + 1]
    assert AnchorConfig.from_json(printed) == report.suggestion


def test_a_sample_is_said_and_repeated(tmp_path):
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 40, (60, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(4, 20, (60, 2))], -1)
    photos = [photo(picture(tmp_path / "a.png", 128, 64), boxes.tolist())]
    report = check(photos, sample=20, seed=3)
    assert "looked at 20 of 60 boxes (seed 3)" in report.to_text()
    assert report == check(photos, sample=20, seed=3)
    assert report.coverage.boxes == 60


def test_anchors_that_fit_are_said_to(tmp_path):
    # one anchor of P3 itself: centre (12, 68), side 20
    config = AnchorConfig(
        levels=(3, 4, 5), sizes=(20.0, 40.0, 80.0), ratios=(1.0,), scales=(1.0,)
    )
    photos = [photo(picture(tmp_path / "a.png", 128, 64), [[2, 58, 22, 78]])]
    report = check_data(photos, CLASSES, config, FRAME)
    assert report.coverage.mean_iou == 1
    assert report.coverage.uncovered_heights is None
    assert report.suggestion == config
    text = report.to_text()
    assert "Anchors cover 1 of 1 boxes (100.0%) with IoU 0.5" in text
    assert "no better anchors were found" in text
    assert "uncovered" not in text


def test_a_photo_that_breaks_off_is_found(tmp_path):
    # Its header is whole: only who decodes it sees that the rest is missing.
    noise = np.random.default_rng(0).integers(0, 256, (90, 130, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2])
    report = check([photo(tmp_path / "a.jpg", [[1, 1, 9, 9]])])
    assert kinds(report) == [("unreadable", True)] and not report.ok
    assert "truncated" in report.problems[0].reason


def test_rows_that_are_wrong_are_told_one_by_one(tmp_path):
    picture(tmp_path / "a.png")
    rows = ["a.png,1,1,9,9,digit", "a.png,1,1,9,9,typo", "", "a.png,9,1,1,9,digit"]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    faults = []
    photos = read_annotations(tmp_path / "a.csv", CLASSES, faults)
    assert [len(one.texts) for one in photos] == [1]
    report = check(photos, faults=faults)
    assert kinds(report) == [("row", True)] * 2 and not report.ok
    text = report.to_text()
    assert "ERROR: row (2)" in text and "a.csv, line 2: class 'typo'" in text
    assert "a.csv, line 4: x2 must be larger than x1" in text
    assert json.loads(json.dumps(report.to_dict()))["problems"][0]["path"] is None
    with pytest.raises(AnnotationError, match="line 2"):
        read_annotations(tmp_path / "a.csv", CLASSES)


def test_anchors_that_cover_no_more_are_not_called_better(tmp_path):
    one = photo(picture(tmp_path / "a.png", 128, 64), [[20, 20, 34, 34]])
    report = check([one])
    assert report.coverage.at_50 == report.suggested_coverage.at_50 == 1
    assert report.suggestion.count < AnchorConfig().count
    assert "Fewer anchors cover 1 of 1" in report.to_text()
