"""Regions in reading order, ended at the first blank, empty ones dropped."""

import numpy as np
import pytest
from layer_checks import ASSEMBLY, check_layer

from fused_ocr.assembly import AssembleCharacters
from fused_ocr.config import AssemblyConfig
from fused_ocr.regions import AssembleRegions

DIGITS = "0123456789"


def read(*texts, slots=4, sure=0.8, rows=None):
    """Probabilities (1, N, S, A) that spell texts; `-` is the blank."""
    rows = rows or len(texts)
    made = np.full((1, rows, slots, 11), (1 - sure) / 10, np.float32)
    for n in range(rows):
        text = texts[n] if n < len(texts) else ""
        for s in range(slots):
            character = text[s] if s < len(text) else "-"
            made[0, n, s, (DIGITS + "-").index(character)] = sure
    return made


def assemble(
    boxes, given, *, count=None, scores=None, classes=None, quads=None, **config
):
    probabilities = given["characters"] if isinstance(given, dict) else given
    rows = probabilities.shape[1]
    padded = np.zeros((1, rows, 4), np.float32)
    padded[0, : len(boxes)] = boxes
    layer = AssembleRegions(
        AssemblyConfig(slots=probabilities.shape[2], **config), DIGITS, ("plate", "bib")
    )
    found = layer(
        padded,
        np.full((1, rows), 0.9, np.float32) if scores is None else scores,
        np.zeros((1, rows), np.int32) if classes is None else classes,
        np.array([len(boxes) if count is None else count], np.int32),
        given,
        quads,
    )
    return {name: value.numpy()[0] for name, value in found.items()}


def texts(found):
    return [
        "".join(chr(c) for c in row if c >= 0)
        for row in found["codes"][: found["count"]]
    ]


# Boxes, and the order in which they are read.
ORDERS = [
    ([(10, 50, 20, 90), (10, 0, 20, 40)], [1, 0]),  # one row
    ([(50, 0, 60, 40), (10, 50, 20, 90)], [1, 0]),  # two rows
    # Half of the height is one row: 4..14 and 9..19 share 5 of 10.
    ([(9, 0, 19, 40), (4, 50, 14, 90)], [0, 1]),
    ([(10, 0, 19, 40), (4, 50, 14, 90)], [1, 0]),  # 4 of 9
    ([(0, 0, 10, 9), (30, 0, 40, 9), (0, 30, 10, 39), (30, 30, 40, 39)], [0, 2, 1, 3]),
    # 20 of 40 columns are shared, 20 of each one's 30: IoU 0.5, still two.
    ([(10, 10, 20, 40), (10, 20, 20, 50)], [0, 1]),
]


@pytest.mark.parametrize(("boxes", "order"), ORDERS)
def test_reading_order(boxes, order):
    names = [str(i) * 2 for i in range(len(boxes))]
    found = assemble(boxes, read(*names, rows=len(boxes) + 2))
    assert texts(found) == [names[i] for i in order]
    np.testing.assert_array_equal(
        found["box"][: len(boxes)], np.array(boxes, np.float32)[order]
    )
    assert not found["box"][len(boxes) :].any()


def test_a_string_ends_at_its_first_blank():
    found = assemble([(0, 0, 9, 40)], read("12-4"))
    assert texts(found) == ["12"]
    np.testing.assert_allclose(found["char_scores"][0], [0.8, 0.8, 0, 0], atol=1e-6)
    assert (found["alt_codes"][0, 2:] == -1).all()
    np.testing.assert_array_equal(found["char_boxes"][0, 1], (0, 0, 9, 40))
    assert not found["char_boxes"][0, 2:].any()


def test_what_reads_as_nothing_is_dropped():
    boxes = [(0, 0, 9, 40), (20, 0, 29, 40), (40, 0, 49, 40)]
    found = assemble(boxes, read("1", "", "3"), classes=np.array([[0, 1, 1]], np.int32))
    assert texts(found) == ["1", "3"] and found["count"] == 2
    assert found["label"].tolist() == [0, 1, -1]
    np.testing.assert_array_equal(found["box"][1], boxes[2])
    assert (found["codes"][2] == -1).all() and not found["score"][2]


