"""What a photo says: `Readings`, each with its text, its score and its place.

All are frozen values, equal when their contents are. Boxes are ``(y1, x1, y2, x2)``
pixel edges of the photo, scores are in 0..1.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import itertools
import json
import math
import operator
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, cast, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from fused_ocr.boxes import box_corners
from fused_ocr.errors import ConfigError
from fused_ocr.spelling import compiled, likeliest

__all__ = ["Character", "Reading", "Readings"]

Box: TypeAlias = tuple[float, float, float, float]
Quad: TypeAlias = tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True)
class Character:
    """One character of a reading.

    Args:
        text: the character.
        score: how sure the recogniser is of it, 0..1.
        box: ``(y1, x1, y2, x2)``, pixel edges of the photo.
        alternatives: the next-best characters with their scores, best first.
    """

    text: str
    score: float
    box: Box
    alternatives: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        _settle(self)
        pairs = tuple((text, float(score)) for text, score in self.alternatives)
        object.__setattr__(self, "alternatives", pairs)

    @property
    def options(self) -> tuple[tuple[str, float], ...]:
        """What it may be, with its scores: what it is read as, then the others."""
        return ((self.text, self.score), *self.alternatives)

    def as_option(self, index: int) -> Character:
        """The same as another of its `options`, the rest beside it, best first."""
        text, score = self.options[index]
        rest = [pair for i, pair in enumerate(self.options) if i != index]
        rest.sort(key=lambda pair: -pair[1])
        return dataclasses.replace(
            self, text=text, score=score, alternatives=tuple(rest)
        )


@dataclasses.dataclass(frozen=True)
class Reading:
    """One text in the photo.

    Args:
        text: what is read.
        score: how sure the reader is of the whole text, 0..1.
        box: ``(y1, x1, y2, x2)``, pixel edges of the photo.
        label: what the model calls it: one of its labels.
        characters: the characters of the text, in order, where they are known.
        quad: its four corners ``(y, x)``, clockwise from the text's top left, pixels of
            the photo; those of the box where the model knows no others. They may lie
            outside the photo.
        readable: whether a person could read it; False has no text.
        doubtful: whether its characters are not as many as the model thinks there are,
            where it counts them apart.

    >>> Reading("407", 0.98, (12, 30, 40, 99), "number").box
    (12.0, 30.0, 40.0, 99.0)
    """

    text: str
    score: float
    box: Box
    label: str = ""
    characters: tuple[Character, ...] = ()
    quad: Quad = ()
    readable: bool = True
    doubtful: bool = False

    def __post_init__(self) -> None:
        _settle(self)
        object.__setattr__(self, "characters", tuple(self.characters))
        object.__setattr__(self, "quad", _corners(self.quad, self.box))
        object.__setattr__(self, "readable", bool(self.readable))
        object.__setattr__(self, "doubtful", bool(self.doubtful))

    def respelt(self, pattern: str | re.Pattern[str]) -> Reading | None:
        """The likeliest spelling that has a known format.

        Of every character the next-best ones are known (`Character.alternatives`), and
        where the format of a plate wants a letter, an 8 may be a B. How many characters
        there are stays.

        Args:
            pattern: a regular expression that the whole text must match.

        Returns:
            The reading itself if it matches; another with the likeliest text that does,
            its score as much lower as that is less likely; None if none of the 10,000
            likeliest does.

        Raises:
            ConfigError: no regular expression.

        >>> eight = Character("8", 0.6, (0, 0, 9, 5), (("B", 0.3), ("S", 0.1)))
        >>> seven = Character("7", 0.9, (0, 5, 9, 9))
        >>> one = Reading("87", 0.5, (0, 0, 9, 9), characters=(eight, seven))
        >>> found = one.respelt("[A-Z][0-9]")
        >>> found.text, found.score
        ('B7', 0.25)
        """
        expression = compiled(pattern)
        if expression.fullmatch(self.text):
            return self
        options = [character.options for character in self.characters]
        found = likeliest(options, expression) if options else None
        if found is None:
            return None
        choice, part = found
        characters = tuple(
            character.as_option(i)
            for character, i in zip(self.characters, choice, strict=True)
        )
        return dataclasses.replace(
            self,
            text="".join(character.text for character in characters),
            score=min(1.0, self.score * part),
            characters=characters,
        )


@dataclasses.dataclass(frozen=True, init=False, repr=False)
class Readings(Sequence[Reading]):
    """All readings of one photo, in reading order.

    Args:
        readings: the readings, in reading order.
        size_yx: height and width of the photo, pixels.
        source: the path or the name of the photo, where it has one.
        image: the photo, uint8 (H, W, 3), to draw on; no part of equality or JSON.

    >>> Readings([Reading("407", 0.98, (12, 30, 40, 99), "number")], (480, 640))
    1 reading in 480 x 640 pixels (height x width):
      '407'  score 0.980  box (12.0, 30.0, 40.0, 99.0)  number
    """

    readings: tuple[Reading, ...]
    size_yx: tuple[int, int]
    source: str | None
    _image: npt.NDArray[np.uint8] | None = dataclasses.field(compare=False)

    def __init__(
        self,
        readings: Iterable[Reading],
        size_yx: Sequence[int],
        source: str | None = None,
        image: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        if len(size_yx) != 2:
            raise ConfigError(f"`size_yx` is (height, width). Received: {size_yx!r}.")
        object.__setattr__(self, "readings", tuple(readings))
        object.__setattr__(self, "size_yx", tuple(map(int, size_yx)))
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "_image", image)

    @property
    def texts(self) -> list[str]:
        """The text of each reading."""
        return [reading.text for reading in self.readings]

    @property
    def text(self) -> str:
        """All texts, one per line."""
        return "\n".join(self.texts)

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """Score of each reading: float32 (n,), 0..1."""
        return np.array([reading.score for reading in self.readings], np.float32)

    @property
    def boxes(self) -> npt.NDArray[np.float32]:
        """Box of each reading: float32 (n, 4), yxyx pixel edges of the photo."""
        boxes = [reading.box for reading in self.readings]
        return np.array(boxes, np.float32).reshape(-1, 4)

    def filter(
        self,
        min_score: float | None = None,
        pattern: str | re.Pattern[str] | None = None,
        label: str | None = None,
    ) -> Readings:
        r"""The readings that meet every condition given.

        Args:
            min_score: at least this score, 0..1.
            pattern: a regular expression that the whole text must match.
            label: exactly this label.

        Raises:
            ConfigError: a score out of range, or no regular expression.

        >>> found = [Reading(text, 0.9, (0, 0, 9, 9)) for text in ("407", "40A")]
        >>> Readings(found, (10, 10)).filter(min_score=0.5, pattern=r"\d+").texts
        ['407']
        """
        if min_score is not None and not 0 <= min_score <= 1:
            raise ConfigError(f"`min_score` must be in 0..1. Received: {min_score!r}.")
        expression = None if pattern is None else compiled(pattern)
        return self._with(
            reading
            for reading in self.readings
            if (min_score is None or reading.score >= min_score)
            and (expression is None or expression.fullmatch(reading.text))
            and (label is None or reading.label == label)
        )

    def respelt(self, pattern: str | re.Pattern[str]) -> Readings:
        """The readings in a known format: see `Reading.respelt`; others are left out.

        Args:
            pattern: a regular expression that the whole text must match.

        Raises:
            ConfigError: no regular expression.
        """
        expression = compiled(pattern)
        found = (reading.respelt(expression) for reading in self.readings)
        return self._with(reading for reading in found if reading is not None)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings, numbers: ready for JSON."""
        readings = list(map(dataclasses.asdict, self.readings))
        values = {"readings": readings, "size_yx": self.size_yx, "source": self.source}
        return cast(dict[str, Any], json.loads(json.dumps(values)))  # tuples to lists

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Readings:
        """Rebuild from `to_dict`'s output; anything else raises `ConfigError`."""
        try:
            values = _public_fields(cls, values)
            return cls(**{**values, "readings": map(_reading, values["readings"])})
        except (TypeError, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"Wrong type: {error}. Received: {values!r}.") from error

    def to_json(self) -> str:
        """The readings as one indented JSON object."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Readings:
        """Rebuild from `to_json`'s output; raises `ConfigError` as `from_dict`."""
        try:
            values = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ConfigError(f"Not JSON of Readings: {error}.") from error
        return cls.from_dict(values)

    def draw(self, *, characters: bool = True) -> Image.Image:
        """The photo with the readings drawn on it, RGB.

        Args:
            characters: draw the boxes of the single characters too.

        Raises:
            ConfigError: the photo was not kept.
        """
        from fused_ocr import drawing  # loads Pillow's font code

        if self._image is None:
            message = (
                f"These readings of {self.source!r} were made without their image."
            )
            raise ConfigError(f"{message} Call `fused_ocr.drawing.draw` with it.")
        return drawing.draw(self._image, self, characters=characters)

    def _repr_png_(self) -> bytes | None:
        if self._image is None:
            return None  # the notebook shows the repr
        picture = self.draw()
        picture.thumbnail((1280, 1280))  # more pixels than a notebook shows are slow
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue()

    def __len__(self) -> int:
        return len(self.readings)

    @overload
    def __getitem__(self, index: int) -> Reading: ...

    @overload
    def __getitem__(
        self, index: slice | Sequence[bool] | npt.NDArray[Any]
    ) -> Readings: ...

    def __getitem__(self, index: Any) -> Reading | Readings:
        """One reading by its index; some of them by a slice or a mask of bools."""
        if isinstance(index, slice):
            return self._with(self.readings[index])
        if hasattr(index, "__index__") and not isinstance(index, (bool, np.ndarray)):
            return self.readings[operator.index(index)]
        mask = np.asarray(index)
        if mask.shape != (len(self),) or not (mask.dtype == bool or mask.size == 0):
            raise ConfigError(
                "Readings take an integer, a slice, or a mask of one bool for each of "
                f"the {len(self)} readings. Received: {index!r}."
            )
        return self._with(itertools.compress(self.readings, mask.tolist()))

    def __repr__(self) -> str:
        of = f" of {self.source!r}" if self.source else ""
        place = "{} x {} pixels (height x width)".format(*self.size_yx) + of
        if not self.readings:
            return f"nothing was read in {place}"
        lines = [f"{len(self)} reading{'s' * (len(self) > 1)} in {place}:"]
        for reading in self.readings:
            box = ", ".join(f"{edge:.1f}" for edge in reading.box)
            what = f"  {reading.text!r}  score {reading.score:.3f}"
            lines.append(f"{what}  box ({box})  {reading.label}".rstrip())
        return "\n".join(lines)

    def _with(self, readings: Iterable[Reading]) -> Readings:
        return Readings(readings, self.size_yx, self.source, self._image)


