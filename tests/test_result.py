"""Readings are small frozen values: indexing, filtering, JSON, repr, drawing."""

import copy
import dataclasses
import io
import json
import pickle
import re

import numpy as np
import pytest
from PIL import Image

from fused_ocr.errors import ConfigError
from fused_ocr.result import Character, Reading, Readings

CHARACTER = Character("4", 0.75, (12, 30, 40, 50), (("9", 0.125), ("A", 0.0625)))
NUMBER = Reading("47", 0.5, (12, 30, 40, 99), "number", (CHARACTER,))
PLATE = Reading("B 123", 0.25, (50, 3, 70, 41.5), "plate")
IMAGE = np.zeros((101, 203, 3), np.uint8)

EMPTY = Readings([], (101, 203))
BOTH = Readings([NUMBER, PLATE], (101, 203), "photos/a.jpg", IMAGE)


def test_empty():
    assert len(EMPTY) == 0 and list(EMPTY) == [] and not EMPTY
    assert EMPTY.texts == [] and EMPTY.text == ""
    assert EMPTY.scores.shape == (0,) and EMPTY.boxes.shape == (0, 4)
    assert EMPTY.filter(0.5, ".*", "plate") == EMPTY[:] == EMPTY[[]] == EMPTY
    assert repr(EMPTY) == "nothing was read in 101 x 203 pixels (height x width)"
    with pytest.raises(IndexError, match="out of range"):
        EMPTY[0]


def test_columns():
    assert BOTH.texts == ["47", "B 123"]
    assert BOTH.text == "47\nB 123"
    assert BOTH.scores.dtype == BOTH.boxes.dtype == np.float32
    assert BOTH.scores.tolist() == [0.5, 0.25]
    assert BOTH.boxes.tolist() == [[12, 30, 40, 99], [50, 3, 70, 41.5]]


def test_it_is_a_sequence():
    assert list(BOTH) == [NUMBER, PLATE] and list(reversed(BOTH)) == [PLATE, NUMBER]
    assert PLATE in BOTH and BOTH.index(PLATE) == 1 and BOTH.count(NUMBER) == 1


@pytest.mark.parametrize(
    ("index", "expected"),
    [(0, NUMBER), (1, PLATE), (-1, PLATE), (np.int64(1), PLATE)],
)
def test_an_index_gives_a_reading(index, expected):
    assert BOTH[index] is expected


@pytest.mark.parametrize("index", [2, -3])
def test_an_index_out_of_range(index):
    with pytest.raises(IndexError, match="out of range"):
        BOTH[index]


@pytest.mark.parametrize(
    ("index", "texts"),
    [
        (slice(0, 0), []),
        (slice(1, None), ["B 123"]),
        (slice(None, None, -1), ["B 123", "47"]),
        ([False, False], []),
        ((False, True), ["B 123"]),
        (np.array([True, False]), ["47"]),
        (BOTH.scores > 0.1, ["47", "B 123"]),
    ],
)
def test_slices_and_masks_give_readings(index, texts):
    some = BOTH[index]
    assert some.texts == texts
    assert (some.size_yx, some.source) == (BOTH.size_yx, BOTH.source)
    assert some.draw().size == BOTH.draw().size


@pytest.mark.parametrize(
    "index", [[], [True], [True] * 3, [0, 1], True, 1.0, "47", [[True, False]], None]
)
def test_what_is_no_index(index):
    with pytest.raises(ConfigError, match="one bool for each of the 2 readings"):
        BOTH[index]


