"""Spelling by a format: the likeliest of all that match, and nothing unlikely."""

import itertools
import math
import re

import numpy as np
import pytest

from fused_ocr.errors import ConfigError
from fused_ocr.result import Character, Reading, Readings
from fused_ocr.spelling import _best_first, compiled, likeliest

BOX = (0, 0, 9, 9)


PLATE = (
    [("8", 0.6), ("B", 0.3), ("S", 0.1)],
    [("O", 0.7), ("0", 0.25), ("D", 0.05)],
    [("1", 0.9), ("I", 0.1)],
)


def characters(options):
    return tuple(
        Character(text, score, BOX, tuple(others)) for (text, score), *others in options
    )


def spelt(options, pattern):
    """The text that is found, and how likely it is."""
    found = likeliest(options, compiled(pattern))
    if found is None:
        return None
    choice, part = found
    return "".join(each[i][0] for each, i in zip(options, choice, strict=True)), part


def test_the_likeliest_that_matches():
    # B0 1: 0.3 * 0.25 * 0.9 against 0.6 * 0.7 * 0.9.
    text, part = spelt(PLATE, "[A-Z][0-9][0-9]")
    assert text == "B01" and part == pytest.approx(0.3 * 0.25 / (0.6 * 0.7))


def test_a_replaced_character_keeps_the_others_beside_it():
    eight = characters(PLATE)[0]
    other = eight.as_option(2)
    assert (other.text, other.score, other.box) == ("S", 0.1, BOX)
    assert other.alternatives == (("8", 0.6), ("B", 0.3))
    assert eight.as_option(0) == eight


def test_what_matches_already_stays():
    assert spelt(PLATE, "8O1") == ("8O1", 1.0)


def test_the_whole_text_has_to_match():
    assert spelt(PLATE, "B") is None
    assert spelt(PLATE, "[0-9]{4}") is None


def test_the_unlikely_is_none():
    assert spelt([[("8", 0.999), ("B", 0.0009)]], "B") is None
    # What was read counts however unsure it is.
    assert spelt([[("8", 0.0005)]], "8") is not None


@pytest.mark.parametrize("seed", range(20))
def test_against_all_spellings(seed):
    rng = np.random.default_rng(seed)
    options = []
    for _ in range(4):
        scores = np.sort(rng.dirichlet(np.ones(3)))[::-1] + 0.002
        options.append(
            list(zip(rng.permutation(list("AB01"))[:3], scores, strict=True))
        )
    pattern = re.compile(["[AB]+[01]+", "A.*", ".*[AB]", "[01]{4}"][seed % 4])
    every = [
        ("".join(text for text, _ in choice), math.prod(score for _, score in choice))
        for choice in itertools.product(*options)
    ]
    matching = [one for one in every if pattern.fullmatch(one[0])]
    found = spelt(options, pattern)
    if not matching:
        assert found is None
        return
    best = max(score for _, score in matching)
    assert found[0] in [text for text, score in matching if score > best * (1 - 1e-9)]
    assert found[1] == pytest.approx(best / math.prod(each[0][1] for each in options))


def test_alternatives_need_no_order():
    odd = [[("8", 0.5), ("S", 0.01), ("B", 0.3)]] * 2
    assert spelt(odd, "SB|BB|8S") == ("BB", pytest.approx(0.3 * 0.3 / 0.25))


def test_a_spelling_can_be_taken_back():
    one = Reading("88", 0.5, BOX, characters=characters(PLATE[:1]) * 2)
    there = one.respelt("BB")
    assert there.score == pytest.approx(0.5 / 4)
    back = there.respelt("B8|88")
    assert back.text == "88" and back.score == pytest.approx(0.5)


def test_every_choice_once_and_the_likeliest_first():
    scores = [[0.5, 0.3, 0.2], [0.9, 0.1], [0.6, 0.35, 0.05]]
    found = list(_best_first(scores))
    assert len(found) == len(set(found)) == 18
    parts = [
        math.prod(each[i] for each, i in zip(scores, choice, strict=True))
        for choice in found
    ]
    assert all(a >= b * (1 - 1e-9) for a, b in itertools.pairwise(parts))


def test_there_is_an_end():
    assert sum(1 for _ in _best_first([[0.4, 0.35, 0.25]] * 32)) == 10_000
    assert sum(1 for _ in _best_first([[0.4, 0.35, 0.25]] * 8)) == 3**8


def test_a_reading_respelt():
    one = Reading("8O1", 0.42, BOX, "plate", characters(PLATE))
    found = one.respelt("[A-Z]O1")
    assert (found.text, found.label, found.box) == ("BO1", "plate", one.box)
    assert found.score == pytest.approx(0.42 * 0.3 / 0.6)
    assert one.respelt(re.compile("8O1")) is one
    assert one.respelt("[a-z]+") is None
    assert Reading("", 0.4, BOX, readable=False).respelt("[A-Z]") is None
    assert Reading("AB", 0.4, BOX).respelt("[A-Z]{2}").text == "AB"


def test_readings_respelt():
    rows = [
        Reading("8O1", 0.42, BOX, characters=characters(PLATE)),
        Reading("STOP", 0.9, BOX),
    ]
    image = np.zeros((9, 9, 3), np.uint8)
    found = Readings(rows, (9, 9), "a.jpg", image).respelt("[A-Z]O1")
    assert (found.texts, found.source, found.size_yx) == (["BO1"], "a.jpg", (9, 9))
    assert found.draw().size == (405, 405)  # the photo is still there


@pytest.mark.parametrize("pattern", [b"8", "a{99999999999999}", "(" * 9, 7])
def test_what_is_no_pattern(pattern):
    with pytest.raises(ConfigError, match="is not a regular expression"):
        compiled(pattern)


def test_no_pattern():
    with pytest.raises(ConfigError, match=r"'\[' is not a regular expression"):
        Readings([], (9, 9)).respelt("[")
    with pytest.raises(ConfigError, match="not a regular expression"):
        Reading("1", 1, BOX).respelt(7)
