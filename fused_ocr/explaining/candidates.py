"""What a reader half sees: what its detector finds likely, and what became of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fused_ocr.alphabet import Alphabet
from fused_ocr.boxes import box_corners, iou_matrix
from fused_ocr.config import FusionConfig
from fused_ocr.result import Box, Character, Quad, Reading, Readings

__all__ = ["Candidate", "candidates_of"]

_SAME = 0.9
"""IoU from which on a candidate is what was read: the same box, computed twice."""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """Something that the detector finds likely: a character, or a region.

    Attributes:
        text: what the recogniser reads in it, perhaps nothing.
        box: ``(y1, x1, y2, x2)``, pixel edges of the photo.
        quad: its corners ``(y, x)``, clockwise from the text's top left.
        detector: how sure the detector is, 0..1.
        recognizer: the probability of the worst character; of the blank, if there is no
            text.
        readable: how likely it can be read, 1 if the recogniser does not say.
        left_out: why the reader leaves it out; empty if it does not.
        settings: the thresholds that it does not reach: names of `SelectionConfig` and
            `AssemblyConfig`.
        reached: what it has of the one that it misses most, as a part.
    """

    text: str
    box: Box
    quad: Quad
    detector: float
    recognizer: float
    readable: float
    left_out: str = ""
    settings: tuple[str, ...] = ()
    reached: float = 1.0

    @property
    def score(self) -> float:
        """Of all together, as a reading's: 0 without a text."""
        return self.detector * self.recognizer * self.readable if self.text else 0.0

    def nearly(self, part: float) -> bool:
        """Whether lower thresholds alone would have it read, and not much lower ones.

        Args:
            part: of what its thresholds ask that it must have.
        """
        return bool(self.text and self.settings) and self.reached >= part

    def as_reading(self) -> Reading:
        """The same, to be drawn."""
        return Reading(self.text, self.score, self.box, quad=self.quad)


def candidates_of(
    found: Mapping[str, npt.NDArray[Any]],
    alphabet: Alphabet,
    config: FusionConfig,
    read: Readings,
) -> list[Candidate]:
    """What may be something in a photo, the likeliest first.

    Args:
        found: see `KerasRuntime.candidates`.
        alphabet: of the recogniser.
        config: of the reader.
        read: what it reads in the photo.
    """
    rows = []
    for i, box in enumerate(map(tuple, found["boxes"].tolist())):
        text, worst = _spelt(found["characters"][i], alphabet)
        quad = tuple(map(tuple, found["quads"][i].tolist())) if "quads" in found else ()
        rows.append(
            Candidate(
                text,
                box,
                quad or box_corners(box),
                float(found["scores"][i]),
                worst,
                float(found["readable"][i, 0]) if "readable" in found else 1.0,
            )
        )
    kept = _read(rows[: config.selection.max_detections], config, read)
    # One slot is a character, and characters alone have lines.
    lines = found["characters"].shape[1] == 1
    return [
        one if i in kept else _left_out(one, i, config, lines=lines)
        for i, one in enumerate(rows)
    ]


def _read(rows: list[Candidate], config: FusionConfig, read: Readings) -> set[int]:
    """Which candidates became a text, or a character of one: the nearest of each."""
    least = config.selection.score_threshold
    boxes = [one.box for one in rows]
    kept = set()
    for reading in read:
        parts: list[Reading | Character] = [reading, *reading.characters]
        for part in parts:
            near = iou_matrix([part.box], boxes)[0]
            own = [
                bool(part.text) and one.text == part.text and one.detector >= least
                for one in rows
            ]
            near = np.where(own, near, 0.0)
            if near.max(initial=0.0) >= _SAME:
                kept.add(int(near.argmax()))
    return kept


def _spelt(slots: npt.NDArray[np.float32], alphabet: Alphabet) -> tuple[str, float]:
    """The text of (S, A) probabilities, and that of its worst character."""
    best = slots.argmax(-1)
    blanks = np.flatnonzero(best == alphabet.blank)
    length = int(blanks[0]) if len(blanks) else len(best)
    sure = slots.max(-1)[: max(1, length)]
    return alphabet.decode(best[:length].tolist()), float(sure.min())


def _left_out(
    one: Candidate, rank: int, config: FusionConfig, *, lines: bool
) -> Candidate:
    """A candidate with the reasons why it is not among the readings."""
    select, assemble = config.selection, config.assembly
    asked = {
        "score_threshold": ("detector", one.detector, select.score_threshold),
        "min_readable": ("readable", one.readable, assemble.min_readable),
        "min_score": ("in all", one.score, assemble.min_score),
    }
    if not one.text:
        del asked["min_score"]
    missed = {name: row for name, row in asked.items() if row[1] < row[2]}
    why = [f"{what} {_less(came, needed)}" for what, came, needed in missed.values()]
    if not one.text:
        why.append("the recogniser sees no character in it")
    elif not missed and rank >= select.max_detections:
        missed["max_detections"] = ("", 0.0, 1.0)
        why = [f"no more than {select.max_detections} are taken, the surest"]
    elif not missed and lines and one.score < assemble.min_line_score:
        missed["min_line_score"] = ("", one.score, assemble.min_line_score)
        why = [f"no character of its line is {assemble.min_line_score:.0%} sure"]
    elif not missed:
        why = ["it lies on something that is surer"]
    return dataclasses.replace(
        one,
        left_out="; ".join(why),
        settings=tuple(missed),
        reached=min((came / needed for _, came, needed in missed.values()), default=1),
    )


def _less(came: float, needed: float) -> str:
    """Two parts of 1, with as many digits as tell them apart."""
    digits = next((n for n in (0, 1, 2) if f"{came:.{n}%}" != f"{needed:.{n}%}"), 3)
    return f"{came:.{digits}%}, needs {needed:.{digits}%}"
