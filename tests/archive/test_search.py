"""Photos by what was read in them."""

import duckdb
import pytest
from PIL import Image

from fused_ocr.archive.index import open_index, writing_index
from fused_ocr.archive.listing import list_photos
from fused_ocr.archive.rows import error_row, part_of, reading_rows
from fused_ocr.archive.search import find
from fused_ocr.archive.sheet import sheet_of
from fused_ocr.errors import ArchiveError, ConfigError
from fused_ocr.result import Reading, Readings


def rows(photo, *found):
    readings = [Reading(text, score, (1, 2, 30, 40), "n") for text, score in found]
    return reading_rows(photo, Readings(readings, (48, 64)))


@pytest.fixture
def folder(tmp_path):
    # A name that would be a pattern, were it not taken as it is.
    place = tmp_path / "i[1]'*"
    with writing_index(place, {}) as index:
        first = [
            *rows("a", ("1234", 0.5), ("99", 0.9)),
            *rows("b", ("1234", 0.75), ("1234", 0.25)),
            *rows("c"),
            error_row("d", "no"),
        ]
        second = [
            *rows("e", ("1235", 0.875)),
            *rows("f", ("124", 1.0), ("", 1.0)),
            *rows("g", ("12_4", 0.5), ("1%", 0.5)),
            *rows("h", ("71234", 0.625)),
        ]
        index.write_part(0, part_of(first))
        index.write_part(1, part_of(second))
    return place


def photos(folder, *arguments, **options):
    hits = find(open_index(folder), *arguments, **options)
    return "".join(hit.photo for hit in hits)


def test_exact_ones_the_surest_first(folder):
    hits = find(open_index(folder), "1234")
    assert [(hit.photo, hit.score, hit.distance) for hit in hits] == [
        ("b", 0.75, 0),
        ("a", 0.5, 0),
    ]
    assert hits[0].box == (1, 2, 30, 40) and hits[0].size_yx == (48, 64)
    assert hits[0].quad == ((1, 2), (1, 40), (30, 40), (30, 2))
    assert (hits[0].reading, hits[0].label) == ("1234", "n")


def test_near_ones_come_after_exact_ones(folder):
    # Changed, missing, one too many, changed: each a distance of 1.
    assert photos(folder, "1234", max_distance=1) == "bafehg"
    assert photos(folder, "1234", max_distance=1, limit=3) == "baf"
    assert photos(folder, "1234", max_distance=1, min_score=0.7) == "bfe"
    assert photos(folder, "1234", max_distance=4) == "bafehg"


def test_distances_are_of_characters_not_of_bytes(tmp_path):
    # Two bytes each in UTF-8: of bytes the first is off by 2, and the second by 4.
    found = ("А12В", "А12", "А1", "Б12ВЕ", "A12B")
    with writing_index(tmp_path, {}) as index:
        index.write_part(0, part_of([row for t in found for row in rows(t, (t, 0.5))]))
    hits = find(open_index(tmp_path), "А12ВЕ", max_distance=2)
    assert [(hit.photo, hit.distance) for hit in hits] == [
        ("А12В", 1), ("Б12ВЕ", 1), ("А12", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("like", "expected"),
    [
        ("12?4", "bag"),
        ("123?", "eba"),
        ("12_4", "g"),
        ("?%", "g"),
        ("*34", "bha"),
        ("12*", "febag"),
        ("?", ""),
        ("1' OR '1'='1", ""),
        ("\\", ""),
    ],
)
def test_patterns(folder, like, expected):
    assert photos(folder, like=like) == expected


def test_a_text_or_a_pattern(folder):
    assert photos(folder, "99", like="1235") == "ae"


def test_without_anything_to_look_for(folder):
    index = open_index(folder)
    for options in ({}, {"text": ""}, {"like": ""}):
        with pytest.raises(ConfigError, match="Nothing to look for"):
            find(index, **options)
    with pytest.raises(ConfigError, match="Received: 2 and text None"):
        find(index, like="1*", max_distance=2)


def test_an_index_without_parts(tmp_path):
    with writing_index(tmp_path / "i", {}) as index:
        assert find(index, "1") == []


def test_a_damaged_part_is_named(folder):
    part = open_index(folder).parts()[1]
    part.write_bytes(b"half")
    with pytest.raises(ArchiveError, match=r"cannot be read.*part-000000001"):
        find(open_index(folder), "1234")


def test_a_query_of_the_users_own(tmp_path):
    with writing_index(tmp_path / "i", {}) as index:
        index.write_part(0, part_of([*rows("a", ("7", 1.0)), error_row("b", "no")]))
    found = duckdb.sql(
        "SELECT photo, reading, box.y2, characters FROM "
        f"'{tmp_path}/i/parts/*.parquet' ORDER BY photo"
    ).fetchall()
    assert found == [("a", "7", 30.0, []), ("b", None, None, None)]


def test_a_sheet_has_the_photos_that_are_there(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (64, 48), "blue").save(tmp_path / name)
    listing = list_photos([str(tmp_path)])
    names = listing.sources["photo"].to_pylist()
    with writing_index(tmp_path / "i", {}) as index:
        index.add(listing.sources, 2)
        index.write_part(0, part_of(r for n in names for r in rows(n, ("7", 1.0))))
    (tmp_path / "b.png").unlink()
    index = open_index(tmp_path / "i")
    sheet, missing = sheet_of(index, find(index, "7"))
    assert sheet.size == (224 + 12, 224 + 2 * 16 + 12)  # one cell, two lines, margins
    assert len(missing) == 1 and missing[0].startswith(f"{tmp_path}/b.png: cannot be")
    # The reading is drawn in yellow on the blue photo.
    colours = {c for _, c in sheet.getcolors(1 << 20)}
    assert any(r > 200 and g > 180 and b < 90 for r, g, b in colours)
