"""COCO's JSON: boxes, four-point polygons, texts, and broken references."""

import json

import pytest
from source_files import class_names, findings, points, records

from fused_ocr.training.formats.coco import read_coco
from fused_ocr.training.formats.parsing import Keys

IMAGE = {"id": 7, "file_name": "deep/a.jpg", "width": 101, "height": 61}
BOX = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20.5, 30, 5]}
CATEGORIES = [{"id": 3, "name": "plate"}, {"id": 1, "name": "car"}]


def write(folder, images=(IMAGE,), annotations=(BOX,), categories=CATEGORIES):
    path = folder / "coco.json"
    value = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(value))
    return path


def read(source, **keys):
    return list(read_coco(source, Keys(**keys)))


def test_boxes_and_classes(tmp_path):
    path = write(tmp_path)
    found = read(path)
    assert class_names(found) == [("car", "plate")]  # by their ids
    (record,) = records(found)
    assert record.names == ("deep/a.jpg",)
    assert record.near == tmp_path
    assert record.place == f"{path}, images[0]"
    assert record.size_yx == (61, 101)
    # bbox is x, y, width, height
    assert points(record) == [[[20.5, 10], [25.5, 40]]]
    (region,) = record.regions
    assert (region.label, region.place) == ("plate", "annotations[0]")
    assert not region.ordered


def test_polygons_of_four_points_become_outlines(tmp_path):
    four = [10, 5, 40, 8, 39, 20, 9, 17]
    polygons = [
        [four],
        [[*four, 10, 5]],  # closed
        [[*four, 1, 1]],  # five corners: the box
        [four, four],  # two parts: the box
        [],
        {"counts": [1, 2], "size": [61, 101]},  # run lengths: the box
    ]
    annotations = [{**BOX, "segmentation": polygon} for polygon in polygons]
    (record,) = records(read(write(tmp_path, annotations=annotations)))
    outline = [[5, 10], [8, 40], [20, 39], [17, 9]]
    box = [[20.5, 10], [25.5, 40]]
    assert points(record) == [outline, [*outline, [5, 10]], box, box, box, box]


def test_texts(tmp_path):
    annotations = [
        {**BOX, "utf8_string": "B 1"},
        {**BOX, "caption": 42},
        {**BOX, "attributes": {"text": "C", "occluded": False}},
        {**BOX, "attributes": {"Nummer": "D"}},
        {**BOX, "legibility": "illegible"},
    ]
    path = write(tmp_path, annotations=annotations)
    (record,) = records(read(path))
    assert [region.text for region in record.regions] == ["B 1", "42", "C", "", ""]
    assert [region.readable for region in record.regions] == [True] * 4 + [False]
    (record,) = records(read(path, text=("Nummer",)))
    assert [region.text for region in record.regions] == ["", "", "", "D", ""]


def test_coco_text_has_dictionaries_and_no_categories(tmp_path):
    path = tmp_path / "COCO_Text.json"
    value = {
        "imgs": {"7": IMAGE},
        "anns": {"1": {"image_id": 7, "bbox": [1, 2, 3, 4], "class": "handwritten"}},
    }
    path.write_text(json.dumps(value))
    found = read(path)
    assert class_names(found) == [()]
    (record,) = records(found)
    assert record.regions[0].label == "handwritten"


def test_image_without_annotations(tmp_path):
    (record,) = records(read(write(tmp_path, annotations=[])))
    assert (record.regions, record.damaged) == ([], 0)


@pytest.mark.parametrize("size", [{}, {"height": 0}, {"height": "61"}])
def test_size_that_is_not_given(tmp_path, size):
    image = {**IMAGE, "height": None, **size}
    (record,) = records(read(write(tmp_path, images=[image])))
    assert record.size_yx is None


def test_unknown_image(tmp_path):
    path = write(tmp_path, annotations=[{**BOX, "image_id": 8}, BOX])
    found = read(path)
    (finding,) = findings(found)
    assert (finding.kind, finding.level) == ("unknown photo", "dropped")
    assert finding.place == f"{path}, annotations[0]"
    assert "image_id 8" in finding.reason
    assert len(records(found)[0].regions) == 1


def test_two_images_of_one_id(tmp_path):
    path = write(tmp_path, images=[IMAGE, {**IMAGE, "file_name": "b.jpg"}])
    found = read(path)
    (record,) = records(found)
    assert (record.names, len(record.regions)) == (("deep/a.jpg",), 1)
    (finding,) = findings(found)
    assert finding.kind == "duplicate photo"
    assert finding.place == f"{path}, images[1]"


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ("box", "needs an `image_id`"),
        ({"bbox": [1, 2, 3, 4]}, "needs an `image_id`"),
        ({**BOX, "image_id": [7]}, "needs an `image_id`"),
        (
            {**BOX, "category_id": 2},
            "category_id 2 is not among the categories: [3, 1]",
        ),
        ({**BOX, "category_id": [3]}, "category_id [3] is not among"),
        (
            {**BOX, "bbox": [1, 2, 3]},
            "`bbox` must be [x, y, width, height]. Received: [",
        ),
        ({**BOX, "bbox": None}, "Received: None"),
        ({**BOX, "bbox": [1, 2, "wide", 4]}, "bbox width must be a number"),
        ({**BOX, "bbox": [1, 2, 10**400, 4]}, "bbox width must be a number"),
        ({**BOX, "segmentation": [[1, 2, 3, 4, 5, 6, 7, None]]}, "segmentation 7 must"),
        ({**BOX, "text": ["a"]}, "text must be a string"),
    ],
)
def test_a_damaged_annotation_is_named_and_the_others_kept(
    tmp_path, annotation, reason
):
    path = write(tmp_path, annotations=[BOX, annotation, BOX])
    found = read(path)
    (finding,) = findings(found)
    assert (finding.kind, finding.place) == ("malformed", f"{path}, annotations[1]")
    assert reason in finding.reason
    (record,) = records(found)
    assert [r.place for r in record.regions] == ["annotations[0]", "annotations[2]"]


def test_damaged_images_and_categories_are_named(tmp_path):
    path = write(
        tmp_path,
        images=["a.jpg", {"id": 1}, {"file_name": "b.jpg"}, IMAGE],
        categories=[*CATEGORIES, {"id": 4}, {"name": "x"}, {"id": 5, "name": "\ud800"}],
    )
    found = read(path)
    assert [finding.place.removeprefix(f"{path}, ") for finding in findings(found)] == [
        "categories[2]",
        "categories[3]",
        "categories[4]",
        "images[0]",
        "images[1]",
        "images[2]",
    ]
    assert len(records(found)) == 1
    assert class_names(found) == [("car", "plate")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "expected an object with a list 'images'. Received: list with no keys"),
        ('{"a.jpg1": {"filename": "a.jpg"}}', "Received: dict with ['a.jpg1']"),
        ('{"images": []}', "expected an object with a list 'annotations'"),
        ('{"images": [],', "line 1, column 15: not JSON"),
    ],
)
def test_damaged_files_are_named(tmp_path, text, reason):
    path = tmp_path / "coco.json"
    path.write_text(text)
    (finding,) = read(path)
    assert (finding.kind, finding.place) == ("malformed", str(path))
    assert reason in finding.reason