@pytest.mark.parametrize(
    ("conditions", "texts"),
    [
        ({}, ["47", "B 123"]),
        ({"min_score": 0.5}, ["47"]),
        ({"min_score": 0.51}, []),
        ({"pattern": r"\d+"}, ["47"]),
        ({"pattern": "4"}, []),
        ({"pattern": re.compile("b .*", re.IGNORECASE)}, ["B 123"]),
        ({"label": "plate"}, ["B 123"]),
        ({"label": ""}, []),
        ({"label": "plate", "min_score": 0.5}, []),
    ],
)
def test_filter(conditions, texts):
    assert BOTH.filter(**conditions).texts == texts


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"min_score": 80}, "`min_score` must be in 0..1. Received: 80"),
        ({"min_score": float("nan")}, "Received: nan"),
        ({"pattern": "("}, r"`pattern` '\(' is not a regular expression"),
        ({"pattern": 3}, "`pattern` 3 is not a regular expression"),
    ],
)
def test_filter_refuses(conditions, message):
    with pytest.raises(ConfigError, match=message):
        BOTH.filter(**conditions)


def test_numpy_numbers_become_python_ones():
    box = np.array([1, 2, 3, 4], np.float32)
    reading = Reading(
        "1", np.float32(0.5), box, characters=[Character("1", np.float64(1), box)]
    )
    assert type(reading.score) is float
    assert reading.box == (1.0, 2.0, 3.0, 4.0)
    assert all(type(edge) is float for edge in reading.box)
    assert isinstance(reading.characters, tuple)
    assert hash(reading) == hash(copy.deepcopy(reading))
    sizes = Readings([reading], np.array([5, 7])).size_yx
    assert sizes == (5, 7) and all(type(side) is int for side in sizes)


@pytest.mark.parametrize("cls", [Character, Reading])
@pytest.mark.parametrize(
    "values",
    [
        (None, 0.5, (1, 2, 3, 4)),
        ("1", "high", (1, 2, 3, 4)),
        ("1", float("nan"), (1, 2, 3, 4)),
        ("1", 0.5, ()),
        ("1", 0.5, (1, 2, 3)),
        ("1", 0.5, (1, 2, 3, float("inf"))),
        ("1", 0.5, None),
    ],
)
def test_values_are_checked(cls, values):
    with pytest.raises(ConfigError, match=r"a box of four finite numbers.*Received"):
        cls(*values)


def test_a_label_is_a_string():
    with pytest.raises(ConfigError, match=r"label=3"):
        Reading("1", 0.5, (1, 2, 3, 4), 3)


def test_a_size_has_two_sides():
    with pytest.raises(ConfigError, match=r"\(height, width\). Received: \(1, 2, 3\)"):
        Readings([], (1, 2, 3))


@pytest.mark.parametrize("value", [CHARACTER, NUMBER, BOTH])
def test_values_are_frozen(value):
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        value.text = "other"


def test_equality_is_by_value_and_without_the_image():
    assert Readings([NUMBER, PLATE], [101, 203], "photos/a.jpg") == BOTH
    assert len({BOTH, copy.deepcopy(BOTH), pickle.loads(pickle.dumps(BOTH))}) == 1
    for other in (
        Readings([PLATE, NUMBER], (101, 203), "photos/a.jpg"),
        Readings([NUMBER, PLATE], (203, 101), "photos/a.jpg"),
        Readings([NUMBER, PLATE], (101, 203)),
        [NUMBER, PLATE],
    ):
        assert other != BOTH


def test_a_quad_is_four_corners():
    quad = np.array([(1, 2), (1, 9), (5, 9), (5, 2)], np.float32)
    given = Reading("1", 0.5, (1, 2, 5, 9), quad=quad, readable=np.False_)
    assert (
        given.quad
        == ((1, 2), (1, 9), (5, 9), (5, 2))
        == Reading("1", 1, given.box).quad
    )
    assert given.readable is False and Reading("1", 1, given.box).readable is True
    for wrong in (quad[:3], [(1, 2, 3)] * 4, [(1, np.nan)] * 4, [1, 2, 3, 4]):
        with pytest.raises(ConfigError, match="four corners"):
            Reading("1", 0.5, (1, 2, 5, 9), quad=wrong)