def test_rows_past_the_count_are_no_readings():
    found = assemble([(0, 0, 9, 40), (20, 0, 29, 40)], read("1", "2"), count=1)
    assert texts(found) == ["1"] and found["count"] == 1


def test_the_score_is_the_worst_characters():
    given = read("123")
    given[0, 0, 1, 2] = 0.5
    found = assemble([(0, 0, 9, 40)], given, scores=np.array([[0.5]], np.float32))
    np.testing.assert_allclose(found["score"], [0.25], atol=1e-6)


def test_what_is_too_doubtful_is_dropped():
    given = read("12", "345")
    given[0, 0, 1, 2] = 0.5  # 0.5 * 0.5 = 0.25
    scores = np.array([[0.5, 0.5]], np.float32)
    for least, expected in ((0.25, ["12", "345"]), (0.3, ["345"])):
        found = assemble(
            [(0, 0, 9, 40), (20, 0, 29, 40)], given, scores=scores, min_score=least
        )
        assert texts(found) == expected
    # What nobody can read has no text that might be wrong.
    unreadable = {
        "characters": given,
        "readable": np.array([[[0.0], [1.0]]], np.float32),
    }
    found = assemble(
        [(0, 0, 9, 40), (20, 0, 29, 40)], unreadable, scores=scores, min_score=0.6
    )
    assert texts(found) == [""]


def test_alternatives_leave_the_blank_out():
    given = np.zeros((1, 1, 1, 11), np.float32)
    given[0, 0, 0, [7, 10, 1]] = 0.5, 0.3, 0.2
    found = assemble([(0, 0, 9, 40)], given)
    assert texts(found) == ["7"]
    assert found["alt_codes"][0, 0].tolist() == [ord("1"), ord("0")]
    np.testing.assert_allclose(found["alt_scores"][0, 0], [0.2, 0.0], atol=1e-6)


def test_outputs_are_those_of_characters():
    inputs = (
        np.zeros((2, 3, 4), np.float32),
        np.zeros((2, 3), np.float32),
        np.zeros((2, 3), np.int32),
        np.zeros((2,), np.int32),
    )
    config = AssemblyConfig(slots=4)
    regions = AssembleRegions(config, DIGITS)(
        *inputs, np.zeros((2, 3, 4, 11), np.float32)
    )
    characters = AssembleCharacters(config, DIGITS)(
        *inputs, np.zeros((2, 3, 1, 11), np.float32)
    )
    shapes = {k: (v.shape, v.dtype) for k, v in regions.items()}
    assert shapes.pop("quad") == ((2, 3, 4, 2), "float32")
    assert shapes.pop("readable") == shapes.pop("agreement") == ((2, 3), "float32")
    assert shapes == {k: (v.shape, v.dtype) for k, v in characters.items()}


def test_corners_come_along_in_reading_order():
    boxes = [(50, 0, 60, 40), (10, 50, 20, 90)]
    found = assemble(boxes, read("1", "2"))
    assert found["quad"][0].tolist() == [[10, 50], [10, 90], [20, 90], [20, 50]]
    quads = np.arange(16, dtype=np.float32).reshape(1, 2, 4, 2)
    found = assemble(boxes, read("1", "2"), quads=quads, count=1)
    np.testing.assert_array_equal(found["quad"], [quads[0, 0], np.zeros((4, 2))])


def test_what_nobody_can_read_stays_without_a_text():
    heads = {
        "characters": read("12", "", "3"),
        "readable": np.array([[[0.25], [0.25], [0.75]]], np.float32),
    }
    found = assemble([(0, 0, 9, 9), (20, 0, 29, 9), (40, 0, 49, 9)], heads)
    assert texts(found) == ["", "", "3"]
    np.testing.assert_allclose(found["readable"], [0.25, 0.25, 0.75])
    # The detector's 0.9, the recogniser's 0.8 where there is text, and that.
    np.testing.assert_allclose(found["score"], [0.225, 0.225, 0.54], atol=1e-6)
    assert not found["char_scores"][:2].any()


