"""Why a photo is read as it is, as values, as text and as a picture."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image

from fused_ocr.alphabet import Alphabet
from fused_ocr.artefact import Description
from fused_ocr.drawing import draw
from fused_ocr.explaining.candidates import Candidate, candidates_of
from fused_ocr.explaining.places import of_one_place
from fused_ocr.explaining.views import looks_at
from fused_ocr.files import one_line
from fused_ocr.result import Reading, Readings

__all__ = ["Explanation", "Trial", "explain"]

_SURER = 0.1
"""By so much another look has to be surer than the photo as it is to be advised."""

_NEARLY_BEST = 0.7
"""What gains less than this part of what the best look gains is not advised."""

_NEARLY = 0.5
"""What has so much of all that a threshold asks is worth a lower threshold."""

_FLAT = 24
"""Grey values from darkest to brightest, below which nothing is there to see."""

_SHOWN = 8
"""Candidates and readings of a trial that the text names."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """What another look at the photo reads, that the photo as it is did not give.

    Attributes:
        name: how it was looked at.
        advice: what to do, if that is right.
        readings: in the photo's own pixels, the surest first. Corners of what was read
            in a mirror run the other way round.
        gain: how much surer the best of them is than what is read in its place, or,
            where nothing is, than anything else in the photo. Of a look at the whole
            photo that no longer finds one of its texts at most by how much the surest
            there is surer than the surest here.
    """

    name: str
    advice: str
    readings: tuple[Reading, ...]
    gain: float


@dataclasses.dataclass(frozen=True)
class Explanation:
    """Why a photo is read as it is.

    Attributes:
        readings: what is read.
        seen: how many of its own pixels the detector has for one of the photo.
        greys: the photo's darkest and brightest grey value, 0..255, of 2x2 pixels each.
        candidates: what the detector finds likely, the likeliest first, and what became
            of it; None of an exported model, which keeps that to itself.
        trials: the other looks that read something else.
    """

    readings: Readings
    seen: float
    greys: tuple[int, int]
    candidates: tuple[Candidate, ...] | None
    trials: tuple[Trial, ...]
    _image: npt.NDArray[np.uint8] = dataclasses.field(compare=False, repr=False)

    @property
    def advice(self) -> list[str]:
        """What may help, the likeliest first; nothing if the photo is read well."""
        better = sorted(self.trials, key=lambda one: -one.gain)
        least = max(_SURER, _NEARLY_BEST * better[0].gain) if better else _SURER
        found = dict.fromkeys(one.advice for one in better if one.gain > least)
        if found or self.readings.text.strip():
            return list(found)[:2]
        darkest, brightest = self.greys
        if brightest - darkest < _FLAT:
            return [
                "Hardly anything is there to see: all of it is of a grey of "
                f"{darkest} to {brightest}, of 255. Check the exposure, and the file."
            ]
        lost = [one for one in self.candidates or () if one.nearly(_NEARLY)]
        if lost:
            return [_lower(max(lost, key=lambda one: one.score))]
        if self.readings:
            return [
                "Something is found, and its characters cannot be told: it is too "
                "small, blurred, dark or covered. Come nearer, or take a sharper photo."
            ]
        return [
            "Nothing here looks to this model like what it was trained to find. Try "
            "another model, or train it with photos like this one."
        ]

    @property
    def _left_out(self) -> list[Candidate]:
        """The candidates that are no readings, the likeliest text first."""
        rest = [one for one in self.candidates or () if one.left_out]
        return sorted(rest, key=lambda one: -one.score)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings, numbers: ready for JSON."""
        values = {
            **self.readings.to_dict(),
            "seen": self.seen,
            "greys": self.greys,
            "candidates": self.candidates
            and [{**dataclasses.asdict(c), "score": c.score} for c in self.candidates],
            "trials": list(map(dataclasses.asdict, self.trials)),
            "advice": self.advice,
        }
        return cast(dict[str, Any], json.loads(json.dumps(values)))  # tuples to lists

    def draw(self) -> Image.Image:
        """The photo with its readings, RGB; in blue the texts that were left out."""
        others = [
            one.as_reading()
            for one in self._left_out
            # What was found, and is unreadable, is among the readings.
            if one.text
            and not {"min_readable"} <= {*one.settings} <= {"min_readable", "min_score"}
        ]
        return draw(self._image, self.readings, others=others[:_SHOWN])

    def __str__(self) -> str:
        height, width = self.readings.size_yx
        name = one_line(self.readings.source or "photo")
        lines = [
            f"{name}: {width} x {height} pixels, shown to the detector "
            f"{self.seen:.2f} times as large"
        ]
        lines += _listed("read", list(map(_told, self.readings)), "nothing")
        if self.candidates is not None:
            rest = self._left_out
            told = [_became(one) for one in rest if one.text or not one.settings]
            lines += _listed("left out", told, "nothing that may be a text")
        for trial in self.trials:
            lines += _listed(trial.name, list(map(_told, trial.readings)), "")
        lines += _listed("advice", self.advice, "none")
        return "\n".join(lines)


