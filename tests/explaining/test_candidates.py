"""What a reader half sees, and what left it out."""

import keras
import numpy as np
import pytest
import stand_ins

from fused_ocr.alphabet import Alphabet
from fused_ocr.config import CropConfig, RecognizerConfig
from fused_ocr.explaining.candidates import candidates_of
from fused_ocr.fusion import fuse
from fused_ocr.reader import Reader
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.result import Reading, Readings
from fused_ocr.runtimes import KerasRuntime

STRINGS = stand_ins.FUSION.replace(crop=CropConfig(size_yx=(16, 32), grow=1.1))


NOTHING = Readings([], (64, 96))


def photo(brightness, height=64, width=96):
    """A photo as large as the stand-ins' frame, with squares of some brightness."""
    picture = np.zeros((height, width, 3), np.uint8)
    for left, bright in zip((0, 32, 64), brightness, strict=False):
        picture[16:32, left : left + 16] = round(255 * bright)
    return picture


def explained(model, picture, read=None):
    runtime = KerasRuntime(model)
    known = runtime.description
    return candidates_of(
        runtime.candidates(picture),
        Alphabet(known.alphabet),
        known.fusion,
        Reader(runtime).predict(picture) if read is None else read,
    )


def characters(**assembly):
    config = stand_ins.FUSION
    return stand_ins.reader_model(assembly=config.assembly.replace(**assembly))


def regions(*, readable=30.0, text=True, **assembly):
    """Reads strings; how readable they are, and whether there are any, is given."""
    keras.utils.set_random_seed(5)
    reader = build_recognizer(
        RecognizerConfig(
            arch="convctc", size_yx=(16, 32), slots=4, width=4, readable=True
        ),
        STRINGS.crop,
    )
    head = reader.get_layer("readable")
    head.set_weights([head.get_weights()[0] * 0, np.array([readable])])
    frames = reader.get_layer("frames")
    kernel, bias = frames.get_weights()
    bias[:] = 0.0
    bias[-1 if not text else 7] = 20.0
    frames.set_weights([kernel * 0, bias])
    config = STRINGS.replace(assembly=STRINGS.assembly.replace(**assembly))
    return fuse(stand_ins.detector(("plate",)), reader, config)


def test_what_is_read_comes_first_and_is_not_left_out():
    # The stand-in's scores are brightness, and its threshold is 0.55.
    model = characters()
    picture = photo((0.9, 0.4, 0.7))
    read = Reader(model).predict(picture)
    found = explained(model, picture, read)
    kept = [one for one in found if not one.left_out]
    boxes = [character.box for one in read for character in one.characters]
    assert len(boxes) > 0 and found[: len(kept)] == kept
    np.testing.assert_allclose(sorted(one.box for one in kept), sorted(boxes))
    scores = [one.detector for one in found]
    assert scores == sorted(scores, reverse=True)


def test_the_detector_is_not_sure_enough():
    found = explained(characters(), photo((0.408,)))
    first = found[0]
    assert first.settings == ("score_threshold",)
    assert first.detector == pytest.approx(0.4, abs=0.005)
    assert first.left_out == "detector 40%, needs 55%"
    assert first.reached == pytest.approx(first.detector / 0.55)
    assert first.nearly(0.7) and not first.nearly(0.8)
    assert len(first.text) == 1
    assert first.score == pytest.approx(first.detector * first.recognizer)
    assert first.as_reading().box == first.box


def test_nothing_is_likely():
    assert explained(characters(), photo((0.015,))) == []


def test_both_together_are_not_sure_enough():
    found = explained(characters(min_score=1.0), photo((0.9,)))
    assert found[0].settings == ("min_score",)
    assert found[0].left_out.startswith("in all ")
    assert found[0].left_out.endswith("%, needs 100%")


def test_all_thresholds_that_are_missed_are_told():
    found = explained(regions(readable=-1.0, min_score=0.2), photo((0.408,)))
    assert found[0].settings == ("score_threshold", "min_readable", "min_score")
    # 0.40 * 0.269 = 0.108; the text's only character is sure.
    assert found[0].left_out == (
        "detector 40%, needs 55%; readable 27%, needs 50%; in all 11%, needs 20%"
    )
    assert found[0].reached == pytest.approx(0.108 / 0.2, abs=0.01)


