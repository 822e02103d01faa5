"""Explanations: what is tried, what is advised, and how it is told."""

import json

import numpy as np
import pytest
import stand_ins

from fused_ocr.errors import ImageError
from fused_ocr.explaining.candidates import Candidate
from fused_ocr.explaining.explanation import Explanation, Trial, explain
from fused_ocr.reader import Reader
from fused_ocr.result import Reading, Readings
from fused_ocr.runtimes import KerasRuntime

BOX = (10.0, 20.0, 30.0, 60.0)
SIZE = (80, 100)
IMAGE = np.tile(np.arange(100, dtype=np.uint8)[None, :, None], (80, 1, 3))


def reading(text="407", score=0.5, box=BOX):
    return Reading(text, score, box)


def candidate(setting="score_threshold", text="40", detector=0.2):
    quad = reading().quad
    return Candidate(text, BOX, quad, detector, 0.5, 1.0, "because", setting)


def explanation(read=(), candidates=(), trials=(), brightness=(50.0, 29.0)):
    readings = Readings(read, SIZE, "a.jpg")
    return Explanation(readings, 0.5, brightness, candidates, trials, IMAGE)


def trial(name, score, advice=None):
    return Trial(name, advice or f"Do {name}.", (reading("12", score),))


# --- advice ---------------------------------------------------------------------------


def test_the_surest_looks_are_advised_and_no_more_than_two():
    trials = (trial("a", 0.3), trial("b", 0.9), trial("c", 0.6))
    assert explanation(trials=trials).advice == ["Do b.", "Do c."]


def test_a_look_that_is_no_surer_than_the_photo_is_not_advised():
    assert explanation([reading(score=0.5)], trials=(trial("a", 0.54),)).advice == []
    assert explanation([reading(score=0.5)], trials=(trial("a", 0.56),)).advice != []


def test_a_reading_without_a_text_is_none():
    unreadable = Reading("", 0.9, BOX, readable=False)
    assert explanation([unreadable], trials=(trial("a", 0.3),)).advice == ["Do a."]


def test_a_flat_photo():
    (advice,) = explanation(brightness=(12.0, 1.5)).advice
    assert "12 on average, and 1.5 from it" in advice
    assert explanation([reading()], brightness=(12.0, 1.5)).advice == []


def test_thresholds_are_advised_where_nothing_else_is():
    both = (candidate("min_score"), candidate(detector=0.3), candidate(detector=0.1))
    first, second = explanation(candidates=both).advice
    assert "lower --score-threshold" in first and "lower --min-score" in second
    assert explanation(candidates=both, trials=(trial("a", 0.3),)).advice == ["Do a."]
    assert explanation([reading()], candidates=both).advice == []


@pytest.mark.parametrize("candidates", [None, (), (candidate("", ""),)])
def test_nothing_helps(candidates):
    (advice,) = explanation(candidates=candidates).advice
    assert advice.startswith("Nothing here looks to this model")


# --- as text, JSON and a picture ------------------------------------------------------


def test_the_text():
    why = explanation([reading()], (candidate(),), (trial("mirrored", 0.9),))
    assert str(why).splitlines() == [
        "a.jpg: 100 x 80 pixels, shown to the detector 0.50 times as large",
        "  read:",
        "    '407' 50% at y 10-30, x 20-60",
        "  left out:",
        "    '40' at y 10-30, x 20-60 (detector 20%, characters 50%): because",
        "  mirrored:",
        "    '12' 90% at y 10-30, x 20-60",
        "  advice:",
        "    Do mirrored.",
    ]


def test_the_text_of_nothing():
    lines = str(explanation()).splitlines()
    assert lines[1:3] == ["  read: nothing", "  left out: nothing that may be a text"]
    exported = str(explanation([reading()], None))
    assert "left out" not in exported and exported.endswith("advice: none")


def test_a_long_list_is_cut_short():
    many = tuple(candidate(text=str(i)) for i in range(11))
    lines = str(explanation(candidates=many)).splitlines()
    assert "    and 3 more" in lines and sum("because" in one for one in lines) == 8


def test_json():
    why = explanation([reading()], (candidate(),), (trial("mirrored", 0.9),))
    values = json.loads(json.dumps(why.to_dict()))
    assert values["readings"][0]["text"] == "407" and values["source"] == "a.jpg"
    assert values["candidates"][0]["score"] == pytest.approx(0.1)
    assert values["candidates"][0]["setting"] == "score_threshold"
    assert values["trials"][0]["readings"][0]["box"] == list(BOX)
    assert values["advice"] == ["Do mirrored."]
    assert explanation(candidates=None).to_dict()["candidates"] is None


def test_the_picture_shows_what_was_left_out():
    plain = np.asarray(explanation([reading()]).draw())
    more = np.asarray(explanation([reading()], (candidate(),)).draw())
    read = (candidate(),)
    kept = tuple(Candidate("40", BOX, reading().quad, 0.9, 1.0, 1.0) for _ in read)
    same = np.asarray(explanation([reading()], kept).draw())
    assert (plain != more).any() and (plain == same).all()


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
    why = explain(IMAGE, "a.jpg", stubborn(upright=True), lambda *_: 1.0)
    names = [one.name for one in why.trials]
    assert "mirrored" in names and "turned upside down" in names
    assert "turned a quarter to the right" not in names
    assert why.candidates is None and why.readings.source == "a.jpg"
    assert why.brightness == pytest.approx((49.5, 28.866), abs=1e-3)


def test_what_reads_the_same_is_no_news():
    def always(picture):
        return Readings([reading()], picture.shape[:2])

    assert explain(IMAGE, None, always, lambda *_: 1.0).trials == ()


def test_a_worse_reading_of_the_same_place_is_no_news():
    def predict(picture):
        plain = picture.shape == IMAGE.shape and (picture == IMAGE).all()
        one = reading("407", 0.6) if plain else reading("12", 0.5)
        return Readings([one], picture.shape[:2])

    trials = explain(IMAGE, None, predict, lambda *_: 1.0).trials
    # Where the other look places its reading elsewhere in the photo, it is news.
    assert "as a negative" not in [one.name for one in trials]
    assert "turned upside down" in [one.name for one in trials]


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