def explain(
    image: npt.NDArray[np.uint8],
    name: str | None,
    predict: Callable[[Any], Readings],
    description: Description,
    scale: Callable[[int, int], float],
    candidates: Callable[[Any], dict[str, Any]] | None = None,
) -> Explanation:
    """Look at a photo in many ways.

    Args:
        image: uint8 (H, W, 3).
        name: what the photo is called.
        predict: reads one photo.
        description: of the model.
        scale: see `looks_at`.
        candidates: see `KerasRuntime.candidates`, if there is one.
    """
    found = predict(image)
    read = Readings(found, found.size_yx, name, image)
    rows = None
    if candidates is not None:
        alphabet = Alphabet(description.alphabet)
        rows = tuple(
            candidates_of(candidates(image), alphabet, description.fusion, read)
        )
    texts = [one for one in read if one.text]
    trials = []
    for look in looks_at(image, scale):
        seen_there = look.read(predict, read.size_yx)
        gains = {
            one: gain for one in seen_there if (gain := _gain(one, texts)) is not None
        }
        if gains:
            best = max(gains.values())
            if look.whole and not all(of_one_place(one, seen_there) for one in texts):
                best = min(best, seen_there[0].score - _surest(texts))
            trials.append(Trial(look.name, look.advice, tuple(gains), best))
    greys = Image.fromarray(image).convert("L").reduce(2).getextrema()
    seen = scale(*image.shape[:2])
    return Explanation(
        read, seen, cast(tuple[int, int], greys), rows, tuple(trials), image
    )


def _gain(one: Reading, texts: list[Reading]) -> float | None:
    """How much surer a reading is than what is read in its place, or anywhere.

    None if it is no news: the same text, a part of a longer one, or less sure.
    """
    there = of_one_place(one, texts)
    gain = one.score - _surest(there or texts)
    if not there:
        return gain
    longest = max(len(other.text) for other in there)
    known = one.text in [other.text for other in there]
    return None if known or len(one.text) < longest or gain <= 0 else gain


def _surest(readings: list[Reading]) -> float:
    return max((one.score for one in readings), default=0.0)


def _lower(one: Candidate) -> str:
    """The thresholds with which a candidate would be read."""
    values = {
        "score_threshold": one.detector,
        "min_readable": one.readable,
        "min_score": one.score,
        "min_line_score": one.score,
    }
    options = " ".join(
        f"--{name.replace('_', '-')} {math.floor(1000 * values[name]) / 1000:g}"
        for name in one.settings
    )
    return (
        f"{one.text!r} would be read by a model fused with {options}, which would take "
        "more for something that is nothing."
    )


def _told(reading: Reading) -> str:
    text = repr(reading.text) if reading.readable else "(unreadable)"
    return f"{text} {reading.score:.0%} {_place(reading.box)}"


def _became(one: Candidate) -> str:
    text = repr(one.text) if one.text else "no text"
    return f"{text} {_place(one.box)}: {one.left_out}"


def _place(box_yxyx: tuple[float, ...]) -> str:
    y1, x1, y2, x2 = box_yxyx
    return f"at y {y1:.0f}-{y2:.0f}, x {x1:.0f}-{x2:.0f}"


def _listed(title: str, lines: list[str], empty: str) -> list[str]:
    if not lines:
        return [f"  {title}: {empty}"]
    more = len(lines) - _SHOWN
    rest = [f"    and {more} more"] if more > 0 else []
    return [f"  {title}:", *(f"    {line}" for line in lines[:_SHOWN]), *rest]