def _reading(values: Any) -> Reading:
    values = _public_fields(Reading, values)
    parts = (_public_fields(Character, part) for part in values["characters"])
    return Reading(
        **{**values, "characters": tuple(Character(**part) for part in parts)}
    )


def _settle(value: Character | Reading) -> None:
    """Check what a character and a reading share; numpy's numbers become Python's."""
    numbers: tuple[float, ...] = ()
    with contextlib.suppress(TypeError, ValueError):
        numbers = tuple(map(float, (value.score, *value.box)))
    words = (value.text, getattr(value, "label", ""))
    finite = len(numbers) == 5 and all(map(math.isfinite, numbers))
    if not finite or not all(isinstance(word, str) for word in words):
        raise ConfigError(
            "Expected a text (and a label) of str, a finite score, and a box of four "
            f"finite numbers (y1, x1, y2, x2). Received: {value!r}."
        )
    object.__setattr__(value, "score", numbers[0])
    object.__setattr__(value, "box", numbers[1:])


def _corners(quad: Any, box: Box) -> Quad:
    """Four corners as Python's numbers; those of the box for none."""
    if len(quad) == 0:
        return box_corners(box)
    corners: Quad = ()
    with contextlib.suppress(TypeError, ValueError):
        corners = tuple((float(y), float(x)) for y, x in quad)
    if len(corners) != 4 or not all(map(math.isfinite, itertools.chain(*corners))):
        raise ConfigError(
            f"`quad` needs four corners (y, x) of finite numbers. Received: {quad!r}."
        )
    return corners


def _public_fields(cls: type[Any], values: Any) -> dict[str, Any]:
    """The values, if they are a dictionary of exactly the fields of the class."""
    names = {f.name for f in dataclasses.fields(cls)} - {"_image"}
    if not isinstance(values, dict) or set(values) != names:
        keys = set(map(str, values)) if isinstance(values, dict) else set()
        raise ConfigError(
            f"{cls.__name__} needs a dictionary. Missing keys: {sorted(names - keys)}, "
            f"unknown keys: {sorted(keys - names)}. Received: {values!r}."
        )
    return values
