"""Which regions are kept, in which pixels, and what is said of the others."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from source_files import save_photo

from fused_ocr.errors import ConfigError
from fused_ocr.training.formats.checking import Rules, keep_regions
from fused_ocr.training.formats.records import LEVELS, PhotoRecord, Region, rectangle
from fused_ocr.training.photo_header import PhotoHeader, read_header

UPRIGHT = PhotoHeader(61, 101, 1, "JPEG")


def record(*regions, **changes):
    return PhotoRecord(("a.jpg",), Path(), "a.xml", regions, **changes)


def box(*edges, label="plate", text="", place="object 1", **changes):
    return Region(rectangle(*edges), label, text, place, **changes)


def keep(one, header=UPRIGHT, **rules):
    said = []
    kept = keep_regions(one, header, Rules(**rules), lambda *what: said.append(what))
    assert all(kind in LEVELS for kind, _, _ in said)
    return kept, said


def test_a_region_as_it_is():
    ((one,), said) = keep(record(box(1, 2, 30.5, 40, text=" B 1 ")))
    assert one.box_yxyx.tolist() == [2, 1, 40, 30.5]
    assert one.box_yxyx.dtype == one.corners_yx.dtype == np.float32
    assert np.isnan(one.corners_yx).all()
    assert (one.label, one.text, one.readable) == ("plate", "B 1", True)
    assert said == []


def test_parts_of_the_photo_and_all_of_it():
    parts = record(box(0.25, 0.5, 0.5, 1), Region(None, "p"), relative=True)
    (kept, _) = keep(parts)
    # y of 61, x of 101
    assert [one.box_yxyx.tolist() for one in kept] == [
        [30.5, 25.25, 61, 50.5],
        [0, 0, 61, 101],
    ]


def test_corners_and_their_bounds():
    four = np.array([[5.0, 10], [8, 40], [20, 39], [17, 9]])
    regions = [
        Region(four, "p", ordered=True),
        Region(np.roll(four, 1, 0), "q"),
        Region(four[:3], "r"),
    ]
    (kept, said) = keep(record(*regions))
    for one in kept[:2]:
        assert one.corners_yx.tolist() == four.tolist()
        assert one.box_yxyx.tolist() == [5, 9, 20, 40]
    assert np.isnan(kept[2].corners_yx).all()
    assert said == []


def test_corners_that_cross_are_said_if_they_were_meant():
    crossing = np.array([[5.0, 10], [20, 39], [8, 40], [17, 9]])
    ((one,), said) = keep(record(Region(crossing, "p", ordered=True, place="line 3")))
    assert np.isnan(one.corners_yx).all()
    ((kind, place, reason),) = said
    assert (kind, place) == ("corners left out", "a.xml, line 3")
    assert reason.startswith("10,5 39,20 40,8 9,17 is not convex")


@pytest.mark.parametrize(
    ("edges", "kind", "reason"),
    [
        ((30, 2, 30, 40), "empty box", "box x1=30 y1=2 x2=30 y2=40 is empty"),
        ((30, 2, 10, 40), "empty box", "is empty or inverted"),
        ((0, 0, 0, 0), "empty box", "is empty or inverted"),
        ((120, 2, 130, 40), "box outside photo", "in a photo 101 wide and 61 high"),
        ((-9, -9, -1, -1), "box outside photo", "x1=-9"),
        ((100.5, 2, 130, 40), "empty box", "shows less than a pixel"),
        ((5, 6, 9, 6.4), "empty box", "shows less than a pixel"),
        ((1e300, 0, 2e300, 9), "empty box", "is empty or inverted"),
    ],
)
def test_boxes_that_are_left_out(edges, kind, reason):
    kept, said = keep(record(box(*edges)))
    # The photo was not empty, and so is no negative.
    assert kept is None
    ((found, place, why),) = said
    assert (found, place) == (kind, "a.xml, object 1")
    assert reason in why
    kept, _ = keep(record(box(*edges), box(1, 2, 3, 4)))
    assert len(kept) == 1


def test_parts_taken_for_pixels_get_a_hint():
    _, said = keep(record(box(0.25, 0.5, 0.5, 1)))
    assert said[0][2].endswith("If these are parts of width and height: --relative")


def test_parts_beyond_all_photos():
    one = record(box(0, 0.5, 1e308, 1), relative=True)
    ((kept,), _) = keep(one)
    assert kept.box_yxyx.tolist() == [30.5, 0, 61, 101]


def test_boxes_over_the_edge_are_cut_and_said():
    (kept, said) = keep(record(box(-3, 2, 30, 40), box(-0.4, 2, 30, 61.4)))
    assert [one.box_yxyx.tolist() for one in kept] == [[2, 0, 40, 30], [2, 0, 61, 30]]
    ((kind, _, reason),) = said  # less than half a pixel is rounding
    assert kind == "box cut at the edge"
    assert reason == "box x1=-3 y1=2 x2=30 y2=40 in a photo of 101x61"


def test_corners_stay_outside_where_the_box_is_cut():
    four = np.array([[5.0, -10], [5, 40], [20, 40], [20, -10]])
    ((one,), _) = keep(record(Region(four, "p", ordered=True)))
    assert one.box_yxyx.tolist() == [5, 0, 20, 40]
    assert one.corners_yx.tolist() == four.tolist()


def test_duplicates():
    (kept, said) = keep(
        record(
            box(1, 2, 3, 4, text="A"),
            box(1, 2, 3, 4, text="A", place="object 2"),
            box(1, 2, 3, 4, text="B"),
            box(1, 2, 3, 4, text="A", label="sign"),
        )
    )
    assert len(kept) == 3
    assert [(kind, place) for kind, place, _ in said] == [
        ("duplicate box", "a.xml, object 2")
    ]


def test_classes_that_are_not_asked_for_leave_a_negative():
    (kept, said) = keep(record(box(1, 2, 3, 4, label="car")), only=("plate",))
    assert kept == []
    ((kind, place, reason),) = said
    assert (kind, place) == ("class not asked for", "a.xml, object 1")
    assert "'car'" in reason


def test_one_label_for_all():
    (kept, _) = keep(
        record(box(1, 2, 3, 4), box(5, 6, 7, 8, label="b")),
        label="text",
        only=("b",),
    )
    assert [one.label for one in kept] == ["text"]


def test_texts_that_nobody_can_read():
    regions = [
        box(1, 2, 3, 4, text="###"),
        box(1, 2, 3, 5, text="illegible"),
        box(1, 2, 3, 6, text="guess", readable=False),
        box(1, 2, 3, 7, text="#"),
    ]
    (kept, _) = keep(record(*regions))
    assert [(one.text, one.readable) for one in kept] == [
        ("", False),
        ("illegible", True),
        ("", False),
        ("#", True),
    ]
    (kept, _) = keep(record(*regions), unreadable=("#", "illegible"))
    assert [one.text for one in kept] == ["###", "", "", ""]


def test_texts_outside_the_alphabet_go_and_their_boxes_stay():
    regions = [box(1, 2, 3, 4, text="B1"), box(1, 2, 3, 5, text="bé1")]
    (kept, said) = keep(record(*regions), alphabet="B1")
    assert [(one.text, one.readable) for one in kept] == [("B1", True), ("", True)]
    ((kind, _, reason),) = said
    assert kind == "text outside alphabet"
    assert reason == "'bé1' has 'b' 'é'; its box stays, without text"


def test_texts_are_composed():
    ((one,), said) = keep(record(box(1, 2, 3, 4, text="e\u0301")), alphabet="é")
    assert (one.text, said) == ("é", [])


@pytest.mark.parametrize("bad", [{"text": "\ud800"}, {"label": "a\0"}])
def test_what_no_file_can_hold_is_no_text(bad):
    kept, said = keep(record(box(1, 2, 3, 4, **bad)))
    assert kept is None
    assert [kind for kind, _, _ in said] == ["malformed"]
    said[0][2].encode()


def test_damaged_photos_are_no_negatives():
    assert keep(record())[0] == []
    assert keep(record(damaged=1))[0] is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_drawn_on_the_photo_as_it_is_stored(tmp_path, orientation):
    # A bright rectangle, found again where Pillow turns it to.
    photo = Image.new("L", (101, 61))
    photo.paste(255, (10, 20, 40, 25))
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        x1, y1, x2, y2 = ImageOps.exif_transpose(image).getbbox()
    header = read_header(tmp_path / "a.png")
    four = np.array([[20.0, 10], [20, 40], [25, 40], [25, 10]])
    one = record(box(10, 20, 40, 25), Region(four, "q"), size_yx=(61, 101))
    kept, said = keep(one, header, unturned=True)
    for region in kept:
        assert region.box_yxyx.tolist() == [y1, x1, y2, x2]
    assert kept[1].corners_yx.tolist() == [[y1, x1], [y1, x2], [y2, x2], [y2, x1]]
    turned = "turned upright"
    assert [kind for kind, _, _ in said] == ([] if orientation == 1 else [turned])
    if orientation > 4:
        # A size that only the stored photo has tells the same.
        again, _ = keep(one, header)
        assert again[0].box_yxyx.tolist() == [y1, x1, y2, x2]


def test_boxes_drawn_on_the_upright_photo(tmp_path):
    header = read_header(save_photo(tmp_path / "a.jpg", 101, 61, 6))
    assert header.size_yx == (101, 61)
    for size in ((101, 61), None):
        ((one,), said) = keep(record(box(10, 20, 40, 90), size_yx=size), header)
        assert one.box_yxyx.tolist() == [20, 10, 90, 40]
        assert said == []


def test_relative_boxes_on_the_photo_as_it_is_stored(tmp_path):
    header = read_header(save_photo(tmp_path / "a.jpg", 100, 60, 6))
    one = record(box(0.1, 0.25, 0.4, 0.5), relative=True)
    ((kept,), _) = keep(one, header, unturned=True)
    # Stored y 15..30, x 10..40, turned clockwise: y is x, x is 60 - y.
    np.testing.assert_allclose(kept.box_yxyx, [10, 30, 40, 45], atol=1e-5)


def test_another_size_is_said_and_boxes_stay():
    (kept, said) = keep(record(box(10, 20, 40, 25), size_yx=(122, 202)))
    assert kept[0].box_yxyx.tolist() == [20, 10, 25, 40]
    ((kind, place, reason),) = said
    assert (kind, place) == ("other size than written", "a.xml")
    assert "it says 202x122, the photo is 101x61 (width x height)" in reason


def digits(*placed):
    return record(*(box(x, y, x + 9, y + 20, label=label) for label, x, y in placed))


def test_each_character():
    (kept, said) = keep(
        digits(("10", 30, 5), ("7", 10, 5), ("door", 60, 5)), characters="each"
    )
    assert [(one.label, one.text) for one in kept] == [
        ("character", "0"),
        ("character", "7"),
    ]
    assert [kind for kind, _, _ in said] == ["not a character"]


@pytest.mark.parametrize(
    ("placed", "text", "edges"),
    [
        ((("10", 30, 5), ("7", 10, 6), ("1", 20, 4)), "710", [4, 10, 26, 39]),
        ((("2", 30, 30), ("1", 32, 5)), "12", [5, 30, 50, 41]),  # one above the other
        ((("2", 30, 10), ("1", 10, 20)), "12", [10, 10, 40, 39]),  # rising
        ((("7", 10, 6),), "7", [6, 10, 26, 19]),
    ],
)
def test_characters_united(placed, text, edges):
    ((one,), _) = keep(digits(*placed), characters="unite", alphabet="0127")
    assert (one.label, one.text) == ("text", text)
    assert one.box_yxyx.tolist() == edges


def test_a_text_with_a_hole_is_none():
    for hole in (("door", 30, 5), ("10", 30, 5)):
        one = digits(("7", 10, 5), hole)
        damaged = int(hole[0] == "10")  # a third was malformed
        one = PhotoRecord(one.names, one.near, one.place, one.regions, damaged=damaged)
        kept, _ = keep(one, characters="unite")
        assert kept is None
    assert keep(record(), characters="unite")[0] == []


def test_rules_that_make_no_sense():
    for field in ("label", "alphabet"):
        with pytest.raises(ConfigError, match=rf"Rules\.{field} must not be empty"):
            Rules(**{field: ""})