@pytest.mark.parametrize(
    ("came", "needed", "told"),
    [
        (0.2, 0.3, "detector 20%, needs 30%"),
        (0.099, 0.1, "detector 9.9%, needs 10.0%"),
        (0.39996, 0.4, "detector 39.996%, needs 40.000%"),
    ],
)
def test_parts_that_round_alike_are_told_apart(came, needed, told):
    rows = {
        "boxes": np.array([[16, 0, 32, 16]], np.float32),
        "scores": np.array([came]),
        "characters": np.eye(3, dtype=np.float32)[np.array([[0]])],
    }
    selection = stand_ins.FUSION.selection.replace(score_threshold=needed)
    config = stand_ins.FUSION.replace(selection=selection)
    (one,) = candidates_of(rows, Alphabet("ab"), config, NOTHING)
    assert one.left_out == told


def test_more_than_the_model_takes():
    selection = stand_ins.FUSION.selection.replace(max_detections=2)
    found = explained(stand_ins.reader_model(selection=selection), photo((0.9,) * 3))
    above = [one for one in found if one.detector >= 0.55]
    assert len(above) > 2
    assert [one.left_out for one in above[:2]] == ["", ""]
    for one in above[2:]:
        assert one.settings == ("max_detections",) and not one.nearly(0.0001)
        assert one.left_out == "no more than 2 are taken, the surest"


def test_multiflow_has_as_many_as_its_copies():
    config = stand_ins.FUSION.replace(flow="multiflow")
    found = explained(stand_ins.reader_model(config), photo((0.9, 0.3)))
    assert 0 < len(found) <= config.selection.max_detections


def test_a_reading_is_one_candidate_of_that_text():
    # Two finds of one region, brought together: only one is what was read.
    rows = {
        "boxes": np.array([[16, 0, 32, 16]] * 2, np.float32),
        "scores": np.array([0.9, 0.3], np.float32),
        "characters": np.eye(3, dtype=np.float32)[np.array([[0, 2], [0, 2]])],
    }
    config = stand_ins.FUSION
    read = Readings([Reading("a", 0.9, (16, 0, 32, 16))], (64, 96))
    first, second = candidates_of(rows, Alphabet("ab"), config, read)
    assert first.left_out == "" and second.left_out == "detector 30%, needs 55%"
    other = Readings([Reading("b", 0.9, (16, 0, 32, 16))], (64, 96))
    first, _ = candidates_of(rows, Alphabet("ab"), config, other)
    assert first.left_out == "it lies on something that is surer"


def test_a_line_without_a_sure_character():
    found = explained(characters(min_line_score=1.0), photo((0.9,)))
    assert found[0].settings == ("min_line_score",)
    assert found[0].left_out == "no character of its line is 100% sure"


def test_regions_are_explained_too():
    found = explained(regions(), photo((0.9, 0.3)))
    assert found[0].left_out == "" and found[0].text == "7"
    settings = {one.settings for one in found if one.left_out}
    assert settings == {("score_threshold",)}


def test_regions_have_no_lines():
    found = explained(regions(min_line_score=1.0), photo((0.9,)), NOTHING)
    assert found[0].left_out == "it lies on something that is surer"


def test_an_unreadable_region_keeps_its_place_and_is_told():
    found = explained(regions(readable=-1.0), photo((0.9,)))
    # The logistic function of -1 is 0.269.
    assert found[0].readable == pytest.approx(0.269, abs=1e-3)
    assert found[0].settings == ("min_readable",) and found[0].text == "7"
    assert found[0].left_out == "readable 27%, needs 50%"


def test_a_region_without_a_character():
    first = explained(regions(text=False), photo((0.9,)))[0]
    assert (first.text, first.settings, first.score) == ("", (), 0.0)
    assert not first.nearly(0.0)
    assert first.left_out == "the recogniser sees no character in it"


def test_regions_that_others_outdo():
    # Without suppression, boxes of all levels find the same square.
    selection = STRINGS.selection.replace(iou_threshold=0.95, nested_threshold=1.0)
    base = regions()
    model = fuse(
        stand_ins.detector(("plate",)),
        base.get_layer("recognize").recognizer,
        STRINGS.replace(selection=selection),
    )
    reasons = {one.left_out for one in explained(model, photo((1.0, 1.0, 1.0)))}
    assert "it lies on something that is surer" in reasons
