"""Photos of an index by what was read in them: one query of DuckDB's."""

from __future__ import annotations

import dataclasses
from typing import Any

from fused_ocr.archive.index import Index
from fused_ocr.edit_distance import edit_distance
from fused_ocr.errors import ConfigError

__all__ = ["Hit", "find"]

_QUERY = r"""
WITH hits AS (
    SELECT photo, reading, score, box, quad, label, width, height,
           CASE WHEN reading LIKE $pattern ESCAPE '\' THEN 0
                -- DuckDB counts bytes.
                WHEN strlen(reading || $text) = length(reading || $text)
                THEN levenshtein(reading, $text)
                ELSE edit_distance(reading, $text) END AS distance
    FROM parts
    WHERE reading <> '' AND score >= $min_score
      AND (reading LIKE $pattern ESCAPE '\'
           OR ($text IS NOT NULL
               AND abs(length(reading) - length($text)) <= $max_distance)))
SELECT * FROM hits WHERE distance <= $max_distance
QUALIFY row_number() OVER (PARTITION BY photo ORDER BY distance, score DESC) = 1
ORDER BY distance, score DESC, photo
LIMIT $most
"""
"""Each photo once, with its best hit; nearest readings first, then the surest."""


@dataclasses.dataclass(frozen=True)
class Hit:
    """A photo that was found.

    Args:
        photo: its name.
        reading: what is read there.
        score: how sure the reader was, 0..1.
        distance: characters in which it differs from what was looked for.
        label: what the model calls it.
        box: ``(y1, x1, y2, x2)``, pixel edges of the photo.
        quad: four corners ``(y, x)``.
        size_yx: height and width of the photo, pixels.
    """

    photo: str
    reading: str
    score: float
    distance: int
    label: str
    box: tuple[float, float, float, float]
    quad: tuple[tuple[float, float], ...]
    size_yx: tuple[int, int]


def find(
    index: Index,
    text: str | None = None,
    *,
    like: str | None = None,
    max_distance: int = 0,
    min_score: float = 0.0,
    limit: int | None = None,
) -> list[Hit]:
    """Find photos, surest first; of those within `max_distance` exact ones first.

    Args:
        index: from `open_index`.
        text: what is read there.
        like: or what it looks like: `?` is any character, `*` any number of them.
        max_distance: characters that may be wrong, missing or too many against `text`.
        min_score: of the reading, 0..1.
        limit: photos at most.

    Raises:
        ConfigError: there is neither `text` nor `like`, or a distance without `text`.
        ArchiveError: a part of the index is damaged.
        MissingDependencyError: DuckDB is not installed.
    """
    if not text and not like:
        raise ConfigError(
            "Nothing to look for. Give a text, or a pattern: like '12?4'."
        )
    if max_distance < 0 or (max_distance and not text):
        raise ConfigError(
            "max_distance is how far a reading may be from `text`, 0 or more. "
            f"Received: {max_distance} and text {text!r}."
        )
    from fused_ocr.extras import needed

    with needed("An archive", "archive,tf"):
        import duckdb
        import pyarrow  # noqa: F401 - reads the parts

    values = {
        "text": text or None,
        "pattern": None if like is None else _sql_pattern(like),
        "max_distance": max_distance,
        "min_score": min_score,
        "most": limit,
    }
    # DuckDB's own reader would take brackets in a folder's name for a pattern.
    with index.reading(duckdb.Error) as parts, duckdb.connect() as connection:
        connection.register("parts", parts)
        connection.create_function(
            "edit_distance", edit_distance, ["VARCHAR", "VARCHAR"], "INTEGER"
        )
        found = connection.execute(_QUERY, values)
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return [_hit(row) for row in rows]


def _sql_pattern(like: str) -> str:
    r"""The pattern as SQL's LIKE has it.

    >>> _sql_pattern("12?4*_")
    '12_4%\\_'
    """
    turned = {"?": "_", "*": "%", "_": r"\_", "%": r"\%", "\\": r"\\"}
    return "".join(turned.get(character, character) for character in like)


def _hit(row: dict[str, Any]) -> Hit:
    box = row["box"]
    return Hit(
        row["photo"],
        row["reading"],
        row["score"],
        row["distance"],
        row["label"],
        (box["y1"], box["x1"], box["y2"], box["x2"]),
        tuple((corner["y"], corner["x"]) for corner in row["quad"]),
        (row["height"], row["width"]),
    )