def test_kinds_take_the_place_of_classes():
    kinds = np.array([[[0.2, 0.8], [0.6, 0.4]]], np.float32)
    found = assemble(
        [(0, 0, 9, 9), (20, 0, 29, 9)], {"characters": read("1", "2"), "kinds": kinds}
    )
    assert found["label"].tolist() == [1, 0]
    np.testing.assert_array_equal(found["readable"], [1, 1])
    np.testing.assert_array_equal(found["agreement"], [1, 1])
    counted = np.array([[[0.25], [1.0]]], np.float32)
    found = assemble(
        [(20, 0, 29, 9), (0, 0, 9, 9)],
        {"characters": read("1", "2"), "agreement": counted},
    )
    assert found["agreement"].tolist() == [1.0, 0.25]


def test_as_a_layer():
    rng = np.random.default_rng(0)
    cases = []
    for rows in (1, 5):
        corner = rng.uniform(0, 90, (2, rows, 2))
        cases.append(
            (
                np.concatenate([corner, corner + 20], -1).astype(np.float32),
                rng.random((2, rows), np.float32),
                rng.integers(0, 2, (2, rows)).astype(np.int32),
                np.array([rows, 0], np.int32),
                rng.dirichlet(np.full(11, 0.3), (2, rows, 6)).astype(np.float32),
            )
        )
    boxes, *others, characters = cases[-1]
    heads = {
        "characters": characters,
        "readable": rng.random((2, 5, 1), np.float32),
        "kinds": rng.dirichlet(np.ones(2), (2, 5)).astype(np.float32),
        "agreement": rng.random((2, 5, 1), np.float32),
    }
    cases.append((boxes, *others, heads, rng.random((2, 5, 4, 2), np.float32)))
    arguments = {
        "config": ASSEMBLY.replace(slots=6),
        "alphabet": "987654321x",
        "labels": ("plate", "bib"),
        "format_version": 7,
        "library_version": "9.9",
    }
    check_layer(AssembleRegions, arguments, cases)


def test_a_part_of_a_number_is_no_number():
    # 7 of the 10 columns of the second and 8 of those of the third lie in the first.
    boxes = [(0, 0, 10, 40), (0, 33, 10, 43), (0, 32, 10, 42)]
    given = read("74", "4", "7")
    for scores, left in (
        ((0.9, 0.5, 0.5), ["74", "4"]),
        ((0.5, 0.9, 0.4), ["74", "4"]),  # the last is the second's twin
        ((0.5, 0.4, 0.9), ["7"]),  # surer than the whole
    ):
        found = assemble(boxes, given, scores=np.array([scores], np.float32))
        assert texts(found) == left


def test_two_finds_of_one_region_are_one_reading():
    # 10 of 12 columns are shared; the third is another place, and nothing of the fourth
    # row is real, though it has the first one's box.
    boxes = [(0, 0, 10, 11), (0, 1, 10, 12), (0, 50, 10, 61), (0, 0, 10, 11)]
    given = read("12", "34", "56", "78")
    for scores, left in (((0.5, 0.6, 0.4, 0.9), "34"), ((0.6, 0.6, 0.4, 0.9), "12")):
        found = assemble(boxes, given, count=3, scores=np.array([scores], np.float32))
        assert texts(found) == [left, "56"]
    # What goes takes nobody with it: the second yields to the first, and the third is
    # one with the second alone.
    boxes = [(0, 0, 10, 50), (0, 0, 10, 100), (0, 52, 10, 98)]
    given, scores = read("12", "1234", "34"), np.array([[0.95, 0.9, 0.85]], np.float32)
    assert texts(assemble(boxes, given, scores=scores)) == ["12", "34"]
    # A better find in which nothing is read takes nobody's place.
    found = assemble(
        boxes[:2], read("", "34"), scores=np.array([[0.9, 0.5]], np.float32)
    )
    assert texts(found) == ["34"]
