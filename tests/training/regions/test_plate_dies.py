"""Dies: characters of one stroke, and where they are used."""

import dataclasses

import numpy as np
import pytest
from region_fonts import FOLDER, PRINT

from fused_ocr.alphabet import ALPHANUMERIC
from fused_ocr.errors import ConfigError
from fused_ocr.training.glyphs import INK, FontGlyphs
from fused_ocr.training.material import Material
from fused_ocr.training.regions.plate_dies import PlateDies
from fused_ocr.training.regions.plate_layouts import LAYOUTS
from fused_ocr.training.regions.plates import draw_plate

DIES = PlateDies()
FEW = FontGlyphs(PRINT.paths, dies=True)
STAMPED = dataclasses.replace(LAYOUTS[0], stamped=1.0)


def drawn(character, height=60, style=5):
    return DIES.draw(np.random.default_rng(0), character, height, style)


@pytest.mark.parametrize("character", ALPHANUMERIC)
@pytest.mark.parametrize("height", [9, 40, 151])
def test_masks_are_tight(character, height):
    for style in range(12):
        mask = drawn(character, height, style)
        assert mask.dtype == np.uint8 and len(mask) == height
        # The tip of an A is faint.
        rows, columns = np.flatnonzero(mask.max(1) >= INK), np.flatnonzero(mask.max(0))
        rim = 2 + height // 40
        assert rows[0] < rim and rows[-1] >= height - rim
        assert columns[0] < rim and columns[-1] >= mask.shape[1] - rim


def test_characters_differ_but_0_and_O():
    for style in range(20):
        masks = {c: drawn(c, 40, style).tobytes() for c in ALPHANUMERIC if c != "0"}
        assert len(set(masks.values())) >= len(masks) - 1  # 1 and I may be one bar


def test_strokes_are_as_thick_everywhere():
    for style in range(12):
        mask = drawn("L", 120, style) >= 128
        across, down = mask[40].sum(), mask[:, -25].sum()
        assert abs(int(across) - int(down)) <= 2
        assert 0.07 * 120 < across < 0.2 * 120


def test_a_style_is_kept_and_others_differ():
    assert (drawn("4", style=8) == drawn("4", style=8)).all()
    assert len({drawn("4", style=style).tobytes() for style in range(30)}) == 30
    styles = {DIES.style(np.random.default_rng(seed)) for seed in range(30)}
    assert len(styles) == 30


def test_corners_are_cut():
    # A D is round at the right, an E square: of the upper right corner's pixels an E
    # inks more, whatever the style.
    for style in range(12):
        e, d = (drawn(c, 120, style)[:6, -6:].mean() for c in "ED")
        assert e > 2 * d


def test_what_no_die_has():
    assert DIES.has("A0Z9") and not DIES.has("a")
    with pytest.raises(ConfigError, match=r"digits and capitals\. Received: '-'"):
        drawn("-")


def test_plates_are_stamped_where_fonts_say_so(monkeypatch):
    calls = []
    draw = PlateDies.draw

    def counted(self, rng, character, *rest):
        calls.append(character)
        return draw(self, rng, character, *rest)

    monkeypatch.setattr(PlateDies, "draw", counted)
    flat = draw_plate(np.random.default_rng(3), FEW, ALPHANUMERIC, layout=STAMPED)
    assert "".join(calls) == flat.text
    calls.clear()
    draw_plate(np.random.default_rng(3), PRINT, ALPHANUMERIC, layout=STAMPED)
    never = dataclasses.replace(STAMPED, stamped=0.0)
    draw_plate(np.random.default_rng(3), FEW, ALPHANUMERIC, layout=never)
    assert not calls


def test_unseen_plates_are_not_stamped():
    material = Material(None, (FOLDER,))
    for split, dies in (("train", True), ("unseen", False)):
        scenes = material.region_scenes("plates", split, 1, (192, 192))
        assert scenes.fonts.dies is dies
