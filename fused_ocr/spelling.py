"""Spelling by a format: of the likely characters, those that match a pattern."""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from fused_ocr.errors import ConfigError

__all__ = ["compiled", "likeliest"]

Option: TypeAlias = tuple[str, float]
"""A character and its probability, 0..1."""

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
    options: Sequence[Sequence[Option]], pattern: re.Pattern[str]
) -> tuple[tuple[int, ...], float] | None:
    """The likeliest spelling that matches a pattern as a whole.

    Args:
        options: of every place of a text its character, and others that it may be, with
            their probabilities, in any order behind the first.
        pattern: as `re` knows it.

    Returns:
        Which option each place takes, and how likely that is against all the first
        ones; None if none of the 10,000 likeliest matches.
    """
    ranked = [_ranked(each) for each in options]
    scores = [
        [each[i][1] for i in order] for each, order in zip(options, ranked, strict=True)
    ]
    for choice in _best_first(scores):
        taken = tuple(order[i] for order, i in zip(ranked, choice, strict=True))
        spelt = [each[i] for each, i in zip(options, taken, strict=True)]
        if pattern.fullmatch("".join(text for text, _ in spelt)):
            old = math.prod(each[0][1] for each in options)
            new = math.prod(score for _, score in spelt)
            return taken, new / old if old else 0.0
    return None


def _ranked(options: Sequence[Option]) -> list[int]:
    """Which options count, the likeliest first; what was read always does."""
    known = [i for i, (_, score) in enumerate(options) if not i or score >= _UNLIKELY]
    return sorted(known, key=lambda i: -options[i][1])


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
