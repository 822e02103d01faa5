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


def characters(*options):
    """Each from (text, score) pairs, the best first."""
    return tuple(
        Character(text, score, BOX, tuple(others)) for (text, score), *others in options
    )


PLATE = characters(
    [("8", 0.6), ("B", 0.3), ("S", 0.1)],
    [("O", 0.7), ("0", 0.25), ("D", 0.05)],
    [("1", 0.9), ("I", 0.1)],
)


def texts(found):
    return "".join(character.text for character in found[0])


def test_the_likeliest_that_matches():
    # B0 1: 0.3 * 0.25 * 0.9 against 0.6 * 0.7 * 0.9.
    spelt, part = likeliest(PLATE, compiled("[A-Z][0-9][0-9]"))
    assert texts((spelt,)) == "B01"
    assert part == pytest.approx(0.3 * 0.25 / (0.6 * 0.7))


def test_a_replaced_character_keeps_the_others_beside_it():
    spelt, _ = likeliest(PLATE, compiled("SO1"))
    assert spelt[0].text == "S" and spelt[0].score == 0.1
    assert spelt[0].alternatives == (("8", 0.6), ("B", 0.3))
    assert spelt[0].box == PLATE[0].box


def test_what_matches_already_stays():
    assert likeliest(PLATE, compiled("8O1")) == (PLATE, 1.0)


def test_the_whole_text_has_to_match():
    assert likeliest(PLATE, compiled("B")) is None
    assert likeliest(PLATE, compiled("[0-9]{4}")) is None


def test_the_unlikely_is_none():
    rare = characters([("8", 0.999), ("B", 0.0009)])
    assert likeliest(rare, compiled("B")) is None
    # What was read counts however unsure it is.
    assert likeliest(characters([("8", 0.0005)]), compiled("8")) is not None


def test_no_character_at_all():
    assert likeliest((), compiled("8")) is None


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
    found = likeliest(characters(*options), pattern)
    if not matching:
        assert found is None
        return
    best = max(score for _, score in matching)
    assert math.prod(one.score for one in found[0]) == pytest.approx(best)
    assert (texts(found), pytest.approx(best)) in matching
    assert found[1] == pytest.approx(best / math.prod(each[0][1] for each in options))


def test_alternatives_need_no_order():
    odd = characters([("8", 0.5), ("S", 0.01), ("B", 0.3)]) * 2
    found = likeliest(odd, compiled("SB|BB|8S"))
    assert texts(found) == "BB" and found[1] == pytest.approx(0.3 * 0.3 / 0.25)


def test_a_spelling_can_be_taken_back():
    one = Reading("88", 0.5, BOX, characters=PLATE[:1] * 2)
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
    one = Reading("8O1", 0.42, BOX, "plate", PLATE)
    found = one.respelt("[A-Z]O1")
    assert (found.text, found.label, found.box) == ("BO1", "plate", one.box)
    assert found.score == pytest.approx(0.42 * 0.3 / 0.6)
    assert one.respelt(re.compile("8O1")) is one
    assert one.respelt("[a-z]+") is None
    assert Reading("", 0.4, BOX, readable=False).respelt("[A-Z]") is None
    assert Reading("AB", 0.4, BOX).respelt("[A-Z]{2}").text == "AB"


def test_readings_respelt():
    rows = [Reading("8O1", 0.42, BOX, characters=PLATE), Reading("STOP", 0.9, BOX)]
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
