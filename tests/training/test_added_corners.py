"""Corners of a refiner for boxes that have none, from the command line."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from test_refinement import saying

from fused_ocr.cli import main
from fused_ocr.config import RecognizerConfig
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.saving import save_model
from fused_ocr.training.annotations import (
    AnnotatedPhoto,
    read_annotations,
    write_annotations,
)

QUAD = np.array([(1, 2), (1, 30), (9, 30), (9, 2)], np.float32)


@pytest.fixture
def annotated(tmp_path):
    """A photo with corners on the first region, one without on any, one with none."""
    for name in "abc":
        Image.new("RGB", (90, 70), "white").save(tmp_path / f"{name}.png")
    boxes = np.array([(1, 2, 9, 30), (10, 20, 30, 60)], np.float32)
    quads = np.stack([QUAD, np.full((4, 2), np.nan, np.float32)])
    labels = np.zeros(2, np.int64)
    photos = [
        AnnotatedPhoto(tmp_path / "a.png", boxes, labels, ("1", "2"), quads),
        AnnotatedPhoto(tmp_path / "b.png", boxes[1:], labels[1:], ("3",)),
        AnnotatedPhoto(tmp_path / "c.png", boxes[:0], labels[:0], ()),
    ]
    write_annotations(tmp_path / "boxes.csv", photos, ("plate",))
    (tmp_path / "classes.csv").write_text("plate,0\n")
    return tmp_path


def add_corners(folder, refiner):
    save_model(refiner, folder / "refiner.keras")
    names = ("boxes.csv", "classes.csv", "refiner.keras", "corners.csv")
    return CliRunner().invoke(main, ["add-corners", *(str(folder / n) for n in names)])


def test_only_what_has_none_gets_corners(annotated):
    # Looked at twice, each time a tenth of the crop's sides lies around.
    inner = np.array([(0.1, 0.1), (0.1, 0.9), (0.9, 0.9), (0.9, 0.1)])
    done = add_corners(annotated, saying(inner, size_yx=(16, 32), grow=1.0))
    assert done.exit_code == 0, done.output
    assert done.output.endswith("2 of 3 got corners\n")
    first, second, empty = read_annotations(annotated / "corners.csv", ("plate",))
    assert first.texts == ("1", "2") and second.texts == ("3",) and empty.texts == ()
    np.testing.assert_array_equal(first.quads_yx[0], QUAD)
    np.testing.assert_array_equal(first.boxes_yxyx[0], (1, 2, 9, 30))
    # 20 x 40 shrinks to 16 x 32 and to 12.8 x 25.6 about the same middle.
    y1, x1, y2, x2 = 13.6, 27.2, 26.4, 52.8
    expected = [(y1, x1), (y1, x2), (y2, x2), (y2, x1)]
    for quad in (first.quads_yx[1], second.quads_yx[0]):
        np.testing.assert_allclose(quad, expected, atol=0.02)
    np.testing.assert_allclose(second.boxes_yxyx, [(14, 27, 26, 53)])


def test_another_model_is_refused(annotated):
    config = RecognizerConfig(arch="convctc", size_yx=(16, 32), slots=3, width=2)
    done = add_corners(annotated, build_recognizer(config))
    assert done.exit_code == 1 and "is not a refiner" in done.output
    assert "Traceback" not in done.output
    assert not (annotated / "corners.csv").exists()


def test_what_cannot_be_looked_at_stays_as_it_is(annotated):
    # Of a box beyond the right border nothing would be left in the photo.
    boxes = np.array([(10, 20, 30, 60), (10, 195, 30, 199)], np.float32)
    photos = [
        AnnotatedPhoto(annotated / name, boxes, np.zeros(2, np.int64), ("1", "2"))
        for name in ("a.png", "empty.png", "b.png")
    ]
    (annotated / "empty.png").write_bytes(b"")
    write_annotations(annotated / "boxes.csv", photos, ("plate",))
    inner = np.array([(0.1, 0.1), (0.1, 0.9), (0.9, 0.9), (0.9, 0.1)])
    done = add_corners(annotated, saying(inner, size_yx=(16, 32), grow=1.0))
    assert done.exit_code == 1, done.output
    assert "2 of 6 got corners" in done.output
    assert "empty.png: empty: 0 bytes" in done.output
    assert "Photos that could not be read: 1." in done.output
    found = read_annotations(annotated / "corners.csv", ("plate",))
    assert [p.path.name for p in found] == ["a.png", "empty.png", "b.png"]
    for one, known in zip(found, ([1, 0], [0, 0], [1, 0]), strict=True):
        assert np.isfinite(one.quads_yx).all((1, 2)).tolist() == known
        np.testing.assert_array_equal(one.boxes_yxyx[1], boxes[1])
        assert one.texts == ("1", "2")
