"""A contact sheet of photos that were found, each with the reading drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from fused_ocr.archive.index import Index
from fused_ocr.archive.reading import decode
from fused_ocr.archive.search import Hit
from fused_ocr.contact_sheet import contact_sheet
from fused_ocr.drawing import draw
from fused_ocr.errors import ImageError
from fused_ocr.result import Reading

__all__ = ["sheet_of"]

_SIDE = 448
"""Photos are kept at twice the side of their cell at most, pixels."""


def sheet_of(index: Index, hits: Sequence[Hit]) -> tuple[Image.Image, list[str]]:
    """Open the photos again and draw what was found in them.

    Args:
        index: says where the members of shards lie.
        hits: from `find`.

    Returns:
        The sheet, RGB; and for each photo that could not be opened, why.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    plan = index.plan()
    wanted = plan.filter(
        pc.is_in(plan["photo"], pa.array([h.photo for h in hits], pa.string()))
    )
    sources = {row["photo"]: row for row in wanted.to_pylist()}
    pictures, captions, missing = [], [], []
    for hit in hits:
        try:
            picture = _drawn(sources[hit.photo], hit)
        except ImageError as error:
            missing.append(str(error))
        except Exception as error:  # whatever an object store's client raises
            missing.append(f"{hit.photo}: {type(error).__name__}: {error}")
        else:
            pictures.append(picture)
            name = hit.photo.rsplit("/", 1)[-1]
            captions.append(f"{hit.reading}  {hit.score:.0%}\n{_shown(name)}")
    return contact_sheet(pictures, captions), missing


def _drawn(source: dict[str, object], hit: Hit) -> Image.Image:
    reading = Reading(hit.reading, hit.score, hit.box, hit.label, (), hit.quad)
    picture = draw(decode(source), [reading], characters=False)
    picture.thumbnail((_SIDE, _SIDE))
    return picture


def _shown(name: str) -> str:
    """Without what would break a line of the caption."""
    return "".join(c if c.isprintable() else "?" for c in name)
