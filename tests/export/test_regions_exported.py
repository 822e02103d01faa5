"""A reader of regions as a SavedModel: its outputs; what differs is noticed."""

import dataclasses

import keras
import numpy as np
import pytest
import stand_ins
import tensorflow as tf

import fused_ocr
from fused_ocr.config import CropConfig, RecognizerConfig
from fused_ocr.export import saved_model
from fused_ocr.export.check_photos import CheckPhoto
from fused_ocr.export.parity import compare
from fused_ocr.export.saved_model import REGION_OUTPUT_NAMES, export_saved_model
from fused_ocr.fusion import describe, fuse
from fused_ocr.reader import Reader
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.result import Reading, Readings

CROP = CropConfig(size_yx=(16, 32), grow=1.1)
TURNED = (-1.0, 0.5, 0.0, 0.25, 1.0, -0.5, 0.5, 0.0)


@pytest.fixture(scope="module", params=[0, 2], ids=["as found", "refined"])
def model(request):
    """Finds what is bright, says what comes to it, and all there is to say besides;
    with a refiner that looks so often, or none."""
    keras.utils.set_random_seed(4)
    reader = build_recognizer(
        RecognizerConfig(
            arch="goodfellow", size_yx=(16, 32), slots=3, width=2, readable=True,
            kinds=("bib", "plate"),
        ),
        CROP,
    )  # fmt: skip
    kernel, bias = reader.get_layer("place_logits").get_weights()
    bias = bias.reshape(3, 11) - 30.0 * np.eye(11)[10]
    reader.get_layer("place_logits").set_weights([kernel * 30, bias.ravel()])
    finder = stand_ins.detector(("region",), corners=TURNED)
    config = stand_ins.FUSION.replace(crop=CROP, refinements=request.param)
    refiner = stand_ins.refiner() if request.param else None
    return fuse(finder, reader, config, refiner=refiner)


def test_a_reader_of_regions_is_exported(model, tmp_path, monkeypatch):
    # On the even paper of drawn pictures all of the stand-in's scores are ties.
    monkeypatch.setattr(saved_model, "drawn_photos", lambda _: [])
    photos = [
        CheckPhoto("a", stand_ins.squares(131, 197)),
        CheckPhoto("b", stand_ins.squares(101, 151, seed=1)),
    ]
    report = export_saved_model(model, tmp_path / "made", photos=photos)
    assert report.readings >= 4 and report.largest_shift < 0.01
    signatures = tf.saved_model.load(str(tmp_path / "made")).signatures
    for signature in signatures.values():
        names = set(signature.structured_outputs) - {"error"}
        assert sorted(names) == list(REGION_OUTPUT_NAMES)
    loaded = fused_ocr.load(tmp_path / "made")
    assert loaded.description == describe(model)
    for photo in photos:
        here = Reader(model).predict(photo.image)
        there = loaded.predict(photo.image)
        assert there.texts == here.texts and len(here) >= 2
        for one, other in zip(here, there, strict=True):
            np.testing.assert_allclose(one.quad, other.quad, atol=0.01)
            assert one.label == other.label in ("bib", "plate")
            assert (one.readable, one.doubtful) == (other.readable, other.doubtful)


def test_another_corner_label_or_flag_is_a_miss():
    photo = [CheckPhoto("p", np.zeros((9, 9, 3), np.uint8))]
    one = Reading("7", 0.9, (1, 1, 5, 5), "plate")
    truth = [Readings([one], (9, 9))]
    assert not compare(photo, truth, truth).misses
    for changes in (
        {"quad": ((1, 1), (1, 5), (5, 5), (5, 2))},
        {"label": "bib"},
        {"readable": False},
        {"doubtful": True},
    ):
        other = [Readings([dataclasses.replace(one, **changes)], (9, 9))]
        assert len(compare(photo, truth, other).misses) == 1
