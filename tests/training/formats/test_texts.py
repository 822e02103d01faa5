"""CSV files of texts, in the many orders people keep them."""

import pytest
from source_files import findings, points, records

from fused_ocr.errors import AnnotationError, ConfigError
from fused_ocr.training.formats.texts import parse_columns, read_texts


def write(folder, text, name="texts.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path, columns="", **options):
    return list(read_texts(path, parse_columns(columns) if columns else (), **options))


def texts(record):
    return [region.text for region in record.regions]


def test_path_and_text_are_of_whole_photos(tmp_path):
    found = read(write(tmp_path, 'a.jpg,Tiong\nb.jpg,"[06], ""x"""\n'))
    one, two = records(found)
    assert (one.names, one.near) == (("a.jpg",), tmp_path)
    assert one.regions[0].points_yx is None
    assert (texts(one), texts(two)) == (["Tiong"], ['[06], "x"'])
    (finding,) = findings(found)
    assert (finding.kind, finding.level) == ("columns", "noted")
    assert "taken as path,text;" in finding.reason


def test_boxes_with_more_behind(tmp_path):
    found = read(
        write(tmp_path, "a.jpg,249,465,408,574,CG10,2,ok\na.jpg,1,2,3,4,B,1,hard\n")
    )
    (record,) = records(found)
    assert points(record) == [[[465, 249], [574, 408]], [[2, 1], [4, 3]]]
    assert texts(record) == ["CG10", "B"]
    assert [region.place for region in record.regions] == ["line 1", "line 2"]
    assert not record.regions[0].ordered


def test_four_corners_run_from_the_texts_top_left(tmp_path):
    found = read(write(tmp_path, "a.jpg,5,1,30,2,31,9,6,8,###\n"))
    (record,) = records(found)
    assert points(record) == [[[1, 5], [2, 30], [9, 31], [8, 6]]]
    assert record.regions[0].ordered
    assert texts(record) == ["###"]  # what it means is the conversion's business


@pytest.mark.parametrize(
    ("columns", "row", "box"),
    [
        ("text,path,x1,y1,x2,y2", "T,a.jpg,1,2,5,9", [[2, 1], [9, 5]]),
        ("path,x,y,w,h,text", "a.jpg,1,2,4,7,T", [[2, 1], [9, 5]]),
        ("path,xc,yc,w,h,text,-", "a.jpg,3,5.5,4,7,T,unsure", [[2, 1], [9, 5]]),
        ("path,-,text,-", "a.jpg,9,T", None),
    ],
)
def test_columns_that_are_given(tmp_path, columns, row, box):
    found = read(write(tmp_path, row), columns)
    (record,) = found  # and no finding
    assert texts(record) == ["T"]
    (region,) = record.regions
    assert (None if box is None else region.points_yx.tolist()) == box


@pytest.mark.parametrize(
    "headline",
    [
        "filename,xmin,ymin,xmax,ymax,text",
        "Image, x1, y1, x2, y2, Plate",
        "text,path,left,top,width,height",
        "path,width,height,label,xmin,ymin,xmax,ymax",  # of the photo
    ],
)
def test_headlines_tell_the_columns(tmp_path, headline):
    values = {
        "filename,xmin,ymin,xmax,ymax,text": "a.jpg,1,2,5,9,T",
        "Image, x1, y1, x2, y2, Plate": "a.jpg,1,2,5,9,T",
        "text,path,left,top,width,height": "T,a.jpg,1,2,4,7",
        "path,width,height,label,xmin,ymin,xmax,ymax": "a.jpg,640,480,T,1,2,5,9",
    }
    (record,) = records(read(write(tmp_path, f"{headline}\n{values[headline]}\n")))
    assert points(record) == [[[2, 1], [9, 5]]]
    (region,) = record.regions
    assert "T" in (region.text, region.label)


def test_headlines_are_skipped_where_columns_are_given(tmp_path):
    path = write(tmp_path, "Bild,links,oben,rechts,unten,Text\na.jpg,1,2,5,9,T\n")
    (record,) = read(path, "path,x1,y1,x2,y2,text")
    assert texts(record) == ["T"]


def test_photos_without_anything(tmp_path):
    path = write(tmp_path, "a.jpg,1,2,5,9,T\nb.jpg,,,,,\n")
    one, two = records(read(path))
    assert (len(one.regions), two.regions, two.damaged) == (1, [], 0)


def test_parts_of_width_and_height(tmp_path):
    path = write(tmp_path, "a.jpg,.1,.2,.5,.9,T\n")
    (record,) = records(read(path, relative=True))
    assert record.relative


def test_delimiter_and_encoding(tmp_path):
    path = write(tmp_path, "ä.jpg;Straße\n".encode("cp1252"))
    (record,) = records(read(path, delimiter=";", encoding="cp1252"))
    assert (record.names, texts(record)) == (("ä.jpg",), ["Straße"])
    (record,) = records(read(write(tmp_path, "\ufeffä.jpg,x\r\n\r\n,\r\n")))
    assert record.names == ("ä.jpg",)


def test_all_files_of_a_folder(tmp_path):
    write(tmp_path, "a.jpg,A\n", "b.csv")
    write(tmp_path, "b.jpg,B\n", "a.csv")
    assert [texts(record) for record in records(read(tmp_path))] == [["B"], ["A"]]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",1,2,5,9,T", "expected path,x1,y1,x2,y2,text. Received 6 columns"),
        ("a.jpg,1,2,5", "Received 4 columns: a.jpg,1,2,5"),
        ("a.jpg,1,2,5,x,T", "y2 must be a number. Received: 'x'"),
        ("a.jpg,1,,5,9,T", "y1 must be a number. Received: ''"),
        ("a.jpg,,,,,T", "x1 must be a number. Received: ''"),
        ("a.jpg,1,2,inf,9,T", "x2 must be a number. Received: 'inf'"),
    ],
)
def test_a_damaged_row_is_named_and_the_others_kept(tmp_path, row, reason):
    path = write(tmp_path, f"a.jpg,1,2,5,9,T\n{row}\na.jpg,1,2,5,9,U\n")
    found = read(path, "path,x1,y1,x2,y2,text")
    (finding,) = findings(found)
    assert (finding.kind, finding.place) == ("malformed", f"{path}, line 2")
    assert reason in finding.reason
    (record,) = records(found)
    assert texts(record) == ["T", "U"]


