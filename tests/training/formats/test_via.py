"""VGG Image Annotator: both versions, all shapes, and what people leave in them."""

import json
import math

import numpy as np
import pytest
from source_files import findings, points, records

from fused_ocr.errors import AnnotationError
from fused_ocr.training.formats.parsing import Keys
from fused_ocr.training.formats.via import read_via

RECT = {"name": "rect", "x": 10, "y": 20, "width": 30, "height": 5}
# Closed, and from the top right to the left, as VIA 1 users draw it.
POLYGON = {
    "name": "polygon",
    "all_points_x": [636, 158, 166, 639, 636],
    "all_points_y": [204, 154, 401, 459, 204],
}


def region(shape, **attributes):
    return {"shape_attributes": shape, "region_attributes": attributes}


def write(folder, value, name="via.json"):
    path = folder / name
    path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return path


def entry(regions, filename="a.jpg"):
    return {"filename": filename, "size": 61612, "regions": regions}


def read(source, **keys):
    return list(read_via(source, Keys(**keys)))


def test_version_1_has_a_dictionary_of_regions(tmp_path):
    regions = {"0": region(POLYGON, object_name="Number Plate"), "1": region(RECT)}
    path = write(tmp_path, {"np (1).jpg61612": entry(regions, "np (1).jpg")})
    (record,) = read(path)
    assert record.names == ("np (1).jpg", "np (1).jpg")
    assert record.near == tmp_path
    assert record.place == f"{path}, 'np (1).jpg61612'"
    assert [(r.label, r.text, r.place) for r in record.regions] == [
        ("Number Plate", "", "region 0"),
        ("text", "", "region 1"),
    ]
    assert points(record) == [
        [[204, 636], [154, 158], [401, 166], [459, 639], [204, 636]],
        [[20, 10], [25, 40]],  # x + width, y + height
    ]


@pytest.mark.parametrize("project", [False, True])
def test_version_2_has_a_list_of_regions(tmp_path, project):
    value = {"a.jpg1": entry([region(RECT, type="plate", text=" B 1 ")])}
    if project:
        value = {"_via_settings": {}, "_via_img_metadata": value}
    (record,) = read(write(tmp_path, value))
    assert [(r.label, r.text) for r in record.regions] == [("plate", "B 1")]


def test_attributes_that_are_asked_for(tmp_path):
    one = region(RECT, text="no", Nummer=42, kind={"plate": True, "sign": False})
    path = write(tmp_path, {"a": entry([one])})
    (record,) = records(read(path, label=("kind",), text=("Nummer",)))
    assert [(r.label, r.text) for r in record.regions] == [("plate", "42")]


def test_attributes_that_nobody_asked_for_are_said(tmp_path):
    regions = [region(RECT, text="1", colour="red"), region(RECT, colour="blue")]
    found = read(write(tmp_path, {"a": entry(regions)}))
    (finding,) = findings(found)
    assert (finding.kind, finding.level) == ("key not used", "noted")
    assert "'colour' of 2 regions" in finding.reason


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ({"name": "circle", "cx": 50, "cy": 40, "r": 10}, [[30, 40], [50, 60]]),
        (
            {"name": "ellipse", "cx": 50, "cy": 40, "rx": 20, "ry": 10},
            [[30, 30], [50, 70]],
        ),
        # A quarter turn swaps the radii.
        (
            {
                "name": "ellipse",
                "cx": 50,
                "cy": 40,
                "rx": 20,
                "ry": 10,
                "theta": math.pi / 2,
            },
            [[20, 40], [60, 60]],
        ),
        # At 45 degrees: sqrt((400 + 100) / 2) = 15.811 either way.
        (
            {
                "name": "ellipse",
                "cx": 50,
                "cy": 40,
                "rx": 20,
                "ry": 10,
                "theta": math.pi / 4,
            },
            [[40 - 250**0.5, 50 - 250**0.5], [40 + 250**0.5, 50 + 250**0.5]],
        ),
        (
            {
                "name": "polyline",
                "all_points_x": [1, 5, 5, 1],
                "all_points_y": [2, 2, 9, 2],
            },
            [[2, 1], [2, 5], [9, 5], [2, 1]],
        ),
        (
            {"name": "rect", "x": "1", "y": "2", "width": "3", "height": "4"},
            [[2, 1], [6, 4]],
        ),
    ],
)
def test_shapes(tmp_path, shape, box):
    (record,) = read(write(tmp_path, {"a": entry([region(shape)])}))
    np.testing.assert_allclose(points(record)[0], box)


