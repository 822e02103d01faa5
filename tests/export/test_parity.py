"""The comparison that decides whether an artefact is published."""

import numpy as np
import pytest

from fused_ocr.errors import CheckFailedError
from fused_ocr.export.check_photos import CheckPhoto
from fused_ocr.export.parity import compare
from fused_ocr.result import Reading, Readings

PHOTO = CheckPhoto("photo", np.zeros((50, 60, 3), np.uint8))


def readings(*texts, shift=0.0):
    boxes = [(1 + shift, 2, 30, 40 + 10 * i) for i in range(len(texts))]
    pairs = zip(texts, boxes, strict=True)
    return Readings([Reading(t, 0.9, box, "character") for t, box in pairs], (50, 60))


@pytest.mark.parametrize(
    ("truth", "found", "misses"),
    [
        (readings(), readings(), 0),
        (readings("12"), readings("12"), 0),
        (readings("12"), readings("12", shift=0.5), 0),  # the tolerance itself
        (readings("12"), readings("12", shift=0.51), 1),
        (readings("12"), readings("12", shift=1e9), 1),
        (readings("12"), readings("13"), 1),
        (readings("12"), readings(), 1),
        (readings(), readings("1"), 1),
        (readings("1", "2"), readings("2", "1"), 1),  # the order counts
    ],
)
def test_compare(truth, found, misses):
    report = compare([PHOTO], [truth], [found])
    assert len(report.misses) == misses
    assert report.readings == len(truth)
    assert report.empty == (len(truth) == 0)


@pytest.mark.parametrize(
    ("truth", "found", "misses"),
    [
        (readings("12", ""), readings("12"), 0),  # a region without a text
        (readings("12"), readings("12", "", shift=-2), 0),
        (readings("12"), readings("13"), 1),
        (readings("12"), readings(), 1),
        (readings("12"), readings("12", shift=3.7), 0),  # of a side of 38
        (readings("12"), readings("12", shift=3.9), 1),
    ],
)
def test_compare_where_activations_are_rounded(truth, found, misses):
    assert len(compare([PHOTO], [truth], [found], rounded=True).misses) == misses


def test_labels_count_unless_activations_are_rounded():
    one = [Readings([Reading("1", 0.5, (0, 0, 9, 9), "bib")], (50, 60))]
    other = [Readings([Reading("1", 0.5, (0, 0, 9, 9), "meter")], (50, 60))]
    (miss,) = compare([PHOTO], one, other).misses
    assert miss == "photo: '1', meter for '1', bib"
    assert not compare([PHOTO], one, other, rounded=True).misses


def test_require():
    compare([PHOTO], [readings("1")], [readings("1")]).require()
    with pytest.raises(CheckFailedError, match=r"photo: \['2'\] for \['1'\]"):
        compare([PHOTO], [readings("1")], [readings("2")]).require()
    with pytest.raises(CheckFailedError, match="read nothing in any of the 1 check"):
        compare([PHOTO], [readings()], [readings()]).require()
