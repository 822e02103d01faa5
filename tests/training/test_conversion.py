"""Whole conversions: what is written, what the report says, and the command."""

import doctest
import importlib
import json
import pkgutil
import shlex
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fused_ocr.cli import main
from fused_ocr.training import formats
from fused_ocr.training.annotations import read_annotations, read_classes
from fused_ocr.training.conversion import convert
from fused_ocr.training.formats.checking import Rules
from fused_ocr.training.formats.photo_folders import PhotoFolders
from fused_ocr.training.formats.records import (
    ClassNames,
    Finding,
    PhotoRecord,
    Region,
    rectangle,
)


def save_photo(path, width=101, height=61):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (90, 120, 90)).save(path)
    return path


def record(name, *regions, **changes):
    return PhotoRecord((name,), changes.pop("near"), f"{name}.xml", regions, **changes)


def box(*edges, label="plate", text=""):
    return Region(rectangle(*edges), label, text, "object 1")


def run(items, folder, *, classes=(), tfrecord=False, **rules):
    return convert(
        items,
        folder / "out",
        PhotoFolders((), folder),
        Rules(**rules),
        classes=classes,
        tfrecord=tfrecord,
    )


def photos(folder, *names):
    for name in names:
        save_photo(folder / name)


def test_what_is_written_is_what_training_reads(tmp_path):
    photos(tmp_path, "a.jpg", "b.jpg")
    four = Region(np.array([[5.0, 10], [8, 40], [20, 39], [17, 9]]), "sign", "###")
    items = [
        record("b.jpg", near=tmp_path),
        record("a.jpg", box(1, 2, 30, 40, text="B 1"), four, near=tmp_path),
    ]
    report = run(items, tmp_path)
    out = tmp_path / "out"
    assert report.written == (out / "annotations.csv", out / "classes.csv")
    classes = read_classes(out / "classes.csv")
    assert classes == ("plate", "sign")
    empty, full = read_annotations(out / "annotations.csv", classes)
    assert (empty.path, empty.texts) == (tmp_path / "b.jpg", ())
    assert full.path == tmp_path / "a.jpg"
    assert full.boxes_yxyx.tolist() == [[2, 1, 40, 30], [5, 9, 20, 40]]
    assert full.labels.tolist() == [0, 1]
    assert full.texts == ("B 1", "")
    assert full.quads_yx[1].tolist() == [[5, 10], [8, 40], [20, 39], [17, 9]]
    assert full.readable.tolist() == [True, False]
    assert (report.records, report.photos, report.negatives) == (2, 2, 1)
    assert report.boxes_by_class == {"plate": 1, "sign": 1}
    assert (report.boxes, report.texts, report.corners, report.unreadable) == (
        2,
        1,
        1,
        1,
    )
    assert report.counts() == {"photo without regions": 1}
    assert report.ok


def test_the_order_of_classes(tmp_path):
    photos(tmp_path, "a.jpg")
    one = record("a.jpg", box(1, 2, 3, 4), box(5, 6, 7, 8, label="b"), near=tmp_path)
    names = ClassNames(("sign", "plate"))

    def classes(*items, **options):
        run(items, tmp_path, **options)
        return read_classes(tmp_path / "out" / "classes.csv")

    assert classes(one) == ("b", "plate")
    assert classes(names, one) == ("sign", "plate", "b")
    assert classes(names, one, only=("plate",)) == ("plate",)
    assert classes(names, one, label="text") == ("text",)
    assert classes(names, one, classes=("x", "b", "plate")) == ("x", "b", "plate")


def test_classes_without_a_number_are_left_out(tmp_path):
    photos(tmp_path, "a.jpg")
    one = record("a.jpg", box(1, 2, 3, 4), box(5, 6, 7, 8, label="b"), near=tmp_path)
    report = run([one], tmp_path, classes=("b",))
    assert report.boxes_by_class == {"b": 1}
    (finding,) = report.findings
    assert (finding.kind, finding.level) == ("unknown class", "dropped")
    assert "class 'plate' is left out; known are b" in finding.reason
    assert report.ok


def test_a_class_that_is_asked_for_and_nowhere(tmp_path):
    photos(tmp_path, "a.jpg")
    one = record("a.jpg", box(1, 2, 3, 4), near=tmp_path)
    listed = ClassNames(("sign", "plate"))
    report = run([listed, one], tmp_path, only=("Plate", "sign"))
    wrong = [f for f in report.findings if f.kind == "class that is nowhere"]
    assert [f.reason for f in wrong] == ["'Plate' was asked for; there are plate, sign"]
    assert not report.ok and report.written == ()
    assert report.to_text().endswith("a class that was asked for is nowhere")
    assert not (tmp_path / "out").exists()
    # A class that the source knows and has none of is no mistake.
    assert run([listed, one], tmp_path, only=("plate", "sign")).ok


