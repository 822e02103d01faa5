"""Whether an artefact reads what the Keras model reads: the check that may say no."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from PIL import Image

from fused_ocr.artefact import Description
from fused_ocr.errors import CheckFailedError, ConfigError
from fused_ocr.lite import LiteRuntime, fit
from fused_ocr.reader import Reader, readings_of
from fused_ocr.result import Reading, Readings
from fused_ocr.runtimes import KerasRuntime, Runtime

from .check_photos import CheckPhoto

__all__ = [
    "BOX_TOLERANCE",
    "ParityReport",
    "check_alike",
    "check_saved_model",
    "compare",
]

BOX_TOLERANCE = 0.5
"""Pixels a box's edge may differ: another order of the same float32 sums."""


_ROUNDED_TOLERANCE = 0.1
"""The same where activations are rounded, in parts of the box's longer side."""

_TOGETHER = 8
"""How many pictures go in one request."""


@dataclasses.dataclass(frozen=True)
class ParityReport:
    """What was compared.

    Attributes:
        photos: how many pictures.
        readings: how many readings the Keras model gave in them.
        empty: how many pictures had none.
        largest_shift: largest difference of a box's edge, pixels.
        misses: one line for each difference.
        differing: names of the pictures that have any.
    """

    photos: int
    readings: int
    empty: int
    largest_shift: float
    misses: tuple[str, ...]
    differing: frozenset[str]

    def require(self, alike: float = 1.0) -> None:
        """Raise `CheckFailedError` if the check missed, or compared nothing.

        Args:
            alike: part of the pictures that must be read alike.
        """
        if len(self.differing) > (1 - alike) * self.photos:
            shown = "\n  ".join(self.misses[:10])
            raise CheckFailedError(
                f"The artefact differs from the Keras model in {len(self.differing)} "
                f"of {self.photos} pictures, so it was not published:\n  {shown}"
            )
        if not self.readings:
            raise CheckFailedError(
                f"The model read nothing in any of the {self.photos} check pictures, "
                "so nothing was compared and nothing published. Give photos that it "
                "reads with --photos, and a frame that is large enough for them."
            )

    def __str__(self) -> str:
        alike = "strings equal"
        if self.differing:
            alike = f"{len(self.differing)} not read alike"
        return (
            f"{self.photos} pictures, {self.readings} readings, {self.empty} without "
            f"any: {alike}, boxes within {self.largest_shift:.3f} px"
        )


