"""What a reader half sees: what its detector finds likely, and what became of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from fused_ocr.alphabet import Alphabet
from fused_ocr.boxes import box_corners, iou_matrix
from fused_ocr.config import FusionConfig
from fused_ocr.fusion import candidates_flow, describe
from fused_ocr.result import Box, Quad, Reading, Readings

__all__ = ["LEAST", "Candidate", "candidates_of"]

LEAST = 0.02
"""Detector's score from which on something is a candidate."""

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
        setting: the threshold that left it out, if one did: a name of `SelectionConfig`
            or `AssemblyConfig`.
    """

    text: str
    box: Box
    quad: Quad
    detector: float
    recognizer: float
    readable: float
    left_out: str = ""
    setting: str = ""

    @property
    def score(self) -> float:
        """Of all together, as a reading's: 0 without a text."""
        return self.detector * self.recognizer * self.readable if self.text else 0.0

    def as_reading(self) -> Reading:
        """The same, to be drawn."""
        return Reading(self.text, self.score, self.box, quad=self.quad)


def candidates_of(
    model: keras.Model, image: npt.NDArray[np.uint8], read: Readings
) -> list[Candidate]:
    """What may be something in a photo, the likeliest first.

    Args:
        model: from `fuse`.
        image: uint8 (H, W, 3).
        read: what the model reads in it.
    """
    description = describe(model)
    alphabet = Alphabet(description.alphabet)
    found = candidates_flow(model, LEAST)(image[None])
    heads: Any = found["read"]
    if not isinstance(heads, dict):
        heads = {"characters": heads}
    each = {name: np.asarray(head)[0] for name, head in heads.items()}
    boxes, scores = np.asarray(found["boxes"])[0], np.asarray(found["scores"])[0]
    quads = None if found["quads"] is None else np.asarray(found["quads"])[0]
    known = _read_boxes(read)
    candidates = []
    for i in range(int(found["count"][0])):
        text, worst = _spelt(each["characters"][i], alphabet)
        box = tuple(boxes[i].tolist())
        one = Candidate(
            text,
            box,
            box_corners(box) if quads is None else tuple(map(tuple, quads[i].tolist())),
            float(scores[i]),
            worst,
            float(each["readable"][i, 0]) if "readable" in each else 1.0,
        )
        if iou_matrix([box], known).max(initial=0.0) < _SAME:
            setting, reason = _left_out(one, description.fusion)
            one = dataclasses.replace(one, left_out=reason, setting=setting)
        candidates.append(one)
    return candidates


def _read_boxes(read: Readings) -> list[Box]:
    """Of all that has become a text, or a part of one."""
    texts = [one for one in read if one.text]
    return [
        *(one.box for one in texts),
        *(character.box for one in texts for character in one.characters),
    ]


def _spelt(slots: npt.NDArray[np.float32], alphabet: Alphabet) -> tuple[str, float]:
    """The text of (S, A) probabilities, and that of its worst character."""
    best = slots.argmax(-1)
    blanks = np.flatnonzero(best == alphabet.blank)
    length = int(blanks[0]) if len(blanks) else len(best)
    sure = slots.max(-1)[: max(1, length)]
    return "".join(alphabet.characters[c] for c in best[:length]), float(sure.min())


def _left_out(one: Candidate, config: FusionConfig) -> tuple[str, str]:
    """The setting and the reason why something is not among the readings."""
    select, assemble = config.selection, config.assembly
    if one.detector < select.score_threshold:
        return "score_threshold", (
            f"the detector is {one.detector:.0%} sure, and has to be "
            f"{select.score_threshold:.0%}"
        )
    if one.readable < assemble.min_readable:
        return "min_readable", (
            f"readable at {one.readable:.0%}, and has to be {assemble.min_readable:.0%}"
        )
    if not one.text:
        return "", "the recogniser sees no character in it"
    if one.score < assemble.min_score:
        return "min_score", (
            f"{one.score:.0%} sure in all, and has to be {assemble.min_score:.0%}"
        )
    if assemble.min_line_score > one.score:
        return "min_line_score", (
            f"no character of its line is {assemble.min_line_score:.0%} sure"
        )
    return "", "it lies on something that is surer"