def test_photos_that_cannot_be_used(tmp_path):
    photos(tmp_path, "a.jpg", "twice/d.jpg", "again/d.jpg", "e.png")
    (tmp_path / "c.jpg").write_bytes(b"no photo")
    items = [
        record("a.jpg", box(1, 2, 3, 4), near=tmp_path),
        record("./a.jpg", box(5, 6, 7, 8), near=tmp_path),
        record("b.jpg", near=tmp_path),
        record("c.jpg", near=tmp_path),
        record("d.jpg", near=tmp_path),
        record("e.jpg", box(1, 2, 3, 4), near=tmp_path),
        record("e.png", box(500, 2, 600, 4), near=tmp_path),
    ]
    report = run(items, tmp_path)
    assert [(finding.kind, finding.place) for finding in report.findings] == [
        ("duplicate photo", "./a.jpg.xml"),
        ("missing photo", "b.jpg.xml"),
        ("unreadable photo", "c.jpg.xml"),
        ("ambiguous photo", "d.jpg.xml"),
        ("other suffix than written", "e.jpg.xml"),
        ("duplicate photo", "e.png.xml"),
    ]
    assert "is already that of a.jpg.xml" in report.findings[0].reason
    assert "'b.jpg' is neither near" in report.findings[1].reason
    assert (report.records, report.photos) == (7, 2)
    assert report.ok  # all was understood


def test_a_photo_whose_boxes_are_gone_is_no_negative(tmp_path):
    photos(tmp_path, "a.jpg", "b.jpg")
    items = [
        record("a.jpg", box(500, 2, 600, 4), near=tmp_path),
        record("b.jpg", near=tmp_path, damaged=1),
    ]
    report = run(items, tmp_path)
    assert report.counts() == {"nothing left of photo": 2, "box outside photo": 1}
    assert (report.photos, report.written, report.ok) == (0, (), False)
    assert not (tmp_path / "out").exists()
    assert "wrote no annotations: nothing could be converted" in report.to_text()


def test_old_files_stay_if_nothing_is_converted(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "annotations.csv").write_text("old")
    run([], tmp_path)
    assert (tmp_path / "out" / "annotations.csv").read_text() == "old"


def test_negatives_alone_need_a_class(tmp_path):
    photos(tmp_path, "a.jpg")
    report = run([record("a.jpg", near=tmp_path)], tmp_path)
    assert not report.ok
    assert "wrote no annotations: no class is known" in report.to_text()
    assert run([record("a.jpg", near=tmp_path)], tmp_path, classes=("b",)).ok


def test_reports(tmp_path):
    photos(tmp_path, "a.jpg")
    items = [
        *(Finding("malformed", f"{i}.xml", "line 1: not XML") for i in range(8)),
        record("a.jpg", box(-9, 2, 3, 4, text="x1"), near=tmp_path),
    ]
    report = run(items, tmp_path, alphabet="0123456789")
    assert report.failed == 8
    assert not report.ok
    assert report.to_text().splitlines() == [
        "ERROR, not understood: malformed (8)",
        *(f"    {i}.xml: line 1: not XML" for i in range(5)),
        "    and 3 more (--json has all)",
        "left out: text outside alphabet (1)",
        "    a.jpg.xml, object 1: 'x1' has 'x'; its box stays, without text",
        "note: box cut at the edge (1)",
        "    a.jpg.xml, object 1: box x1=-9 y1=2 x2=3 y2=4 in a photo of 101x61",
        "1 of 1 photos, 0 of them without any box",
        "1 boxes: 1 plate",
        "    0 with a text, 0 with four corners, 0 unreadable",
        f"wrote {tmp_path}/out/annotations.csv, {tmp_path}/out/classes.csv",
    ]
    values = json.loads(json.dumps(report.to_dict()))
    assert values["counts"]["malformed"] == 8
    assert len(values["findings"]) == 10
    assert values["findings"][0]["level"] == "failed"
    assert values["ok"] is False


@pytest.mark.parametrize(
    "name", [module.name for module in pkgutil.iter_modules(formats.__path__)]
)
def test_examples_in_docstrings(name):
    module = importlib.import_module(f"{formats.__name__}.{name}")
    assert doctest.testmod(module).failed == 0


# The command ---------------------------------------------------------------------

BOX = "<bndbox><xmin>{}</xmin><ymin>2</ymin><xmax>{}</xmax><ymax>40</ymax></bndbox>"