def check_saved_model(
    model: keras.Model, folder: Path, photos: Sequence[CheckPhoto]
) -> ParityReport:
    """Compare all signatures of a SavedModel with the model it was made from.

    Each picture goes through `serving_default` alone, and with a few others of other
    sizes through `serving_padded`, and as a PNG file through `serving_bytes`.
    """
    import tensorflow as tf

    keras_reader = Reader(KerasRuntime(model))
    truth = [keras_reader.predict(photo.image) for photo in photos]
    description = keras_reader.description
    loaded = tf.saved_model.load(str(folder))
    signatures = loaded.signatures
    reports = []

    def check(part: slice, signature: str, **inputs: Any) -> None:
        found = {k: v.numpy() for k, v in signatures[signature](**inputs).items()}
        reports.append(_compare_batch(photos[part], truth[part], found, description))

    for i, photo in enumerate(photos):
        images = tf.constant(photo.image[None])
        check(slice(i, i + 1), "serving_default", images=images)
    for start in range(0, len(photos), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        sizes = np.array([p.image.shape[:2] for p in photos[part]], np.int32)
        padded = np.zeros((len(sizes), *sizes.max(0), 3), np.uint8)
        for place, photo in zip(padded, photos[part], strict=True):
            place[: photo.image.shape[0], : photo.image.shape[1]] = photo.image
        check(
            part,
            "serving_padded",
            images=tf.constant(padded),
            sizes=tf.constant(sizes),
        )
        files = [_png(photo.image) for photo in photos[part]]
        check(part, "serving_bytes", image_bytes=tf.constant(files))
    whole = compare(photos, truth, truth)
    return dataclasses.replace(
        whole,
        largest_shift=max(report.largest_shift for report in reports),
        misses=tuple(miss for report in reports for miss in report.misses),
        differing=frozenset().union(*(report.differing for report in reports)),
    )


def check_alike(
    first: Runtime,
    second: Runtime,
    photos: Sequence[CheckPhoto],
    *,
    rounded: bool = False,
) -> ParityReport:
    """Compare what two artefacts read in the same pictures, whatever runs them.

    Args:
        first: the truth.
        second: what should read the same.
        photos: fitted into the frame first, if one of them takes frames of one size.
        rounded: see `compare`.

    Raises:
        ConfigError: both take frames of one size, and not of the same.
    """
    frames = {r.frame_yx for r in (first, second) if isinstance(r, LiteRuntime)}
    if len(frames) > 1:
        raise ConfigError(
            f"Both files take frames of their own size: {sorted(frames)}. Export them "
            "for the same --input-size."
        )
    for frame_yx in frames:
        photos = [CheckPhoto(one.name, fit(one.image, frame_yx)[0]) for one in photos]
    truth, found = (
        [reader.predict(photo.image) for photo in photos]
        for reader in map(Reader, (first, second))
    )
    return compare(photos, truth, found, rounded=rounded)


def _compare_batch(
    photos: Sequence[CheckPhoto],
    truth: Sequence[Readings],
    found: dict[str, npt.NDArray[Any]],
    description: Description,
) -> ParityReport:
    """Compare the outputs of one request: codes and boxes, and the strings."""
    readings = [
        readings_of(found, row, description, photo.image)
        for row, photo in enumerate(photos)
    ]
    report = compare(photos, truth, readings)
    wrong, differing = [], set(report.differing)
    for row, (photo, one) in enumerate(zip(photos, truth, strict=True)):
        texts = [t.decode() for t in found["text"][row][: found["count"][row]]]
        if texts != one.texts:
            wrong.append(f"{photo.name}: text {texts} for {one.texts}")
            differing.add(photo.name)
    return dataclasses.replace(
        report, misses=(*report.misses, *wrong), differing=frozenset(differing)
    )


def compare(
    photos: Sequence[CheckPhoto],
    truth: Sequence[Readings],
    found: Sequence[Readings],
    tolerance: float = BOX_TOLERANCE,
    *,
    rounded: bool = False,
) -> ParityReport:
    """Compare readings, photo by photo.

    All strings and labels must be equal, boxes and corners to `tolerance` pixels.
    Where activations are `rounded`, regions without a text do not count, nor do
    labels, and boxes may be off by a tenth of their longer side.
    """
    misses: list[str] = []
    differing = set()
    largest = 0.0
    for photo, one, other in zip(photos, truth, found, strict=True):
        wrong, shift = (
            _rounded_differences(one, other)
            if rounded
            else _differences(one, other, tolerance)
        )
        largest = max(largest, shift)
        misses += [f"{photo.name}: {what}" for what in wrong]
        if wrong:
            differing.add(photo.name)
    return ParityReport(
        photos=len(photos),
        readings=sum(len(one) for one in truth),
        empty=sum(not one for one in truth),
        largest_shift=largest,
        misses=tuple(misses),
        differing=frozenset(differing),
    )


def _differences(
    one: Readings, other: Readings, tolerance: float
) -> tuple[list[str], float]:
    """What differs in a photo; how far boxes are off, where the strings are equal."""
    if one.texts != other.texts:
        return [f"{other.texts} for {one.texts}"], 0.0
    wrong = [
        f"{_kind(b)} for {_kind(a)}"
        for a, b in zip(one, other, strict=True)
        if _kind(a) != _kind(b)
    ]
    shift = _shifts(one, other).max(initial=0.0)
    if not shift <= tolerance:
        wrong.append(f"a box is off by {shift:.2f} pixels")
    return wrong, float(shift)


def _rounded_differences(one: Readings, other: Readings) -> tuple[list[str], float]:
    """The same where activations are rounded."""
    one, other = (
        Readings((reading for reading in photo if reading.text), photo.size_yx)
        for photo in (one, other)
    )
    if one.texts != other.texts:
        return [f"{other.texts} for {one.texts}"], 0.0
    shifts, boxes = _shifts(one, other), one.boxes
    sides = (boxes[:, 2:] - boxes[:, :2]).max(-1)
    wrong = [
        f"the box of {reading.text!r} is off by {shift:.0f} of {side:.0f} pixels"
        for reading, shift, side in zip(one, shifts, sides, strict=True)
        if not shift <= _ROUNDED_TOLERANCE * side
    ]
    return wrong, float(shifts.max(initial=0.0))


def _kind(reading: Reading) -> str:
    """What is said of a reading besides its text and place."""
    readable = "" if reading.readable else ", not readable"
    doubtful = ", doubtful" if reading.doubtful else ""
    return f"{reading.text!r}, {reading.label}{readable}{doubtful}"


def _shifts(one: Readings, other: Readings) -> npt.NDArray[np.float32]:
    """How far each reading's edges and corners are off at most, pixels."""
    edges = np.abs(one.boxes - other.boxes).reshape(-1, 4)
    corners = np.abs(_corners(one) - _corners(other)).reshape(-1, 8)
    return np.asarray(np.concatenate([edges, corners], -1).max(-1))


def _corners(readings: Readings) -> npt.NDArray[np.float32]:
    """Corners of all readings, float32 (n, 4, 2)."""
    return np.array([one.quad for one in readings], np.float32).reshape(-1, 4, 2)


def _png(image: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
