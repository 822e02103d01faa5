"""What `convert` took over and what not, for people and for programs."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Container
from pathlib import Path
from typing import Any

from .formats.records import LEVELS, NOWHERE, Finding, Level

__all__ = ["ConversionReport"]

_LISTED = 5
"""Findings of one kind that the text names; the dictionary has all."""

_WORDS: dict[Level, str] = {
    "failed": "ERROR, not understood",
    "dropped": "left out",
    "noted": "note",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConversionReport:
    """All that came of a conversion.

    Attributes:
        records: photos that the source has annotations of.
        photos: of them that were taken over.
        negatives: of those without a region.
        boxes_by_class: regions taken over, in the order of the classes.
        texts: of them with a text.
        corners: of them with four corners.
        unreadable: of them that nobody can read.
        findings: all that was not taken over as written, in the source's order.
        written: the files that were written; none if nothing could be converted.
    """

    records: int
    photos: int
    negatives: int
    boxes_by_class: dict[str, int]
    texts: int
    corners: int
    unreadable: int
    findings: tuple[Finding, ...]
    written: tuple[Path, ...]

    @property
    def boxes(self) -> int:
        """Regions taken over."""
        return sum(self.boxes_by_class.values())

    @property
    def failed(self) -> int:
        """How many things were not understood."""
        return sum(finding.level == "failed" for finding in self.findings)

    @property
    def ok(self) -> bool:
        """Whether something was converted, and everything was understood."""
        return bool(self.written) and not self.failed

    def counts(self) -> dict[str, int]:
        """How many findings of each kind there are, the worst kinds first."""
        found = dict.fromkeys(LEVELS, 0)
        for finding in self.findings:
            found[finding.kind] += 1
        return {kind: count for kind, count in found.items() if count}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            **dataclasses.asdict(self),
            "findings": [
                {**dataclasses.asdict(finding), "level": finding.level}
                for finding in self.findings
            ],
            "written": [str(path) for path in self.written],
            "boxes": self.boxes,
            "counts": self.counts(),
            "ok": self.ok,
        }

    def _why_not(self, kinds: Container[str]) -> str:
        if NOWHERE in kinds:
            return "a class that was asked for is nowhere"
        return "no class is known" if self.photos else "nothing could be converted"

    def to_text(self) -> str:
        """The report to read, of several lines."""
        classes = ", ".join(f"{n} {name}" for name, n in self.boxes_by_class.items())
        by_kind: dict[str, list[Finding]] = defaultdict(list)
        for finding in self.findings:
            by_kind[finding.kind].append(finding)
        lines: list[str] = []
        for kind in self.counts():
            same = by_kind[kind]
            lines.append(f"{_WORDS[LEVELS[kind]]}: {kind} ({len(same)})")
            lines += [f"    {one.place}: {one.reason}" for one in same[:_LISTED]]
            if len(same) > _LISTED:
                lines.append(f"    and {len(same) - _LISTED} more (--json has all)")
        lines += [
            f"{self.photos} of {self.records} photos, {self.negatives} of them "
            "without any box",
            f"{self.boxes} boxes{f': {classes}' if classes else ''}",
            f"    {self.texts} with a text, {self.corners} with four corners, "
            f"{self.unreadable} unreadable",
            f"wrote {', '.join(map(str, self.written))}"
            if self.written
            else f"wrote no annotations: {self._why_not(by_kind)}",
        ]
        return "\n".join(lines)
