"""Annotated characters as scenes: their lines are those that a model would make."""

from pathlib import Path

import numpy as np
from PIL import Image

from fused_ocr.assembly import AssembleCharacters
from fused_ocr.config import AssemblyConfig
from fused_ocr.training.annotations import AnnotatedPhoto
from fused_ocr.training.evaluation import scenes_of


def boxes_of(boxes):
    return np.array(boxes, np.float32).reshape(-1, 4)


def photo(path, characters, boxes):
    Image.new("RGB", (200, 100)).save(path)
    labels = np.zeros(len(boxes), np.int64)
    return AnnotatedPhoto(path, boxes_of(boxes), labels, tuple(characters))


def test_characters_beside_each_other_are_one_string(tmp_path):
    # In the file's order, not the reader's; the last is unknown and stands far away.
    boxes = [
        (61, 30, 81, 42), (10, 10, 30, 22), (60, 15, 80, 27), (11, 40, 31, 52),
        (10, 25, 30, 37), (10, 150, 30, 162),
    ]  # fmt: skip
    photos = [
        photo(tmp_path / "a.png", ["2", "6", "7", "3", "0", ""], boxes),
        photo(tmp_path / "b.png", [], []),
        AnnotatedPhoto(Path("gone.png"), boxes_of([]), np.zeros(0, np.int64), ()),
    ]
    assemble = AssembleCharacters(AssemblyConfig(slots=8), "0123456789", ("digit",))
    failed = []
    first, second = scenes_of(photos, assemble, failed)
    assert first.texts == ("603", "", "72")
    assert second.texts == ()
    assert [error.source for error in failed] == ["gone.png"]
