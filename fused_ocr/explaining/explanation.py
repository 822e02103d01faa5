"""Why a photo is read as it is, as values, as text and as a picture."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from fused_ocr.boxes import iou_matrix
from fused_ocr.drawing import draw
from fused_ocr.explaining.views import looks_at
from fused_ocr.result import Reading, Readings

if TYPE_CHECKING:
    from fused_ocr.explaining.candidates import Candidate

__all__ = ["Explanation", "Trial", "explain"]

_SURER = 0.05
"""By so much another look has to be surer than the photo as it is to be advised."""

_FLAT = 6.0
"""Standard deviation of the brightness below which hardly anything is there to see."""

_SAME = 0.3
"""IoU from which on two readings are of one place."""

_SHOWN = 8
"""Candidates and readings of a trial that the text names."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """What another look at the photo reads, that the photo as it is did not give.

    Attributes:
        name: how it was looked at.
        advice: what to do, if that is right.
        readings: in the photo's own pixels, the surest first, without characters.
    """

    name: str
    advice: str
    readings: tuple[Reading, ...]

    @property
    def score(self) -> float:
        """Of the surest reading."""
        return self.readings[0].score


@dataclasses.dataclass(frozen=True)
class Explanation:
    """Why a photo is read as it is.

    Attributes:
        readings: what is read.
        seen: how many of its own pixels the detector has for one of the photo.
        brightness: mean and standard deviation of the photo's grey values, 0..255.
        candidates: what the detector finds likely, the likeliest first, and what became
            of it; None of an exported model, which keeps that to itself.
        trials: the other looks that read something else.
    """

    readings: Readings
    seen: float
    brightness: tuple[float, float]
    candidates: tuple[Candidate, ...] | None
    trials: tuple[Trial, ...]
    _image: npt.NDArray[np.uint8] = dataclasses.field(compare=False, repr=False)

    @property
    def advice(self) -> list[str]:
        """What may help, the likeliest first."""
        texts = [one for one in self.readings if one.text]
        surest = max((one.score for one in texts), default=0.0)
        better = [one for one in self.trials if one.score > surest + _SURER]
        better.sort(key=lambda one: -one.score)
        found = [one.advice for one in better[:2]]
        mean, deviation = self.brightness
        if not texts and deviation < _FLAT:
            found.append(
                f"Hardly anything is there to see: grey values {mean:.0f} on average, "
                f"and {deviation:.1f} from it. Check the exposure, and the file."
            )
        if found or texts:
            return list(dict.fromkeys(found))
        lost = [one for one in self.candidates or () if one.text and one.setting]
        lost.sort(key=lambda one: -one.score)
        found += [
            f"What {one.setting} left out is read by a model fused with a lower "
            f"--{one.setting.replace('_', '-')}, which takes more for something that "
            "is nothing."
            for one in lost
        ]
        return list(dict.fromkeys(found)) or [
            "Nothing here looks to this model like what it was trained to find. Try "
            "another model, or train it with photos like this one."
        ]

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings, numbers: ready for JSON."""
        values = {
            **self.readings.to_dict(),
            "seen": self.seen,
            "brightness": self.brightness,
            "candidates": self.candidates
            and [{**dataclasses.asdict(c), "score": c.score} for c in self.candidates],
            "trials": list(map(dataclasses.asdict, self.trials)),
            "advice": self.advice,
        }
        return cast(dict[str, Any], json.loads(json.dumps(values)))  # tuples to lists

    def draw(self) -> Image.Image:
        """The photo with its readings, and in blue what was left out, RGB."""
        left_out = [c.as_reading() for c in self.candidates or () if c.left_out]
        return draw(self._image, self.readings, others=left_out[:_SHOWN])

    def __str__(self) -> str:
        height, width = self.readings.size_yx
        lines = [
            f"{self.readings.source or 'photo'}: {width} x {height} pixels, shown to "
            f"the detector {self.seen:.2f} times as large"
        ]
        lines += _listed("read", list(map(_told, self.readings)), "nothing")
        if self.candidates is not None:
            rest = [one for one in self.candidates if one.left_out]
            told = [_became(one) for one in rest if one.text or not one.setting]
            lines += _listed("left out", told, "nothing that may be a text")
        for trial in self.trials:
            lines += _listed(trial.name, list(map(_told, trial.readings)), "")
        lines += _listed("advice", self.advice, "none")
        return "\n".join(lines)


def explain(
    image: npt.NDArray[np.uint8],
    name: str | None,
    predict: Callable[[Any], Readings],
    scale: Callable[[int, int], float],
    model: Any = None,
) -> Explanation:
    """Look at a photo in many ways.

    Args:
        image: uint8 (H, W, 3).
        name: what the photo is called.
        predict: reads one photo.
        scale: see `looks_at`.
        model: from `fuse`, if there is one, for its candidates.
    """
    read = predict(image)
    read = Readings(read, read.size_yx, name, image)
    candidates = None
    if model is not None:
        from fused_ocr.explaining.candidates import candidates_of  # needs TensorFlow

        candidates = tuple(candidates_of(model, image, read))
    trials = []
    for look in looks_at(image, scale):
        new = [one for one in look.read(predict) if _is_news(one, read)]
        if new:
            trials.append(Trial(look.name, look.advice, tuple(new)))
    grey = image.mean(-1)
    light = (float(grey.mean()), float(grey.std()))
    seen = scale(*image.shape[:2])
    return Explanation(read, seen, light, candidates, tuple(trials), image)


def _is_news(one: Reading, read: Readings) -> bool:
    """Whether something is another text, and no worse reading of the same place."""
    surer = [other.box for other in read if other.score >= one.score]
    beside = iou_matrix([one.box], surer).max(initial=0.0) < _SAME
    return one.text not in read.texts and bool(beside)


def _told(reading: Reading) -> str:
    text = repr(reading.text) if reading.readable else "(unreadable)"
    return f"{text} {reading.score:.0%} {_place(reading.box)}"


def _became(one: Candidate) -> str:
    if not one.text:
        return f"no text {_place(one.box)}: {one.left_out}"
    parts = f"detector {one.detector:.0%}, characters {one.recognizer:.0%}"
    return f"{one.text!r} {_place(one.box)} ({parts}): {one.left_out}"


def _place(box_yxyx: tuple[float, ...]) -> str:
    y1, x1, y2, x2 = box_yxyx
    return f"at y {y1:.0f}-{y2:.0f}, x {x1:.0f}-{x2:.0f}"


def _listed(title: str, lines: list[str], empty: str) -> list[str]:
    if not lines:
        return [f"  {title}: {empty}"]
    more = len(lines) - _SHOWN
    rest = [f"    and {more} more"] if more > 0 else []
    return [f"  {title}:", *(f"    {line}" for line in lines[:_SHOWN]), *rest]