def test_a_photo_whose_only_row_is_damaged_is_no_negative(tmp_path):
    path = write(tmp_path, "a.jpg,1,2,5,x,T\n")
    (record,) = records(read(path, "path,x1,y1,x2,y2,text"))
    assert (record.regions, record.damaged) == ([], 1)


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest(tmp_path):
    path = write(tmp_path, 'a.jpg,A\nb.jpg,"B\nc.jpg,C\n')
    found = read(path, "path,text")
    (finding,) = findings(found)
    assert finding.place.startswith(f"{path}, line ")
    assert "the rest of the file is not read" in finding.reason
    assert [record.names for record in records(found)] == [("a.jpg",)]


def test_another_encoding_is_named(tmp_path):
    path = write(tmp_path, b"a.jpg,A\nb.jpg,Stra\xdfe\n")
    (finding,) = read(path)
    assert finding.place == f"{path}, line 2"
    assert (
        "not utf-8 (byte 0xdf). Give its --encoding"
        in finding.reason.lower().replace("give", "Give")
    )


@pytest.mark.parametrize(
    "columns",
    ["", "text", "path", "path,x1,y1", "path,text,text", "path,name", "path,x,y,w"],
)
def test_columns_that_are_none(columns):
    with pytest.raises(ConfigError, match="Columns are some of path, text"):
        parse_columns(columns)


def test_misuse(tmp_path):
    path = write(tmp_path, "a.jpg,A\n")
    with pytest.raises(ConfigError, match="Unknown encoding: 'nosuch'"):
        read(path, encoding="nosuch")
    with pytest.raises(ConfigError, match="A delimiter is one character: ';;'"):
        read(path, delimiter=";;")
    with pytest.raises(AnnotationError, match=r"ends in \.csv"):
        (tmp_path / "empty").mkdir()
        read(tmp_path / "empty")
