"""Every photo of a chunk gets its rows, photos of one size go together."""

import numpy as np
import pytest
from stand_in_archive import ColourReader, text_of, write_photos

from fused_ocr.archive.reading import ArchiveReader
from fused_ocr.errors import ImageFormatError


def source(path):
    return {"photo": str(path), "shard": None, "offset": None, "size": None}


def test_rows_are_in_order_and_batches_of_one_size(tmp_path):
    # Three sizes in turn: 10 photos are 4, 3 and 3 of a size.
    paths = write_photos(tmp_path, 10)
    reader = ColourReader()
    rows = ArchiveReader(reader, batch_size=3).read([source(path) for path in paths])
    assert [row["photo"] for row in rows] == paths
    assert [row["reading"] for row in rows] == [text_of(i) for i in range(10)]
    assert sorted(reader.batches) == [1, 3, 3, 3]
    assert rows[1]["box"] == {"y1": 1.0, "x1": 2.0, "y2": 9.0, "x2": 13.0}
    assert [c["text"] for c in rows[1]["characters"]] == list("007")


def test_photos_that_cannot_be_read_keep_their_rows(tmp_path):
    paths = write_photos(tmp_path, 3)
    (tmp_path / "broken.png").write_bytes(b"no photo")
    (tmp_path / "empty.jpg").touch()
    others = [tmp_path / "gone.png", tmp_path / "broken.png", tmp_path / "empty.jpg"]
    order = [paths[0], others[0], paths[1], others[1], others[2], paths[2]]
    rows = ArchiveReader(ColourReader()).read([source(path) for path in order])
    assert [row["photo"] for row in rows] == list(map(str, order))
    errors = [row.get("error") for row in rows]
    assert [bool(error) for error in errors] == [False, True, False, True, True, False]
    assert "cannot be opened" in errors[1] and "not an image" in errors[3]


def test_readings_below_the_least_score_leave_the_photo_its_row(tmp_path):
    paths = write_photos(tmp_path, 2)
    (row, _) = ArchiveReader(ColourReader(), min_score=0.3).read(
        list(map(source, paths))
    )
    assert row == {"photo": paths[0], "height": 12, "width": 16}


def test_photos_too_large_are_refused(tmp_path):
    paths = write_photos(tmp_path, 2)  # 192 and 140 pixels
    rows = ArchiveReader(ColourReader(), max_pixels=150).read(list(map(source, paths)))
    assert "192 pixels" in rows[0]["error"] and rows[1]["reading"] == "007"


class Failing(ColourReader):
    """Fails on a whole batch for the sake of one photo."""

    def predict(self, photos, **options):
        if any(photo[0, 0, 0] == 21 for photo in photos):
            raise MemoryError("too much")
        found = super().predict(photos, **options)
        if photos[0][0, 0, 0] == 7:
            return [ImageFormatError("no", "image 0") for _ in found]
        return found


def test_a_photo_that_the_model_fails_on_fails_alone(tmp_path):
    paths = write_photos(tmp_path, 7)  # 0, 3 and 6 have the same size
    rows = ArchiveReader(Failing(), batch_size=4).read(list(map(source, paths)))
    assert [row.get("error") for row in rows] == [
        None,
        "no",
        None,
        "MemoryError: too much",
        "no",
        None,
        None,
    ]


@pytest.mark.parametrize("held", [1, 10_000])
def test_few_decoded_photos_wait(tmp_path, monkeypatch, held):
    for module in ("archive.reading", "decoding_ahead"):
        monkeypatch.setattr(f"fused_ocr.{module}.HELD_PIXELS", held)
    paths = write_photos(tmp_path, 20)
    rows = ArchiveReader(ColourReader(), batch_size=5).read(list(map(source, paths)))
    assert [row["reading"] for row in rows] == [text_of(i) for i in range(20)]


def test_the_stand_in_reads_what_is_written(tmp_path):
    assert np.all([text_of(i) == f"{i * 7 % 256:03}" for i in range(99)])
