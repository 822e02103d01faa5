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
"""Spellings that are tried: all of eight doubtful characters of three each."""


def compiled(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    """A pattern as a regular expression.

    Raises:
        ConfigError: it is none.
    """
    try:
        expression = re.compile(pattern)
        if isinstance(expression.pattern, bytes):
            raise TypeError("it is of bytes, and texts are str")
        return expression
    except (re.error, TypeError, OverflowError, RecursionError) as error:
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
        The characters of that spelling, and how likely it is against the one given;
        None if none of the 10,000 likeliest matches.
    """
    options = [
        sorted(_options(character), key=lambda one: -one.score)
        for character in characters
    ]
    for choice in _best_first([[one.score for one in each] for each in options]):
        spelt = tuple(each[i] for each, i in zip(options, choice, strict=True))
        if pattern.fullmatch("".join(one.text for one in spelt)):
            old = math.prod(one.score for one in characters)
            new = math.prod(one.score for one in spelt)
            return spelt, new / old if old else 0.0
    return None


def _options(character: Character) -> Iterator[Character]:
    """A character, and the others that it may be, each with the rest beside it."""
    pairs = [(character.text, character.score), *character.alternatives]
    for i, (text, score) in enumerate(pairs):
        if i == 0 or score >= _UNLIKELY:
            rest = tuple(sorted(pairs[:i] + pairs[i + 1 :], key=lambda pair: -pair[1]))
            yield dataclasses.replace(
                character, text=text, score=score, alternatives=rest
            )


def _best_first(scores: list[list[float]]) -> Iterator[tuple[int, ...]]:
    """Choices of one option in each place, the likeliest first; not all, if many.

    The options of a place come best first. A choice is followed by those that take the
    next option in the last place that is not the best, or in one behind it, so that
    each comes once, and none before a likelier one.
    """
    costs = [[-math.log(max(score, 1e-30)) for score in each] for each in scores]
    heap = [(sum(each[0] for each in costs), 0, (0,) * len(costs))]
    for _ in range(_MOST):
        if not heap:
            return
        cost, last, choice = heapq.heappop(heap)
        yield choice
        for place in range(last, len(choice)):
            i = choice[place] + 1
            if i < len(costs[place]):
                more = costs[place][i] - costs[place][i - 1]
                after = (*choice[:place], i, *choice[place + 1 :])
                heapq.heappush(heap, (cost + more, place, after))
