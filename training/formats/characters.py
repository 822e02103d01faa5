"""Boxes of single characters whose class is the character: kept so, or united."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from .outlines import bounds
from .records import PhotoRecord, Region

__all__ = ["each_character", "united"]


def each_character(
    record: PhotoRecord, say: Callable[[str, str, str], None]
) -> PhotoRecord:
    """The record with its classes as texts, of the class `character`.

    A box holds one character, so class `10` can only be SVHN's 0. Regions whose class
    is no single character are left out, and said.

    Args:
        record: with one region for each character.
        say: takes kind, place and reason of a finding.
    """
    kept: list[Region] = []
    damaged = record.damaged
    for region in record.regions:
        text = "0" if region.label == "10" else region.label
        if len(text) == 1:
            kept.append(dataclasses.replace(region, label="character", text=text))
            continue
        damaged += 1
        say(
            "not a character",
            f"{record.place}, {region.place}",
            f"class {region.label!r} is no single character; its box is left out",
        )
    return dataclasses.replace(record, regions=tuple(kept), damaged=damaged)


def united(record: PhotoRecord, say: Callable[[str, str, str], None]) -> PhotoRecord:
    """The record with all its characters as one region of the class `text`.

    They are read along the direction in which their middles differ more: from left to
    right, or from top to bottom. If one is missing the text would be wrong, so that the
    photo then has none, and is damaged.

    Args:
        record: with one region for each character.
        say: takes kind, place and reason of a finding.
    """
    single = each_character(record, say)
    if single.damaged or not single.regions:
        regions: Sequence[Region] = ()
        return dataclasses.replace(single, regions=regions)
    outlines = [r.points_yx for r in single.regions if r.points_yx is not None]
    if len(outlines) < len(single.regions):  # whole photos have nothing to order by
        return single
    edges = np.array([bounds(points) for points in outlines])
    middles = (edges[:, :2] + edges[:, 2:]) / 2
    axis = int(np.ptp(middles[:, 1]) >= np.ptp(middles[:, 0]))
    order = np.argsort(middles[:, axis], kind="stable")
    region = Region(
        np.array([edges[:, :2].min(0), edges[:, 2:].max(0)]),
        "text",
        "".join(single.regions[i].text for i in order),
        "its characters",
    )
    return dataclasses.replace(single, regions=(region,))