def test_repr():
    assert repr(BOTH).splitlines() == [
        "2 readings in 101 x 203 pixels (height x width) of 'photos/a.jpg':",
        "  '47'  score 0.500  box (12.0, 30.0, 40.0, 99.0)  number",
        "  'B 123'  score 0.250  box (50.0, 3.0, 70.0, 41.5)  plate",
    ]


def test_to_dict_is_what_json_has():
    assert BOTH[:1].to_dict() == {
        "readings": [
            {
                "text": "47",
                "score": 0.5,
                "box": [12, 30, 40, 99],
                "label": "number",
                "characters": [
                    {
                        "text": "4",
                        "score": 0.75,
                        "box": [12, 30, 40, 50],
                        "alternatives": [["9", 0.125], ["A", 0.0625]],
                    }
                ],
                "quad": [[12, 30], [12, 99], [40, 99], [40, 30]],
                "readable": True,
                "doubtful": False,
            }
        ],
        "size_yx": [101, 203],
        "source": "photos/a.jpg",
    }
    assert json.loads(BOTH.to_json()) == BOTH.to_dict()


@pytest.mark.parametrize("readings", [EMPTY, BOTH, BOTH[1:]])
def test_round_trip(readings):
    assert Readings.from_dict(readings.to_dict()) == readings
    again = Readings.from_json(readings.to_json())
    assert again == readings and again.texts == readings.texts
    assert again.boxes.tolist() == readings.boxes.tolist()


def changed(path, **changes):
    """The dictionary of BOTH with keys of one of its parts set, or None: removed."""
    values = BOTH.to_dict()
    part = values
    for step in path:
        part = part[step]
    part.update(changes)
    for key in [key for key, value in changes.items() if value is None]:
        del part[key]
    return values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, r"Readings .*Missing keys: \['readings', 'size_yx', 'source'\]"),
        (None, "Readings needs a dictionary.*Received: None"),
        (changed([], size=3), r"Readings .*unknown keys: \['size'\]"),
        (changed(["readings", 0], label=None), r"Reading .*Missing keys: \['label'\]"),
        (
            changed(["readings", 0, "characters", 0], other=1),
            r"Character .*unknown keys: \['other'\]",
        ),
        (changed([], readings=3), "Wrong type: .*int.*"),
        (changed([], readings=[3]), "Reading needs a dictionary"),
        (changed([], size_yx=3), "Wrong type"),
        (changed([], size_yx=["a", "b"]), "Wrong type"),
        (changed(["readings", 1], score="high"), "finite score.*'high'"),
        (changed(["readings", 1], characters=3), "Wrong type"),
        (changed(["readings", 0, "characters", 0], alternatives=[3]), "Wrong type"),
    ],
)
def test_from_dict_is_strict(values, message):
    with pytest.raises(ConfigError, match=message):
        Readings.from_dict(values)


def test_from_json_refuses_what_is_no_json():
    with pytest.raises(ConfigError, match="Not JSON of Readings: Expecting value"):
        Readings.from_json("")
    with pytest.raises(ConfigError, match=r"Not JSON of Readings: .*recursion"):
        Readings.from_json("[" * 100_000)


def test_without_an_image_nothing_is_drawn():
    readings = Readings([NUMBER], (101, 203), "a.jpg")
    assert readings._repr_png_() is None
    with pytest.raises(ConfigError, match=r"of 'a\.jpg' were made without their image"):
        readings.draw()


def test_notebooks_get_a_png_of_bounded_size():
    large = Readings([NUMBER], (1500, 2000), None, np.zeros((1500, 2000, 3), np.uint8))
    with Image.open(io.BytesIO(large._repr_png_())) as picture:
        assert picture.format == "PNG" and picture.size == (1280, 960)


def test_drawing_leaves_the_image_alone():
    image = IMAGE.copy()
    assert Readings([NUMBER], (101, 203), None, image).draw(characters=False)
    np.testing.assert_array_equal(image, IMAGE)
