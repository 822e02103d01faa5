"""Pascal VOC as labelImg, CVAT, Roboflow and SVHN's converters write it."""

import re

import pytest
from source_files import findings, points, records

from fused_ocr.errors import AnnotationError
from fused_ocr.training.formats.parsing import Keys
from fused_ocr.training.formats.voc import read_voc

BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
PLATE = f"<object><name>plate</name>{BOX}</object>"


def write(folder, body, name="a.xml"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = body if isinstance(body, bytes) else f"<annotation>{body}</annotation>"
    path.write_bytes(whole if isinstance(whole, bytes) else whole.encode())
    return path


def read(source, **keys):
    return list(read_voc(source, Keys(**keys)))


def test_as_labelimg_writes_it(tmp_path):
    # Decimals, white space, a Windows path of another machine, and the tag `verified`.
    path = write(
        tmp_path,
        b"""<annotation verified="yes">
        <folder>images</folder><filename>a b.jpg</filename>
        <path>C:\\Users\\me\\a b.jpg</path>
        <size><width>896</width><height>504</height><depth>3</depth></size>
        <object><name> license-plate </name><difficult>0</difficult><bndbox>
          <xmin>389.65</xmin><ymin>261.29</ymin><xmax> 435.44 </xmax><ymax>272.66</ymax>
        </bndbox></object></annotation>""",
    )
    (record,) = read(path)
    assert record.names == ("a b.jpg", "C:\\Users\\me\\a b.jpg", "images/a b.jpg", "a")
    assert record.near == tmp_path
    assert record.size_yx == (504, 896)
    assert points(record) == [[[261.29, 389.65], [272.66, 435.44]]]
    assert record.regions[0].label == "license-plate"
    assert record.regions[0].place == "object 1"
    assert not record.relative


def test_folders_are_walked_in_order_and_hidden_files_left_out(tmp_path):
    write(tmp_path, PLATE, "deep/b.xml")
    write(tmp_path, PLATE, "a.xml")
    write(tmp_path, b"\x00\x05\x16\x07", "._a.xml")  # AppleDouble
    found = read(tmp_path)
    assert [record.names[-1] for record in records(found)] == ["a", "b"]
    assert findings(found) == []


def test_no_file_at_all(tmp_path):
    with pytest.raises(AnnotationError, match=r"ends in \.xml"):
        read(tmp_path)


def test_photo_without_anything(tmp_path):
    (record,) = read(write(tmp_path, "<filename>a.jpg</filename>"))
    assert (record.regions, record.damaged) == ([], 0)


@pytest.mark.parametrize(
    "size",
    [
        "",
        "<size/>",
        "<size><width>0</width><height>0</height></size>",
        "<size><width>wide</width><height>9</height></size>",
    ],
)
def test_size_that_nobody_filled_in(tmp_path, size):
    (record,) = read(write(tmp_path, size + PLATE))
    assert record.size_yx is None


def test_texts_in_an_element_or_in_an_attribute_of_cvat(tmp_path):
    attribute = "<attribute><name>number</name><value>B 12</value></attribute>"
    path = write(
        tmp_path,
        f"<object><name>p</name><text>42</text>{BOX}</object>"
        f"<object><name>p</name><attributes>{attribute}</attributes>{BOX}</object>",
    )
    (record,) = read(path)
    assert [region.text for region in record.regions] == ["42", ""]
    (record,) = read(path, text=("number", "text"))
    assert [region.text for region in record.regions] == ["42", "B 12"]


def test_polygon_of_roboflow(tmp_path):
    corners = [(10, 5), (40, 8), (39, 20), (9, 17)]
    written = "".join(
        f"<x{i}>{x}</x{i}><y{i}>{y}</y{i}>" for i, (x, y) in enumerate(corners, 1)
    )
    (record,) = read(
        write(
            tmp_path,
            f"<object><name>p</name><polygon>{written}</polygon>{BOX}</object>",
        )
    )
    assert points(record) == [[[y, x] for x, y in corners]]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: b'<?xml version="1.0" encoding="cp1252"?>' + text.encode("cp1252"),
    ],
)
def test_encodings_that_say_so(tmp_path, encode):
    text = f"<annotation><filename>Straße.jpg</filename>{PLATE}</annotation>"
    (record,) = read(write(tmp_path, encode(text)))
    assert record.names[0] == "Straße.jpg"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            b"<annotation><object>\n</annotation>",
            "line 2, column 3: not XML .*mismatch",
        ),
        (b"", "line 1, column 1: not XML .*no element found"),
        (
            "<annotation>\n<filename>Straße</filename></annotation>".encode("cp1252"),
            "line 2, .*: not XML .*not well-formed",
        ),
        (b'<?xml version="1.0" encoding="nosuch"?><annotation/>', "line 1"),
        (b"<tagset/>", "root must be <annotation>. Received: <tagset>"),
        (
            b'<!DOCTYPE a [<!ENTITY x "y">]><annotation>&x;</annotation>',
            "has a document type",
        ),
        (
            '<?xml version="1.0"?><!DOCTYPE a><annotation/>'.encode("utf-16-le"),
            "has a document type",
        ),
    ],
)
def test_damaged_files_are_named_and_the_others_read(tmp_path, body, reason):
    bad = write(tmp_path, body, "bad.xml")
    write(tmp_path, PLATE, "good.xml")
    found = read(tmp_path)
    (finding,) = findings(found)
    assert (finding.kind, finding.place, finding.level) == (
        "malformed",
        str(bad),
        "failed",
    )
    assert re.search(reason, finding.reason), finding.reason
    assert [record.names for record in records(found)] == [("good",)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (f"<object>{BOX}</object>", "needs a <name>"),
        (f"<object><name> </name>{BOX}</object>", "needs a <name>"),
        (
            "<object><name>p</name><robndbox/></object>",
            "needs a <bndbox>. Received: <name>, <robndbox>",
        ),
        (
            f"<object><name>p</name>{BOX.replace('ymax', 'ymix')}</object>",
            "<bndbox> needs <ymax>",
        ),
        (
            f"<object><name>p</name>{BOX.replace('30', '3O')}</object>",
            "<xmax> must be a number. Received: '3O'",
        ),
        (
            f"<object><name>p</name>{BOX.replace('30', '30,5')}</object>",
            "<xmax> must be a number. Received: '30,5'",
        ),
        (
            f"<object><name>p</name>{BOX.replace('30', 'nan')}</object>",
            "<xmax> must be a number. Received: 'nan'",
        ),
    ],
)
def test_a_damaged_object_is_named_and_the_others_kept(tmp_path, body, reason):
    path = write(tmp_path, PLATE + body + PLATE)
    found = read(path)
    (finding,) = findings(found)
    assert finding.place == f"{path}, object 2"
    assert reason in finding.reason
    (record,) = records(found)
    assert [region.place for region in record.regions] == ["object 1", "object 3"]
    assert record.damaged == 1
