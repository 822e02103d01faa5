"""Scores of region readers, against truths made from what a model reads."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
import stand_ins
from PIL import Image
from test_refinement import saying

from fused_ocr.boxes import iou_matrix
from fused_ocr.config import CropConfig, RecognizerConfig
from fused_ocr.fusion import describe, fuse, parts_of
from fused_ocr.reader import Reader
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.training.annotations import AnnotatedPhoto
from fused_ocr.training.evaluation import DetectorAlone, Evaluation
from fused_ocr.training.region_evaluation import (
    CAUSES,
    RegionPhoto,
    evaluate_regions,
    region_photos,
    scene_photo,
)
from fused_ocr.training.regions.region_scene import RegionScene


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(2)
    reader = build_recognizer(
        RecognizerConfig(arch="convctc", size_yx=(16, 32), slots=4, width=4)
    )
    kernel, bias = reader.get_layer("frames").get_weights()
    bias[-1] = -9.0
    reader.get_layer("frames").set_weights([kernel * 9, bias])
    config = stand_ins.FUSION.replace(crop=CropConfig(size_yx=(16, 32), grow=1.1))
    return fuse(stand_ins.detector(("plate",)), reader, config)


@pytest.fixture(scope="module")
def photo(model):
    """A photo, and as the truth just what the model reads in it."""
    image = stand_ins.squares(131, 197)
    readings = Reader(model).predict(image)
    assert len(readings) >= 2
    quads = np.array([one.quad for one in readings], np.float32)
    truth = AnnotatedPhoto(
        Path("p"), readings.boxes, np.zeros(len(readings), np.int64),
        tuple(readings.texts), quads,
    )  # fmt: skip
    return RegionPhoto(image, truth)


def measured(model, *photos):
    return evaluate_regions(model, iter(photos), count=len(photos)).scores


def changed(photo, **columns):
    return RegionPhoto(photo.image, dataclasses.replace(photo.truth, **columns))


def test_all_right(model, photo):
    scores = measured(model, photo)
    for name in (
        "AP50", "first_box", "three_boxes", "exact", "exact_any", "strings",
        "reading_alone",
    ):  # fmt: skip
        assert scores[name] == pytest.approx(1.0), name
    assert np.isnan(scores["readable"])  # this model does not tell
    assert scores["images"] == 1 and scores["regions"] == len(photo.truth.texts)
    assert scores["corner_error"] == pytest.approx(0, abs=1e-6)
    assert scores["character_error_rate"] == 0
    assert not any(scores[cause] for cause in CAUSES)


def test_pictures_of_an_earlier_model_do_not_stay(photo, tmp_path):
    wrong = (Image.fromarray(photo.image), "reading")
    for worst, left in (
        ((wrong,), ["scores.json", "worst.png"]),
        ((), ["scores.json"]),
    ):
        Evaluation({"exact": 0.5}, worst).save(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == left


def test_what_is_wrong_has_its_cause(model, photo):
    texts, n = photo.truth.texts, len(photo.truth.texts)
    other = changed(photo, texts=("0000", *texts[1:]))
    evaluation = evaluate_regions(model, iter([other]), count=1)
    assert evaluation.scores["strings"] == pytest.approx((n - 1) / n)
    assert evaluation.scores["reading"] == pytest.approx(1 / n)
    ((_, caption),) = evaluation.worst
    assert caption == f"reading: 0000 as {texts[0]!r}"

    away = np.array([[100, 100, 125, 125]] * n, np.float32)
    away[1:] = photo.truth.boxes_yxyx[1:]
    gone = measured(model, changed(photo, boxes_yxyx=away, quads_yx=_unknown(n)))
    assert gone["not found"] == pytest.approx(1 / n)

    half = photo.truth.boxes_yxyx.copy()
    half[0, 3] += 1.5 * (half[0, 3] - half[0, 1])
    beside = measured(model, changed(photo, boxes_yxyx=half, quads_yx=_unknown(n)))
    assert beside["box"] == pytest.approx(1 / n)
    assert np.isnan(beside["corner_error"])


def test_corners_apart_by_hand(model, photo):
    n = len(photo.truth.texts)
    quads = photo.truth.quads_yx.copy()
    sides = quads[:, 1, 1] - quads[:, 0, 1]  # the stand-in's boxes are squares
    quads[:, 0, 0] -= 0.2 * sides
    scores = measured(model, changed(photo, quads_yx=quads, texts=("",) * n))
    # One corner of four is off, by a fifth of the side, the longest being 1.2 of it.
    expected = 0.2 / 4 / 1.2
    assert scores["corner_error"] == pytest.approx(expected, rel=0.02)
    assert np.isnan(scores["strings"]) and np.isnan(scores["exact"])


def test_nothing_to_read(model):
    dark = np.zeros((64, 96, 3), np.uint8)
    empty = AnnotatedPhoto(
        Path("p"), np.zeros((0, 4), np.float32), np.zeros(0, np.int64), ()
    )
    scores = measured(model, RegionPhoto(dark, empty))
    assert scores["images"] == 1 and scores["regions"] == 0
    assert np.isnan(scores["first_box"]) and np.isnan(scores["reading"])


def test_scenes_and_files_are_photos(tmp_path):
    scene = RegionScene(
        np.zeros((9, 9, 3), np.uint8), np.array([[1, 2, 5, 8]], np.float32),
        np.array([[[1, 2], [1, 8], [5, 8], [5, 2]]], np.float32), ("7",), ("plate",),
        np.array([True]),
    )  # fmt: skip
    photo = scene_photo(scene)
    assert photo.image is scene.image and photo.truth.texts == ("7",)
    from PIL import Image

    Image.fromarray(photo.image + np.uint8(9)).save(tmp_path / "a.png")
    truth = dataclasses.replace(photo.truth, path=tmp_path / "a.png")
    (read,) = region_photos([truth], [])
    assert read.truth is truth and (read.image == 9).all()


def test_a_region_found_badly_and_refined_well_is_misread(model):
    # The refiner says of any crop that the region is as high as the crop, 1.3 times the
    # square found, and 1.9 times as wide as that: not so wide that neighbours are one.
    left, right = 0.5 - 0.95 / 2.6, 0.5 + 0.95 / 2.6
    wide = np.array([(0, left), (0, right), (1, right), (1, left)])
    parts, config = parts_of(model), describe(model).fusion
    recognizer, once = parts.recognize.recognizer, config.replace(refinements=1)
    refiner = saying(wide, size_yx=(16, 32), grow=1.3)
    refined = fuse(parts.detector, recognizer, once, refiner=refiner)
    image = stand_ins.squares(131, 197)
    readings = Reader(refined).predict(image)
    n = len(readings)
    found = DetectorAlone(model)(image)[0]
    nearest = iou_matrix(readings.boxes, found).max(1)
    assert n >= 2 and ((nearest > 0.1) & (nearest < 0.5)).all()
    quads = np.array([one.quad for one in readings], np.float32)
    truth = AnnotatedPhoto(
        Path("p"), readings.boxes, np.zeros(n, np.int64),
        ("0000", *readings.texts[1:]), quads,
    )  # fmt: skip
    scores = measured(refined, RegionPhoto(image, truth))
    assert scores["AP50"] == pytest.approx(1) and scores["box"] == 0
    assert scores["reading"] == pytest.approx(1 / n)
    # As it was found, without the refiner, it is the box that is wrong.
    assert measured(model, RegionPhoto(image, truth))["box"] >= 1 / n


def _unknown(n):
    return np.full((n, 4, 2), np.nan, np.float32)


def test_what_is_found_and_read_as_nothing_was_found(photo):
    keras.utils.set_random_seed(2)
    reader = build_recognizer(
        RecognizerConfig(arch="convctc", size_yx=(16, 32), slots=4, width=4)
    )
    kernel, bias = reader.get_layer("frames").get_weights()
    bias[-1] = 99.0
    reader.get_layer("frames").set_weights([kernel, bias])
    config = stand_ins.FUSION.replace(crop=CropConfig(size_yx=(16, 32), grow=1.1))
    blank = fuse(stand_ins.detector(("plate",)), reader, config)
    scores = measured(blank, photo)
    assert scores["reading"] == 1 and scores["not found"] == 0
    assert scores["strings"] == 0 and scores["exact"] == 0


def test_copies_of_a_recogniser_are_measured(model, photo):
    parts = parts_of(model)
    config = describe(model).fusion.replace(flow="multiflow")
    copied = fuse(parts.detector, parts.recognize.recognizer, config)
    assert measured(copied, photo)["strings"] == 1
