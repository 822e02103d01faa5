"""Explanations: what is tried, what is advised, and how it is told."""

import json

import numpy as np
import pytest
import stand_ins

from fused_ocr.artefact import Description
from fused_ocr.config import FusionConfig
from fused_ocr.drawing import OTHER_COLOUR
from fused_ocr.errors import ImageError
from fused_ocr.explaining.candidates import Candidate
from fused_ocr.explaining.explanation import Explanation, Trial, explain
from fused_ocr.reader import Reader
from fused_ocr.result import Reading, Readings
from fused_ocr.runtimes import KerasRuntime

BOX = (10.0, 20.0, 30.0, 60.0)
SIZE = (80, 100)
KNOWN = Description(alphabet="0123456789", labels=("text",), fusion=FusionConfig())
IMAGE = np.tile(np.arange(100, dtype=np.uint8)[None, :, None], (80, 1, 3))


def reading(text="407", score=0.5, box=BOX):
    return Reading(text, score, box)


def candidate(*settings, text="40", detector=0.2, reached=0.8, why="because"):
    quad = reading().quad
    return Candidate(text, BOX, quad, detector, 0.5, 1.0, why, settings, reached)


def explanation(read=(), candidates=(), trials=(), greys=(0, 99)):
    readings = Readings(read, SIZE, "a.jpg")
    return Explanation(readings, 0.5, greys, candidates, trials, IMAGE)


def trial(name, gain, advice=None):
    return Trial(name, advice or f"Do {name}.", (reading("12", 0.9),), gain)


# --- advice ---------------------------------------------------------------------------


def test_the_looks_that_gain_most_are_advised_and_no_more_than_two():
    trials = (trial("a", 0.65), trial("b", 0.9), trial("c", 0.7))
    assert explanation(trials=trials).advice == ["Do b.", "Do c."]
    # Two looks with one advice are one; what gains much less than the best is left out.
    same = (trial("a", 0.9, "Do it."), trial("b", 0.8, "Do it."), trial("c", 0.7))
    assert explanation(trials=same).advice == ["Do it.", "Do c."]
    assert explanation(trials=(trial("a", 0.9), trial("b", 0.6))).advice == ["Do a."]


def test_a_look_that_gains_nothing_is_not_advised():
    assert explanation([reading()], trials=(trial("a", 0.09),)).advice == []
    assert explanation([reading()], trials=(trial("a", 0.11),)).advice == ["Do a."]


def test_a_flat_photo():
    (advice,) = explanation(greys=(10, 30)).advice
    assert "a grey of 10 to 30" in advice
    assert explanation([reading()], greys=(10, 30)).advice == []
    assert explanation(greys=(10, 30), trials=(trial("a", 0.3),)).advice == ["Do a."]


def test_thresholds_are_advised_where_nothing_else_is():
    near = candidate("score_threshold", "min_score", detector=0.2468)
    others = (
        candidate("score_threshold"),
        near,
        candidate("max_detections", reached=0),
    )
    (advice,) = explanation(candidates=others).advice
    # Rounded down, so that they are reached: 0.2468 and 0.2468 * 0.5.
    assert advice.startswith(
        "'40' would be read by a model fused with --score-threshold 0.246 "
        "--min-score 0.123, which"
    )
    assert explanation(candidates=others, trials=(trial("a", 0.3),)).advice == ["Do a."]
    assert explanation([reading()], candidates=others).advice == []


FAR = candidate("score_threshold", reached=0.4)
NO_TEXT = candidate("score_threshold", text="")


@pytest.mark.parametrize("candidates", [None, (), (NO_TEXT,), (FAR,), (candidate(),)])
def test_nothing_helps(candidates):
    (advice,) = explanation(candidates=candidates).advice
    assert advice.startswith("Nothing here looks to this model")


def test_what_is_found_and_cannot_be_told():
    unreadable = Reading("", 0.9, BOX, readable=False)
    (advice,) = explanation([unreadable]).advice
    assert "characters cannot be told" in advice


# --- as text, JSON and a picture ------------------------------------------------------


def test_the_text():
    why = explanation([reading()], (candidate(),), (trial("mirrored", 0.9),))
    assert str(why).splitlines() == [
        "a.jpg: 100 x 80 pixels, shown to the detector 0.50 times as large",
        "  read:",
        "    '407' 50% at y 10-30, x 20-60",
        "  left out:",
        "    '40' at y 10-30, x 20-60: because",
        "  mirrored:",
        "    '12' 90% at y 10-30, x 20-60",
        "  advice:",
        "    Do mirrored.",
    ]


def test_the_text_of_nothing():
    lines = str(explanation()).splitlines()
    assert lines[1:3] == ["  read: nothing", "  left out: nothing that may be a text"]
    odd = Explanation(Readings([], SIZE, "a\nb.jpg"), 0.5, (0, 9), None, (), IMAGE)
    assert str(odd).startswith("a\\nb.jpg: ")
    blank = str(explanation([], (NO_TEXT, candidate(text=""))))
    assert blank.count("no text at") == 1  # a threshold left the other out, too
    exported = str(explanation([reading()], None))
    assert "left out" not in exported and exported.endswith("advice: none")


def test_a_long_list_is_cut_short():
    many = tuple(candidate(text=str(i)) for i in range(11))
    lines = str(explanation(candidates=many)).splitlines()
    assert "    and 3 more" in lines and sum("because" in one for one in lines) == 8


