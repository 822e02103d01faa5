"""What `check_data` found, for people and for programs."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from fused_ocr.boxes import Boxes
from fused_ocr.config import AnchorConfig

__all__ = ["Coverage", "DataReport", "Problem", "percentiles"]

_PERCENTS = (0, 5, 25, 50, 75, 95, 100)
_LISTED = 20
"""Problems of one kind that the text names; the dictionary has all."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something wrong with a row of the file, a photo or one of its boxes.

    Attributes:
        path: of the photo; None of a row, whose place the reason tells.
        kind: `row`, `missing`, `unreadable`, `no class`, `outside`, `partly outside`,
            `mirrored`, `tiny`, `duplicate box` or `duplicate photo`.
        reason: what exactly.
        error: whether training must not start; a warning if not.
    """

    path: Path | None
    kind: str
    reason: str
    error: bool = False

    def __str__(self) -> str:
        """On one line."""
        return self.reason if self.path is None else f"{self.path}: {self.reason}"


@dataclasses.dataclass(frozen=True)
class Coverage:
    """How many boxes the anchors reach, and what those are like that they do not.

    Attributes:
        boxes: how many there are.
        at_50: boxes whose best anchor has an IoU of at least 0.5.
        at_40: likewise 0.4.
        mean_iou: with the best anchor, over all boxes.
        uncovered_heights: smallest and largest height below 0.5, pixels of the frame;
            None if there is no such box.
        uncovered_widths: likewise.
        uncovered_ratios: likewise height / width.
    """

    boxes: int
    at_50: int
    at_40: int
    mean_iou: float
    uncovered_heights: tuple[float, float] | None
    uncovered_widths: tuple[float, float] | None
    uncovered_ratios: tuple[float, float] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataReport:
    """All that `check_data` found.

    Attributes:
        photos: how many there are.
        negatives: of them without a box.
        boxes_by_class: boxes of each class, in the order of the indices.
        problems: in the order of the photos.
        sizes_in_photo: percentiles of `height` and `width`, pixels of the photo.
        sizes_in_frame: likewise, pixels of the detector's frame.
        coverage: of the readable photos' boxes by `anchors`.
        anchors: that were checked.
        suggestion: anchors to use; equal to `anchors` if nothing better was found.
        suggested_coverage: by `suggestion`.
        notes: what else to know.
    """

    photos: int
    negatives: int
    boxes_by_class: dict[str, int]
    problems: tuple[Problem, ...]
    sizes_in_photo: dict[str, dict[str, float]]
    sizes_in_frame: dict[str, dict[str, float]]
    coverage: Coverage
    anchors: AnchorConfig
    suggestion: AnchorConfig
    suggested_coverage: Coverage
    notes: tuple[str, ...] = ()

    @property
    def boxes(self) -> int:
        """How many boxes have a known class."""
        return sum(self.boxes_by_class.values())

    @property
    def ok(self) -> bool:
        """Whether there is something to train on, and no error."""
        return self.photos > 0 and not any(problem.error for problem in self.problems)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            **dataclasses.asdict(self),
            "problems": [
                {
                    **dataclasses.asdict(problem),
                    "path": problem.path and str(problem.path),
                }
                for problem in self.problems
            ],
            "anchors": self.anchors.to_dict(),
            "suggestion": self.suggestion.to_dict(),
            "notes": list(self.notes),
            "boxes": self.boxes,
            "ok": self.ok,
        }

    def to_text(self) -> str:
        """The report to read, of several lines."""
        lines = [
            f"{self.photos} photos, {self.negatives} of them negatives",
            f"{self.boxes} boxes: "
            + ", ".join(f"{n} {name}" for name, n in self.boxes_by_class.items()),
            *self._problem_lines(),
            *_size_lines("in the photo", self.sizes_in_photo),
            *_size_lines("in the detector's frame", self.sizes_in_frame),
            *self._anchor_lines(),
            *(f"Note: {note}" for note in self.notes),
        ]
        why = "see the errors" if self.photos else "there are no photos"
        return "\n".join([*lines, "OK" if self.ok else f"NOT OK: {why}"])

    def _problem_lines(self) -> list[str]:
        lines: list[str] = []
        by_kind = defaultdict(list)
        for problem in self.problems:
            by_kind[not problem.error, problem.kind].append(problem)
        for (warning, kind), same in sorted(by_kind.items()):
            lines.append(f"{'warning' if warning else 'ERROR'}: {kind} ({len(same)})")
            lines += [f"    {problem}" for problem in same[:_LISTED]]
            if len(same) > _LISTED:
                lines.append(f"    and {len(same) - _LISTED} more")
        return lines

    def _anchor_lines(self) -> list[str]:
        now, then = self.coverage, self.suggested_coverage
        if not now.boxes:
            return ["Anchors: no boxes to cover"]
        lines = [f"Anchors cover {_shares(now)}"]
        if now.uncovered_heights and now.uncovered_widths and now.uncovered_ratios:
            ranges = (now.uncovered_heights, now.uncovered_widths, now.uncovered_ratios)
            tall, wide, ratio = (f"{low:g} to {high:g}" for low, high in ranges)
            lines.append(
                f"    uncovered: {now.boxes - now.at_50} boxes, {tall} px high, {wide} "
                f"px wide in the frame, height / width {ratio}"
            )
        if self.suggestion == self.anchors:
            return [*lines, "    no better anchors were found"]
        fewer = self.suggestion.count < self.anchors.count
        word = "Fewer" if fewer and then.at_50 <= now.at_50 else "Better"
        lines.append(f"{word} anchors cover {_shares(then)}; their AnchorConfig:")
        return [*lines, self.suggestion.to_json()]


def percentiles(boxes_yxyx: Boxes) -> dict[str, dict[str, float]]:
    """Percentiles of height and width: ``{"height": {"p0": ..., ...}, "width": ...}``.

    Args:
        boxes_yxyx: float32 (n, 4).

    Returns:
        Keys `p0`, `p5`, `p25`, `p50`, `p75`, `p95`, `p100`; none without boxes.
    """
    sides = boxes_yxyx[:, 2:] - boxes_yxyx[:, :2]
    return {
        name: {
            f"p{percent}": round(float(np.percentile(sides[:, axis], percent)), 2)
            for percent in (_PERCENTS if len(sides) else ())
        }
        for axis, name in enumerate(("height", "width"))
    }


def _shares(coverage: Coverage) -> str:
    n = coverage.boxes
    return (
        f"{coverage.at_50} of {n} boxes ({coverage.at_50 / n:.1%}) with IoU 0.5, "
        f"{coverage.at_40} ({coverage.at_40 / n:.1%}) with 0.4, mean IoU "
        f"{coverage.mean_iou:.2f}"
    )


def _size_lines(where: str, sizes: dict[str, dict[str, float]]) -> list[str]:
    return [
        f"{name} {where}, px: " + ", ".join(f"{k} {v:g}" for k, v in values.items())
        for name, values in sizes.items()
        if values
    ]
