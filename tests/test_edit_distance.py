"""Edits from one text to another."""

import functools
import random

import pytest

from fused_ocr.edit_distance import edit_distance


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        ("", "", 0),
        ("", "12", 2),
        ("12", "", 2),
        ("12", "12", 0),
        ("12", "21", 2),
        ("1234", "134", 1),
        ("134", "1234", 1),
        ("1934", "1234", 1),
    ],
)
def test_edit_distance(a, b, distance):
    assert edit_distance(a, b) == distance


def test_edit_distance_equals_its_definition():
    @functools.cache
    def by_definition(a, b):
        if not a or not b:
            return len(a) + len(b)
        return min(
            by_definition(a[1:], b) + 1,
            by_definition(a, b[1:]) + 1,
            by_definition(a[1:], b[1:]) + (a[0] != b[0]),
        )

    rng = random.Random(0)
    for _ in range(200):
        a, b = ("".join(rng.choices("012", k=rng.randrange(7))) for _ in range(2))
        assert edit_distance(a, b) == by_definition(a, b)
