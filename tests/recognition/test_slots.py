"""Best path decoding by hand and against the definition, written as a loop."""

import itertools

import numpy as np
import pytest
from layer_checks import check_layer

from fused_ocr.errors import ConfigError
from fused_ocr.recognition.slots import CollapseFrames


def frames(text, alphabet="ab", sure=0.7):
    """Probabilities whose likeliest characters spell a text; `-` is the blank."""
    classes = len(alphabet) + 1
    made = np.full((1, len(text), classes), (1 - sure) / (classes - 1), np.float32)
    for t, character in enumerate(text):
        made[0, t, (alphabet + "-").index(character)] = sure
    return made


def spelled(slots, alphabet="ab"):
    return "".join((alphabet + "-")[i] for i in slots[0].numpy().argmax(-1))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("----", "----"),
        ("a---", "a---"),
        ("aaaa", "a---"),
        ("a-a-", "aa--"),
        ("aabb", "ab--"),
        ("abab", "abab"),
        ("-ab-a", "aba-"),
        ("---b", "b---"),
        ("bb-bba", "bba-"),
        ("ababa", "abab"),  # the fifth has no slot
        ("b", "b---"),
    ],
)
def test_runs_and_blanks(path, text):
    assert spelled(CollapseFrames("ab", 4)(frames(path))) == text


def test_a_slot_is_the_mean_of_its_run():
    given = np.array(
        [[[0.6, 0.3, 0.1], [0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.2, 0.5, 0.3]]],
        np.float32,
    )
    found = CollapseFrames("ab", 3)(given).numpy()[0]
    np.testing.assert_allclose(
        found, [[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [0, 0, 1]], atol=1e-6
    )


def test_equals_the_definition():
    rng = np.random.default_rng(0)
    given = rng.dirichlet(np.full(4, 0.4), (200, 9)).astype(np.float32)
    found = CollapseFrames("abc", 5)(given).numpy().argmax(-1)
    for path, slots in zip(given.argmax(-1), found, strict=True):
        text = [k for k, _ in itertools.groupby(path) if k != 3][:5]
        assert slots.tolist() == text + [3] * (5 - len(text))


def test_as_a_layer():
    rng = np.random.default_rng(1)
    cases = [
        (rng.dirichlet(np.ones(6), (2, t)).astype(np.float32),) for t in (2, 8, 16)
    ]
    check_layer(CollapseFrames, {"alphabet": "abcde", "slots": 3, "rows": 2}, cases)


def test_a_run_ends_with_its_row():
    # Rows "ab" and "bc": the b at the end of one is not the b that begins the other.
    frames = np.eye(4, dtype=np.float32)[[0, 1, 1, 1, 2, 3]][None]  # a b b | b c -
    read = CollapseFrames("abc", 5, rows=2)(frames).numpy().argmax(-1)
    assert read.tolist() == [[0, 1, 1, 2, 3]]
    read = CollapseFrames("abc", 5)(frames).numpy().argmax(-1)
    assert read.tolist() == [[0, 1, 2, 3, 3]]


def test_no_slot_is_refused():
    with pytest.raises(ConfigError, match="slots"):
        CollapseFrames("ab", 0)
