"""Spelling by a format: of the likely characters, those that match a pattern."""

from __future__ import annotations

import dataclasses
import heapq
import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fused_ocr.errors import ConfigError

if TYPE_CHECKING:
    from fused_ocr.result import Character

__all__ = ["compiled", "likeliest"]

_UNLIKELY = 1e-3
"""An alternative that is less likely than this is none."""

_MOST = 10_000
"""Spellings that are tried: of eight doubtful characters, each of three, all."""


def compiled(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    """A pattern as a regular expression.

    Raises:
        ConfigError: it is none.
    """
    try:
        return re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ConfigError(
            f"`pattern` {pattern!r} is not a regular expression: {error}."
        ) from error


def likeliest(
    characters: Sequence[Character], pattern: re.Pattern[str]
) -> tuple[tuple[Character, ...], float] | None:
    """The likeliest spelling that matches a pattern as a whole.

    Args:
        characters: with their alternatives.
        pattern: as `re` knows it.

    Returns:
        The characters of that spelling, and how likely it is against the one given,
        0..1; None if no likely one matches.
    """
    options = [list(_options(character)) for character in characters]
    for choice in _best_first([[one.score for one in each] for each in options]):
        spelt = tuple(each[i] for each, i in zip(options, choice, strict=True))
        if pattern.fullmatch("".join(one.text for one in spelt)):
            old = math.prod(one.score for one in characters)
            new = math.prod(one.score for one in spelt)
            return spelt, min(1.0, new / old) if old else 0.0
    return None


def _options(character: Character) -> Iterator[Character]:
    """A character, and the others that it may be, each with the rest beside it."""
    pairs = [(character.text, character.score), *character.alternatives]
    for i, (text, score) in enumerate(pairs):
        if i == 0 or score >= _UNLIKELY:
            rest = tuple(pairs[:i] + pairs[i + 1 :])
            yield dataclasses.replace(
                character, text=text, score=score, alternatives=rest
            )


def _best_first(scores: list[list[float]]) -> Iterator[tuple[int, ...]]:
    """Choices of one option in each place, the likeliest first; not all, if many.

    The options of a place come best first, so that a choice is followed by those that
    take the next one in one place.
    """
    costs = [[-math.log(max(score, 1e-30)) for score in each] for each in scores]
    first = (0,) * len(costs)
    heap = [(sum(each[0] for each in costs), first)]
    met = {first}
    for _ in range(_MOST):
        if not heap:
            return
        cost, choice = heapq.heappop(heap)
        yield choice
        for place, i in enumerate(choice):
            after = (*choice[:place], i + 1, *choice[place + 1 :])
            if i + 1 < len(costs[place]) and after not in met:
                met.add(after)
                more = costs[place][i + 1] - costs[place][i]
                heapq.heappush(heap, (cost + more, after))