def test_json():
    lost = candidate("score_threshold")
    why = explanation([reading()], (lost,), (trial("mirrored", 0.9),))
    values = json.loads(json.dumps(why.to_dict()))
    assert values["readings"][0]["text"] == "407" and values["source"] == "a.jpg"
    assert values["candidates"][0]["score"] == pytest.approx(0.1)
    assert values["candidates"][0]["settings"] == ["score_threshold"]
    assert values["greys"] == [0, 99]
    assert values["trials"][0]["readings"][0]["box"] == list(BOX)
    assert values["advice"] == ["Do mirrored."]
    assert explanation(candidates=None).to_dict()["candidates"] is None


def test_the_picture_shows_what_was_left_out():
    plain = np.asarray(explanation([reading()]).draw())

    def drawn(*candidates):
        picture = np.asarray(explanation([reading()], candidates).draw())
        return (picture == OTHER_COLOUR).all(-1).any(), (picture != plain).any()

    assert drawn(candidate("score_threshold")) == (True, True)
    # What is read, has no text, or is drawn as an unreadable reading.
    for one in (candidate(why=""), candidate(text=""), candidate("min_readable")):
        assert drawn(one) == (False, False)
    assert drawn(candidate("min_readable", "min_score")) == (False, False)
    assert drawn(candidate("score_threshold", "min_readable")) == (True, True)


# --- of photos ------------------------------------------------------------------------


def stubborn(upright):
    """Reads only a picture whose first pixel is the brightest of its corners."""

    def predict(picture):
        first = picture[0, 0, 0]
        corners = [picture[y, x, 0] for y in (0, -1) for x in (0, -1)]
        rows = [reading()] if (first >= max(corners)) == upright else []
        return Readings(rows, picture.shape[:2])

    return predict


def test_another_look_that_reads_something_else_is_told():
    # The ramp is brightest at the right: mirrored or upside down, at the left.
    why = explain(IMAGE, "a.jpg", stubborn(upright=True), KNOWN, lambda *_: 1.0)
    names = [one.name for one in why.trials]
    assert "mirrored" in names and "turned upside down" in names
    assert "turned a quarter to the right" not in names
    assert why.candidates is None and why.readings.source == "a.jpg"
    assert why.greys == (1, 99)  # the means of 0 and 1, and of 98 and 99, rounded up


def test_what_reads_the_same_is_no_news():
    def always(picture):
        return Readings([reading()], picture.shape[:2])

    # Of the looks that leave it where it is; elsewhere it would be another one.
    trials = explain(IMAGE, None, always, KNOWN, lambda *_: 1.0).trials
    assert not {"with more contrast", "as a negative"} & {one.name for one in trials}


@pytest.mark.parametrize(
    ("there", "other", "gain"),
    [
        # Where nothing is read, what counts is what is surest elsewhere.
        ([], reading("12", 0.5), 0.5),
        ([reading("407", 0.6, (60, 60, 70, 90))], reading("12", 0.5), -0.1),
        # In the place of something: a surer one, no shorter, and another.
        ([reading("407", 0.6)], reading("412", 0.7), 0.1),
        ([reading("407", 0.6)], reading("4071", 0.7), 0.1),
        ([reading("407", 0.6)], reading("412", 0.5), None),
        ([reading("407", 0.6)], reading("407", 0.9), None),
        ([reading("407", 0.6)], reading("12", 0.9), None),
        # A part of it is in its place, too.
        ([reading("407", 0.6)], reading("4", 0.9, (10, 20, 30, 32)), None),
        ([Reading("", 0.9, BOX, readable=False)], reading("12", 0.5), 0.5),
    ],
)
def test_what_is_news(there, other, gain):
    def predict(picture):
        plain = picture.shape == IMAGE.shape and (picture == IMAGE).all()
        return Readings(there if plain else [other], picture.shape[:2])

    trials = explain(IMAGE, None, predict, KNOWN, lambda *_: 1.0).trials
    found = {one.name: one.gain for one in trials}.get("as a negative")
    assert found == (None if gain is None else pytest.approx(gain))


@pytest.mark.parametrize(
    ("keeps", "gain", "advised"), [(False, -0.05, False), (True, 0.3, True)]
)
def test_what_a_look_at_the_whole_photo_loses_is_no_gain(keeps, gain, advised):
    far = reading("88", 0.95, (60, 60, 70, 90))

    def predict(picture):
        plain = picture.shape == IMAGE.shape and (picture == IMAGE).all()
        negative = picture.shape == IMAGE.shape and (picture == 255 - IMAGE).all()
        if plain:
            return Readings([reading("407", 0.6), far], picture.shape[:2])
        rows = [reading("412", 0.9), *([far] if keeps else [])] if negative else []
        return Readings(rows, picture.shape[:2])

    why = explain(IMAGE, None, predict, KNOWN, lambda *_: 1.0)
    (one,) = why.trials
    assert one.name == "as a negative" and one.gain == pytest.approx(gain)
    assert why.advice == ([one.advice] if advised else [])


def test_a_reader_explains():
    model = stand_ins.reader_model()
    picture = stand_ins.squares(65, 97)
    reader = Reader(model)
    why = reader.explain(picture)
    assert why.readings.texts == reader.predict(picture).texts
    assert why.candidates and why.seen == pytest.approx(64 / 65)

    class Exported:
        """Runs, and shows nothing of what is inside."""

        def __init__(self):
            inside = KerasRuntime(model)
            self.run, self.scale = inside.run, inside.scale
            self.description, self.card = inside.description, ""

    assert Reader(Exported()).explain(picture).candidates is None


def test_a_photo_that_cannot_be_read():
    with pytest.raises(ImageError, match="10 x 10"):
        Reader(stand_ins.reader_model()).explain(
            np.zeros((10, 10, 3), np.uint8), max_pixels=99
        )