@pytest.mark.parametrize(
    "shape",
    [
        {"name": "point", "cx": 1, "cy": 2},
        {"name": "polyline", "all_points_x": [1, 5, 5], "all_points_y": [2, 2, 9]},
        {"name": "polygon", "all_points_x": [1, 5], "all_points_y": [2, 2]},
    ],
)
def test_shapes_without_area_are_left_out(tmp_path, shape):
    found = read(write(tmp_path, {"a": entry([region(shape), region(RECT)])}))
    (finding,) = findings(found)
    assert finding.kind == "shape without area"
    assert finding.place.endswith(", region 0")
    (record,) = records(found)
    assert [r.place for r in record.regions] == ["region 1"]
    # Not empty, so that it must not become a negative even if nothing were left.
    assert record.damaged == 1


@pytest.mark.parametrize("regions", [{}, [], None])
def test_photo_without_anything(tmp_path, regions):
    (record,) = read(write(tmp_path, {"a": entry(regions)}))
    assert (list(record.regions), record.damaged) == ([], 0)


def test_photo_in_the_web(tmp_path):
    path = write(tmp_path, {"a": entry([], "https://example.org/p/a%20b.jpg")})
    (record,) = read(path)
    assert record.names[1] == "a%20b.jpg"


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        ("rect", "expected an object with `shape_attributes`. Received: str"),
        ({"shape_attributes": []}, "expected an object with `shape_attributes`"),
        (region({"name": "blob"}), "must be rect, .*Received: 'blob'"),
        (
            region({"name": "rect", "x": 1}),
            r"a rect needs 'y'. It has: \['name', 'x'\]",
        ),
        (region({**RECT, "width": None}), "width must be a number. Received: None"),
        (region({**RECT, "x": True}), "x must be a number. Received: True"),
        (
            region({**POLYGON, "all_points_x": [1]}),
            "as many `all_points_x` as `all_points_y`. Received: 1 and 5",
        ),
        (region({"name": "polygon"}), "Received: 0 and 0"),
        (
            region({**POLYGON, "all_points_y": [1, 2, 3, "x", 5]}),
            "all_points_y 3 must be a number. Received: 'x'",
        ),
        ({**region(RECT), "region_attributes": ["a"]}, "`region_attributes` must be"),
        (region(RECT, text=["1"]), r"text must be a string. Received: \['1'\]"),
        (
            region(RECT, label={"a": True, "b": True}),
            r"label must be one thing. Received: \['a', 'b'\]",
        ),
    ],
)
def test_a_damaged_region_is_named_and_the_others_kept(tmp_path, one, reason):
    path = write(tmp_path, {"k": entry({"7": one, "8": region(RECT)})})
    found = read(path)
    (finding,) = findings(found)
    assert finding.place == f"{path}, 'k', region 7"
    with pytest.raises(AnnotationError, match=reason):
        raise AnnotationError(finding.reason)
    (record,) = records(found)
    assert [r.place for r in record.regions] == ["region 8"]
    assert record.damaged == 1


def test_a_damaged_photo_is_named_and_the_others_read(tmp_path):
    value = {"a": entry([]), "b": "c", "d": {"filename": 3}, "e": entry("x")}
    path = write(tmp_path, value)
    found = read(path)
    assert [finding.place for finding in findings(found)] == [
        f"{path}, 'b'",
        f"{path}, 'd'",
        f"{path}, 'e', key 'regions'",
    ]
    assert [record.place for record in records(found)] == [f"{path}, 'a'"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (
            b'{"a": {"filename": "a.jpg",\n "regions": [}}',
            "line 2, column 14: not JSON",
        ),
        (b'\n{"a": "\xff"}', "line 2: not utf-8 (byte 0xff)"),
        (b"[" * 100_000, "not JSON that can be read"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON that can be read"),
        ([], "as VIA 1 and 2 export it, or a project of VIA 2. Received: list"),
        (
            {"images": [], "annotations": []},
            "Received: dict with ['images', 'annotations']",
        ),
        (
            {"project": {"pid": 1}, "file": {}},
            "Received: dict with ['project', 'file']",
        ),
    ],
)
def test_damaged_files_are_named_and_the_others_read(tmp_path, value, reason):
    bad = write(tmp_path, value, "bad.json")
    write(tmp_path, {"a": entry([])}, "good.json")
    found = read(tmp_path)
    (finding,) = findings(found)
    assert (finding.kind, finding.place) == ("malformed", str(bad))
    assert reason in finding.reason
    assert len(records(found)) == 1


def test_byte_order_marks(tmp_path):
    for i, encoding in enumerate(("utf-8-sig", "utf-16")):
        text = json.dumps({"a": entry([], "ä.jpg")}, ensure_ascii=False)
        (record,) = read(write(tmp_path, text.encode(encoding), f"{i}.json"))
        assert record.names[0] == "ä.jpg"
