"""The characters a recogniser knows, and their places in its output."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from fused_ocr.errors import ConfigError

__all__ = ["ALPHANUMERIC", "DIGITS", "Alphabet"]


class Alphabet:
    """An ordered set of single characters, with a blank behind the last.

    The recogniser's output has ``len(alphabet) + 1`` columns: one for each character
    in order, and the last for "no character here" (the blank).

    Args:
        characters: the characters, each one Unicode code point, none twice.

    Raises:
        ConfigError: no character, a character twice, or a control character.

    >>> digits = Alphabet("0123456789")
    >>> digits.encode("407"), digits.decode([4, 0, 7]), digits.blank
    ([4, 0, 7], '407', 10)
    """

    def __init__(self, characters: str) -> None:
        repeated = sorted({c for c in characters if characters.count(c) > 1})
        control = [c for c in characters if unicodedata.category(c).startswith("C")]
        if not characters or repeated or control:
            raise ConfigError(
                "An alphabet needs at least one character, each one once, and none a "
                f"control character. Received: {characters!r}"
                + (f", repeated: {repeated}" if repeated else "")
                + (f", control characters: {control}" if control else "")
                + "."
            )
        self.characters = characters
        self._index = {character: i for i, character in enumerate(characters)}

    @property
    def blank(self) -> int:
        """Index of the blank: the last column of the recogniser's output."""
        return len(self.characters)

    @property
    def codes(self) -> list[int]:
        """Unicode code point of each character, in order."""
        return [ord(character) for character in self.characters]

    def encode(self, text: str) -> list[int]:
        """Indices of the characters of a text.

        Raises:
            ConfigError: a character that is not in the alphabet.
        """
        unknown = sorted(set(text) - set(self._index))
        if unknown:
            raise ConfigError(
                f"The text {text!r} has characters that the alphabet "
                f"{self.characters!r} has not: {unknown}. Add them, or drop the text."
            )
        return [self._index[character] for character in text]

    def decode(self, indices: Iterable[int]) -> str:
        """The text of character indices; blanks and negative indices are left out."""
        return "".join(self.characters[i] for i in indices if 0 <= i < self.blank)

    def __len__(self) -> int:
        return len(self.characters)

    def __contains__(self, character: object) -> bool:
        return character in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alphabet) and self.characters == other.characters

    def __hash__(self) -> int:
        return hash(self.characters)

    def __repr__(self) -> str:
        return f"Alphabet({self.characters!r})"


DIGITS = "0123456789"
"""The ten digits."""

ALPHANUMERIC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Digits and capital letters: licence plates."""
