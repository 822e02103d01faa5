"""Plates: what is written fits the layout, and what is not read is not in the text."""

import dataclasses

import numpy as np
import pytest
from region_fonts import PRINT

from fused_ocr.alphabet import ALPHANUMERIC
from fused_ocr.errors import ConfigError
from fused_ocr.training.regions import plates
from fused_ocr.training.regions.lettering import SIGNS, Row, bolder, set_row, word
from fused_ocr.training.regions.plate_layouts import LAYOUTS, PlateLayout, any_layout
from fused_ocr.training.regions.plates import draw_plate

TWO_ROWS = PlateLayout("two", 1.5, ("S0/L00",), codes=("QQ",), border=0, bolts=0)


def by_name(layout):
    return layout.name


@pytest.mark.parametrize("layout", LAYOUTS, ids=by_name)
def test_texts_match_the_layout(layout):
    texts = set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        written = layout.write(rng, ALPHANUMERIC)
        text = "".join(c for c in written if c not in SIGNS + "/")
        assert layout.expression().fullmatch(text), (written, layout.name)
        assert set(text) <= set(ALPHANUMERIC) and 4 <= len(text) <= 10
        texts.add(text)
    assert len(texts) > 30


@pytest.mark.parametrize("layout", LAYOUTS, ids=by_name)
def test_every_layout_can_be_drawn(layout):
    flat = draw_plate(
        np.random.default_rng(1), PRINT, ALPHANUMERIC, width=151, layout=layout
    )
    assert layout.expression().fullmatch(flat.text)
    y1, x1, y2, x2 = (*flat.quad_yx[0], *flat.quad_yx[2])
    assert (x2 - x1) / (y2 - y1) == pytest.approx(layout.aspect, rel=0.12)
    assert x2 - x1 == 151
    # The whole sheet is opaque, and darker and lighter places make the number.
    inside = flat.cutout.cover[int(y1) + 4 : int(y2) - 4, int(x1) + 4 : int(x2) - 4]
    assert inside.min() > 0.99
    assert flat.cutout.pixels.max() <= 255.5 and flat.cutout.pixels.min() >= 0
    assert 5 < flat.tall < (y2 - y1)
    assert flat.shines


def test_there_are_many_layouts_of_both_kinds():
    assert len(LAYOUTS) >= 12
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS)
    two_rows = [one for one in LAYOUTS if any("/" in p for p in one.patterns)]
    assert 3 <= len(two_rows) < len(LAYOUTS) / 2
    drawn = [any_layout(np.random.default_rng(i)).name for i in range(200)]
    assert set(drawn) == {layout.name for layout in LAYOUTS}


def test_two_rows_are_read_from_the_top(monkeypatch):
    rows = []

    def noted(rng, fonts, style, written, size_yx, **how):
        row = set_row(rng, fonts, style, written, size_yx, **how)
        rows.append((written, row))
        return row

    monkeypatch.setattr(plates, "set_row", noted)
    flat = draw_plate(
        np.random.default_rng(3), PRINT, "ABCQ0123", layout=TWO_ROWS, weathered=False
    )
    (first, upper), (second, lower) = rows
    assert flat.text == first + second and first.startswith("QQ") and len(second) == 3
    assert len(upper.letters) == len(lower.letters) == 3
    # The upper half of the picture shows the first row's ink, the lower the second's.
    ink = flat.cutout.pixels.mean(-1) < 110
    y1, x1, y2, x2 = (int(v) for v in (*flat.quad_yx[0], *flat.quad_yx[2]))
    middle = (y1 + y2) // 2
    for part, row in ((ink[y1:middle], upper), (ink[middle:y2], lower)):
        wanted = (row.mask > 127).sum()
        found = part[:, x1 + 3 : x2 - 3].sum()
        assert found == pytest.approx(wanted, rel=0.15)


def test_signs_and_small_words_are_not_read():
    layout = PlateLayout(
        "signs", 4.0, ("%L.*-0 ",), letters="X", above=("ABOVE",), below=("BELOW",)
    )
    for seed in range(10):
        flat = draw_plate(np.random.default_rng(seed), PRINT, "X7", layout=layout)
        assert flat.text == "X7"


def test_the_number_decides_the_pixels_and_words_stay():
    # The same generator with other characters draws another number at the same place.
    layout = PlateLayout("one", 3.0, ("00",), border=0, bolts=0, above=("STATE",))
    flats = [
        draw_plate(np.random.default_rng(6), PRINT, c, layout=layout, weathered=False)
        for c in ("1", "8", "8")
    ]
    assert [flat.text for flat in flats] == ["11", "88", "88"]
    assert (flats[1].cutout.pixels == flats[2].cutout.pixels).all()
    apart = np.abs(flats[0].cutout.pixels - flats[1].cutout.pixels).max(-1)
    assert apart.max() > 100
    rows = np.flatnonzero(apart.max(1) > 60)
    y1, y2 = flats[0].quad_yx[[0, 2], 0]
    assert rows[-1] - rows[0] < flats[0].tall * 1.2
    assert y1 < rows[0] and rows[-1] < y2


