"""What is read in a photo, as rows of the index.

A row is a reading. A photo in which nothing is read has one row without a reading, and
a photo that cannot be read one with its error, so that no photo is ever missing.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fused_ocr.result import Readings

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["error_row", "part_of", "reading_rows", "row_schema"]


def row_schema() -> pa.Schema:
    """Columns of the index.

    ``photo``; ``place`` of the reading among the photo's, from 0; ``reading``, empty
    for a region that nobody can read; ``score``, 0..1; ``box``, pixel edges of the
    photo; ``label``; ``characters``; ``quad``, corners; ``readable`` and ``doubtful``,
    see `Reading`; ``height`` and ``width`` of the photo, pixels; ``error``.
    """
    import pyarrow as pa

    box = pa.struct([(edge, pa.float32()) for edge in ("y1", "x1", "y2", "x2")])
    character = [("text", pa.string()), ("score", pa.float32()), ("box", box)]
    corner = pa.struct([("y", pa.float32()), ("x", pa.float32())])
    return pa.schema(
        [
            ("photo", pa.string()),
            ("place", pa.int32()),
            ("reading", pa.string()),
            ("score", pa.float32()),
            ("box", box),
            ("label", pa.string()),
            ("characters", pa.list_(pa.struct(character))),
            ("quad", pa.list_(corner)),
            ("readable", pa.bool_()),
            ("doubtful", pa.bool_()),
            ("height", pa.int32()),
            ("width", pa.int32()),
            ("error", pa.string()),
        ]
    )


def reading_rows(photo: str, readings: Readings) -> list[dict[str, Any]]:
    """The rows of a photo that was read: at least one.

    >>> reading_rows("/a.jpg", Readings([], (30, 40)))
    [{'photo': '/a.jpg', 'height': 30, 'width': 40}]
    """
    height, width = readings.size_yx
    of_photo = {"photo": photo, "height": height, "width": width}
    rows = [
        {
            **of_photo,
            "place": place,
            "reading": one.text,
            "score": one.score,
            "box": _box(one.box),
            "label": one.label,
            "characters": [
                {"text": c.text, "score": c.score, "box": _box(c.box)}
                for c in one.characters
            ],
            "quad": [{"y": y, "x": x} for y, x in one.quad],
            "readable": one.readable,
            "doubtful": one.doubtful,
        }
        for place, one in enumerate(readings)
    ]
    return rows or [of_photo]


def error_row(photo: str, reason: str) -> dict[str, Any]:
    """The row of a photo that could not be read."""
    return {"photo": photo, "error": reason}


def part_of(rows: Iterable[dict[str, Any]]) -> bytes:
    """Rows as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(list(rows), row_schema())
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _box(box: tuple[float, float, float, float]) -> dict[str, float]:
    return dict(zip(("y1", "x1", "y2", "x2"), box, strict=True))