@pytest.fixture
def command(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        result = CliRunner().invoke(main, ["convert", *map(str, arguments)])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return call


def voc_folder(folder, *objects, name="a"):
    """`xml/a.xml` with objects (class, x1, x2), and `images/a.jpg`."""
    save_photo(folder / "images" / f"{name}.jpg")
    body = "".join(
        f"<object><name>{label}</name>{BOX.format(x1, x2)}</object>"
        for label, x1, x2 in objects
    )
    path = folder / "xml" / f"{name}.xml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"<annotation><filename>{name}.jpg</filename>{body}</annotation>")
    return path


def lines(folder, name="annotations.csv"):
    return (folder / name).read_text(encoding="utf-8").splitlines()


def test_voc_from_end_to_end(command, tmp_path):
    voc_folder(tmp_path, ("plate", 1, 30), ("car", 0, 101))
    result = command("voc", "xml", "out", "--only", "plate")
    assert result.exit_code == 0, result.output
    assert "left out: class not asked for (1)" in result.stdout
    assert result.stdout.endswith("wrote out/annotations.csv, out/classes.csv\n")
    assert lines(tmp_path / "out") == [f"{tmp_path}/images/a.jpg,1,2,30,40,plate"]
    assert lines(tmp_path / "out", "classes.csv") == ["plate,0"]
    # What it wrote passes the check that people run next.
    check = CliRunner().invoke(
        main, ["check-data", "out/annotations.csv", "out/classes.csv"]
    )
    assert check.exit_code == 0, check.output


def test_output_beside_the_photos_can_travel(command, tmp_path):
    voc_folder(tmp_path, ("plate", 1, 30))
    assert command("voc", "xml", ".").exit_code == 0
    assert lines(tmp_path) == ["images/a.jpg,1,2,30,40,plate"]


def test_house_numbers_of_digit_boxes(command, tmp_path):
    voc_folder(tmp_path, ("10", 31, 60), ("7", 1, 30))
    assert command("voc", "xml", "one", "--unite").exit_code == 0
    assert lines(tmp_path / "one") == [f"{tmp_path}/images/a.jpg,1,2,60,40,text,70"]
    assert command("voc", "xml", "each", "--each").exit_code == 0
    assert lines(tmp_path / "each") == [
        f"{tmp_path}/images/a.jpg,31,2,60,40,character,0",
        f"{tmp_path}/images/a.jpg,1,2,30,40,character,7",
    ]
    result = command("voc", "xml", "both", "--each", "--unite")
    assert result.exit_code == 2
    assert "give one of the two" in result.stderr


def test_damaged_files_fail_and_the_rest_is_there(command, tmp_path):
    voc_folder(tmp_path, ("plate", 1, 30))
    voc_folder(tmp_path, name="b").write_text("<annotation>")
    result = command("voc", "xml", "out")
    assert result.exit_code == 1
    assert "xml/b.xml: line 1, column 13: not XML" in result.stdout
    assert "Error: Not understood: 1; see above." in result.stderr
    assert len(lines(tmp_path / "out")) == 1


def test_reports_as_json(command, tmp_path):
    voc_folder(tmp_path, ("plate", 1, 30), ("plate", 90, 130))
    result = command("voc", "xml", "out", "--json")
    values = json.loads(result.stdout)
    assert (values["boxes"], values["ok"]) == (2, True)
    assert values["counts"] == {"box cut at the edge": 1}
    assert values["written"] == ["out/annotations.csv", "out/classes.csv"]


def test_classes_of_another_part(command, tmp_path):
    voc_folder(tmp_path, ("plate", 1, 30), ("car", 0, 101))
    (tmp_path / "c.csv").write_text("truck,0\nplate,1\n")
    assert command("voc", "xml", "out", "--classes", "c.csv").exit_code == 0
    assert lines(tmp_path / "out", "classes.csv") == ["truck,0", "plate,1"]


def test_via_with_texts_and_photos_elsewhere(command, tmp_path):
    save_photo(tmp_path / "large" / "deep" / "a.jpg")
    shape = {"name": "rect", "x": 1, "y": 2, "width": 29, "height": 38}
    region = {
        "shape_attributes": shape,
        "region_attributes": {"kind": "plate", "number": "B 1"},
    }
    value = {"a": {"filename": "a.jpg", "regions": [region]}}
    (tmp_path / "via.json").write_text(json.dumps(value))
    keys = ("--label-key", "kind", "--text-key", "number")
    result = command("via", "via.json", "out", *keys)
    assert result.exit_code == 1
    assert "missing photo (1)" in result.stdout
    assert "Nothing was converted" in result.stderr
    result = command("via", "via.json", "out", *keys, "--photos", "large")
    assert result.exit_code == 0, result.output
    assert lines(tmp_path / "out") == [
        f"{tmp_path}/large/deep/a.jpg,1,2,30,40,plate,B 1"
    ]


def test_coco(command, tmp_path):
    save_photo(tmp_path / "a.jpg")
    value = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [
            {
                "image_id": 1,
                "category_id": 2,
                "bbox": [1, 2, 29, 38],
                "segmentation": [[1, 3, 30, 2, 30, 39, 2, 40]],
            }
        ],
        "categories": [{"id": 2, "name": "plate"}, {"id": 1, "name": "car"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(value))
    assert command("coco", "coco.json", ".").exit_code == 0
    assert lines(tmp_path) == ["a.jpg,1,2,30,40,plate,,1,3,30,2,30,39,2,40"]
    assert lines(tmp_path, "classes.csv") == ["car,0", "plate,1"]


def test_yolo(command, tmp_path):
    save_photo(tmp_path / "images" / "a.jpg", 200, 100)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    (tmp_path / "n.txt").write_text("plate\n")
    assert command("yolo", ".", ".", "--names", "n.txt").exit_code == 0
    # x 100 -+ 25, y 50 -+ 25
    assert lines(tmp_path) == ["images/a.jpg,75,25,125,75,plate"]


def test_texts(command, tmp_path):
    save_photo(tmp_path / "a.jpg")
    (tmp_path / "quads.csv").write_text(
        "a.jpg,5,1,30,2,31,9,6,8,CAFÉ\na.jpg,40,1,60,2,61,9,41,8,###\n"
    )
    result = command("texts", "quads.csv", ".", "--alphabet", "ABCDEF")
    assert result.exit_code == 0
    assert "line 1: 'CAFÉ' has 'É'; its box stays" in result.stdout
    assert lines(tmp_path) == [
        "a.jpg,5,1,31,9,text,,5,1,30,2,31,9,6,8",
        "a.jpg,40,1,61,9,text,,40,1,60,2,61,9,41,8,unreadable",
    ]
    result = command("texts", "quads.csv", ".", "--columns", "path,text,word")
    assert result.exit_code == 2
    assert "Columns are some of" in result.stderr


def test_texts_between_tabs(command, tmp_path):
    save_photo(tmp_path / "a.jpg")
    (tmp_path / "texts.tsv").write_text("a.jpg\t5\t1\t30\t9\tB1\n")
    columns = ("--columns", "path,x1,y1,x2,y2,text")
    # A shell hands over a backslash and a t.
    result = command("texts", "texts.tsv", ".", *columns, "--delimiter", r"\t")
    assert result.exit_code == 0, result.output
    assert lines(tmp_path) == ["a.jpg,5,1,30,9,text,B1"]


def test_tfrecords_there_and_back(command, tmp_path):
    save_photo(tmp_path / "a.jpg")
    (tmp_path / "texts.csv").write_text("a.jpg,5,1,30,2,31,9,6,8,B1\n")
    result = command("texts", "texts.csv", "out", "--tfrecord", "--label", "plate")
    assert result.exit_code == 0, result.output
    assert result.stdout.endswith("classes.csv, out/photos.tfrecord\n")
    result = command("tfrecord", "out/photos.tfrecord", "back")
    assert result.exit_code == 0, result.output
    assert lines(tmp_path / "back") == [
        "photos/a.jpg,5,1,31,9,plate,B1,5,1,30,2,31,9,6,8"
    ]
    result = command("own", "back/annotations.csv", "back/classes.csv", "again")
    assert result.exit_code == 0, result.output
    assert lines(tmp_path / "again") == [
        f"{tmp_path}/{line}".replace("photos", "back/photos", 1)
        for line in lines(tmp_path / "back")
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["voc", "nosuch", "out"], 2, "does not exist"),
        (["voc", "."], 2, "Missing argument 'OUT'"),
        (["voc", ".", "out"], 1, "ends in .xml"),
        (["voc", ".", "out", "--columns", "path"], 2, "No such option"),
        (["voc", ".", "out", "--alphabet", ""], 2, "alphabet must not be empty"),
        (["svhn", ".", "out"], 1, "ends in digitStruct.mat"),
        (["nosuch"], 2, "No such command"),
    ],
)
def test_misuse_and_failure(command, arguments, code, said):
    result = command(*arguments)
    assert result.exit_code == code, result.output
    assert said in result.output
    assert "Traceback" not in result.output


README = Path(__file__).parents[2] / "README.md"
EXAMPLES = [
    shlex.split(line, comments=True)[2:]
    for line in README.read_text("utf-8").splitlines()
    if line.startswith("fused-ocr convert ")
]


@pytest.mark.parametrize("words", EXAMPLES, ids=" ".join)
def test_the_readmes_examples_are_commands(words):
    command = main.commands["convert"].commands[words[0]]
    parser = command.make_parser(click.Context(command))
    values, rest, _ = parser.parse_args(words[1:])
    arguments = {p.name for p in command.params if isinstance(p, click.Argument)}
    assert arguments <= set(values)
    assert rest == []


def test_the_readme_has_every_format():
    assert {words[0] for words in EXAMPLES} == set(main.commands["convert"].commands)
