"""Alphabets: order, blank, and what is refused."""

import pytest

from fused_ocr.alphabet import ALPHANUMERIC, DIGITS, Alphabet
from fused_ocr.errors import ConfigError


@pytest.mark.parametrize(
    ("characters", "text", "indices"),
    [
        (DIGITS, "", []),
        (DIGITS, "407", [4, 0, 7]),
        ("7", "777", [0, 0, 0]),
        ("BA", "AB", [1, 0]),  # the order is the caller's
        ("aA", "Aa", [1, 0]),
        ("é𝟜 ", "𝟜é ", [1, 0, 2]),
    ],
)
def test_there_and_back(characters, text, indices):
    alphabet = Alphabet(characters)
    assert alphabet.encode(text) == indices
    assert alphabet.decode(indices) == text
    assert alphabet.blank == len(alphabet) == len(characters)
    assert alphabet.codes == [ord(c) for c in characters]


def test_blanks_and_padding_are_left_out():
    assert Alphabet("AB").decode([-1, 0, 2, 1, 2, -1, 99]) == "AB"


@pytest.mark.parametrize(
    ("characters", "named"),
    [
        ("", "''"),
        ("010", r"repeated: \['0'\]"),
        ("0\n1", r"control characters: \['\\n'\]"),
        ("0\u200b", "control characters"),
    ],
)
def test_bad_alphabets_are_refused(characters, named):
    with pytest.raises(ConfigError, match=rf"An alphabet needs at least one.*{named}"):
        Alphabet(characters)


def test_unknown_characters_are_named():
    with pytest.raises(ConfigError, match=r"'4X7y' has characters.*\['X', 'y'\]"):
        Alphabet(DIGITS).encode("4X7y")


def test_a_value():
    assert Alphabet("AB") == Alphabet("AB") != Alphabet("BA")
    assert Alphabet("AB") != "AB"
    assert len({Alphabet("AB"), Alphabet("AB"), Alphabet(DIGITS)}) == 2
    assert "A" in Alphabet("AB") and "C" not in Alphabet("AB")
    assert eval(repr(Alphabet("AB"))) == Alphabet("AB")


def test_those_that_come_along():
    assert len(Alphabet(DIGITS)) == 10 and len(Alphabet(ALPHANUMERIC)) == 36
