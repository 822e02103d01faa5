"""The fonts that matplotlib brings, for tests that draw."""

import pathlib

import matplotlib as mpl

from fused_ocr.training.glyphs import FontGlyphs

FOLDER = pathlib.Path(mpl.get_data_path()) / "fonts" / "ttf"
PRINT = FontGlyphs(
    [str(FOLDER / f"DejaVu{n}.ttf") for n in ("Sans-Bold", "SansMono-Bold", "Serif")]
)