def without(monkeypatch, name, layout, seed):
    """Where a plate differs from the same one without one of its parts."""
    drawn = []
    monkeypatch.setattr(plates, "emboss", lambda *_: None)  # else by another chance
    for _ in range(2):
        rng = np.random.default_rng(seed)
        flat = draw_plate(rng, PRINT, "H0", layout=layout, weathered=False)
        drawn.append(flat.cutout.pixels)
        monkeypatch.setattr(plates, name, lambda *_: None)
    monkeypatch.undo()
    # Ink that is painted by another chance differs by less.
    return flat, np.abs(drawn[0] - drawn[1]).max(-1) > 60


@pytest.mark.parametrize(
    ("sign", "widest", "aside"), [("@", 0.95, 0.2), ("#", 1.6, 0.25)]
)
def test_an_emblem_stands_between_the_letters(monkeypatch, sign, widest, aside):
    layout = PlateLayout("one", 3.0, (f"L{sign}L",), border=0, bolts=0)
    kinds, wide = set(), []
    for seed in range(24):
        flat, apart = without(monkeypatch, "draw_emblem", layout, seed)
        assert flat.text == "HH"
        (y1, x1), (y2, x2) = flat.quad_yx[0], flat.quad_yx[2]
        rows, columns = np.nonzero(apart)
        wide.append((np.ptp(columns) + 1) / flat.tall)
        assert 0.2 < wide[-1] <= widest
        assert abs(columns.mean() - (x1 + x2) / 2) < aside * flat.tall
        assert abs(rows.mean() - (y1 + y2) / 2) < 0.3 * flat.tall
        kinds.add(len(rows))
    assert max(wide) > 0.7 * widest
    assert len(kinds) > 16


def test_emblems_stand_in_gaps_and_at_both_ends():
    layout = PlateLayout("one", 2.0, ("LL 00L",), emblems=1.0)
    seen = {
        layout.write(np.random.default_rng(i), "H0").replace("#", "@")
        for i in range(60)
    }
    assert seen == {"@HH 00H", "HH 00H@", "HH@00H", "HH 00@H"}
    some = dataclasses.replace(layout, emblems=0.3)
    drawn = [some.write(np.random.default_rng(i), "H0") for i in range(200)]
    assert 40 < sum("@" in text or "#" in text for text in drawn) < 80


def test_a_dealers_frame_leaves_the_number(monkeypatch):
    layout = PlateLayout("one", 2.0, ("LL",), border=0, bolts=0, tall=0.4, framed=1)
    deepest = []
    for seed in range(12):
        flat, apart = without(monkeypatch, "_dealer_frame", layout, seed)
        (y1, x1), (y2, x2) = flat.quad_yx[0], flat.quad_yx[2]
        middle = int((y1 + y2) / 2)
        inside = apart[:, int(x1 + 0.1 * (x2 - x1)) : int(x2 - 0.1 * (x2 - x1))]
        half = int(flat.tall / 2) - 2
        assert not inside[middle - half : middle + half].any()
        deepest.append(inside[int(y1) : middle].any(1).sum() / (y2 - y1))
    assert max(deepest) > 0.15


def test_narrow_characters_keep_their_height():
    rng = np.random.default_rng(0)
    wide, narrow = (
        set_row(rng, PRINT, 0, "HH", (40, 400), narrow=n) for n in (1.0, 0.5)
    )
    assert wide.mask.shape[0] == narrow.mask.shape[0] == 40
    for (a, b), (c, d) in zip(wide.letters, narrow.letters, strict=True):
        assert d - c == pytest.approx((b - a) / 2, abs=1)


@pytest.mark.parametrize("characters", ["0123456789", "ABC", ""])
def test_characters_that_do_not_suffice(characters):
    layout = PlateLayout("plain", 4.0, ("LL00",))
    with pytest.raises(ConfigError, match=r"'plain' need digits.*--characters"):
        layout.write(np.random.default_rng(0), characters)


def test_codes_with_other_characters_are_left_out():
    layout = PlateLayout("codes", 4.0, ("S0",), codes=("AA", "BB"))
    texts = {layout.write(np.random.default_rng(i), "B7") for i in range(9)}
    assert texts == {"BB7"}


@pytest.mark.parametrize("room", [30, 111, 400])
def test_a_row_keeps_its_room(room):
    row = set_row(np.random.default_rng(0), PRINT, 0, "AB-12*%7", (31, room))
    assert isinstance(row, Row)
    height, width = row.mask.shape
    assert height == 31 and width <= room
    assert len(row.letters) == 5 and [sign for sign, _, _ in row.rooms] == ["*", "%"]
    edges = [x for letter in row.letters for x in letter]
    assert edges == sorted(edges) and edges[-1] <= width
    for x1, x2 in row.letters:
        assert row.mask[:, x1:x2].max() > 90
    for _, x1, x2 in row.rooms:
        # Nothing but the rims of neighbours in a squeezed row.
        assert row.mask[:, x1 + 1 : x2 - 1].max(initial=0) == 0


def test_small_words_and_bolder_strokes():
    mask = word(PRINT.paths[0], "State", 12)
    assert 8 <= mask.shape[0] <= 16 and mask.shape[1] > 25
    thin = np.zeros((41, 23), np.uint8)
    thin[:, 11] = 255
    assert (bolder(thin) > 0).sum() > 2 * (thin > 0).sum()
    thick = np.full((41, 23), 255, np.uint8)
    assert bolder(thick) is thick
