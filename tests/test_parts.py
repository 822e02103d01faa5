"""The parts of readers, by name or file, by themselves or out of a fused reader."""

import pytest
import stand_ins

from fused_ocr.detection.retinanet import decoding_of
from fused_ocr.errors import (
    ArtefactDamagedError,
    ArtefactNotFoundError,
    ConfigError,
)
from fused_ocr.parts import load_finder, load_part
from fused_ocr.recognition.recognizer import alphabet_of, reads_strings


def test_parts_of_shipped_readers():
    assert alphabet_of(load_part("digits", "recognizer")).characters == "0123456789"
    assert reads_strings(load_part("plates", "recognizer"))
    assert decoding_of(load_part("plates", "detector")).labels == ("plate",)
    assert load_part("plates", "refiner").name == "refiner"
    with pytest.raises(ConfigError, match=r"'digits' has no refiner.*'plates'"):
        load_part("digits", "refiner")


def test_a_part_by_itself(tmp_path):
    detector, recognizer = tmp_path / "d.keras", tmp_path / "r.keras"
    stand_ins.detector().save(detector)
    stand_ins.recognizer().save(recognizer)
    assert load_part(detector, "detector").name == "detector"
    assert load_part(recognizer, "recognizer").name == "recognizer"
    for path, part in [(detector, "recognizer"), (recognizer, "detector")]:
        with pytest.raises(ArtefactDamagedError, match=f"is not a {part[:5]}"):
            load_part(path, part)
    with pytest.raises(ArtefactDamagedError, match="is not a refiner"):
        load_part(recognizer, "refiner")
    alone = load_finder(detector)
    assert alone.refiner is None and alone.config.frame_yx == (384, 384)
    with pytest.raises(ArtefactDamagedError, match="is not a detector"):
        load_finder(recognizer)


def test_a_finder_brings_its_settings():
    digits, plates = load_finder("digits"), load_finder("plates")
    assert digits.refiner is None
    assert digits.config.selection.score_threshold == 0.25
    assert digits.config.refinements == 2  # for a refiner that may come
    assert plates.refiner is not None
    assert plates.config.selection.max_detections == 16


def test_what_is_no_part_is_refused(tmp_path):
    with pytest.raises(ArtefactNotFoundError, match="nor an existing path"):
        load_part("nothing", "detector")
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(ConfigError, match="can only read"):
        load_part(tmp_path, "recognizer")
