"""Curves and contact sheets."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fused_ocr.errors import ConfigError, MissingDependencyError
from fused_ocr.training.pictures import contact_sheet, plot_curves

CELL, MARGIN, LINE = 224, 6, 16


def test_an_empty_sheet_is_small_and_white():
    sheet = contact_sheet([], [])
    assert sheet.size == (MARGIN, MARGIN)
    assert sheet.getpixel((0, 0)) == (255, 255, 255)


def test_a_sheet_has_each_image_in_its_cell_over_its_caption():
    red = np.zeros((20, 40, 3), np.uint8)
    red[..., 0] = 255
    grey = np.full((50, 25), 90, np.uint8)
    blue = Image.new("RGB", (1000, 1000), "blue")
    sheet = contact_sheet([red, grey, blue], ["one", "two\nlines", ""], columns=2)
    # two columns, two rows, captions of up to two lines
    step_x, step_y = CELL + MARGIN, CELL + 2 * LINE + MARGIN
    assert sheet.mode == "RGB"
    assert sheet.size == (2 * step_x + MARGIN, 2 * step_y + MARGIN)
    x = y = MARGIN + CELL // 2
    # red fills the lower half of its square, over the whole width
    assert sheet.getpixel((MARGIN, MARGIN + CELL - 1)) == (255, 0, 0)
    assert sheet.getpixel((x, MARGIN + CELL // 4)) == (255, 255, 255)
    # grey fills the middle half over the whole height
    assert sheet.getpixel((x + step_x, MARGIN)) == (90, 90, 90)
    assert sheet.getpixel((MARGIN + step_x, y)) == (255, 255, 255)
    assert sheet.getpixel((x, y + step_y)) == (0, 0, 255)
    pixels = np.asarray(sheet.convert("L"))
    captions = pixels[MARGIN + CELL : MARGIN + step_y - MARGIN]
    assert captions[:LINE, :step_x].min() < 128
    assert captions[LINE:, :step_x].min() == 255
    assert captions[LINE:, step_x:].min() < 128


def test_long_captions_stay_in_their_column():
    sheet = contact_sheet([np.zeros((9, 9), np.uint8)], ["W" * 500])
    pixels = np.asarray(sheet.convert("L"))[MARGIN + CELL :]
    assert pixels[:, MARGIN + CELL + 1 :].min() == 255


@pytest.mark.parametrize(("captions", "columns"), [([], 4), (["a"], 0)])
def test_a_sheet_refuses(captions, columns):
    message = f"1 images, {len(captions)} captions, columns={columns}"
    with pytest.raises(ConfigError, match=message):
        contact_sheet([np.zeros((9, 9), np.uint8)], captions, columns)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no epochs to draw"),
        ("epoch,loss\n", "has no epochs to draw"),
        ("time,loss\n1,2\n", "has no epochs to draw"),
        ("epoch\n1\n", "has no epochs to draw"),
        ("epoch,loss\n1,low\n", "column 'loss' has a value that is no number.*low"),
    ],
)
def test_logs_that_cannot_be_drawn(tmp_path, text, message):
    (tmp_path / "log.csv").write_text(text)
    with pytest.raises(ConfigError, match=message):
        plot_curves(tmp_path / "log.csv", tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_no_log(tmp_path):
    with pytest.raises(ConfigError, match=r"log\.csv cannot be read: No such file"):
        plot_curves(tmp_path / "log.csv", tmp_path / "a.png")


def test_curves_have_a_panel_for_each_metric(tmp_path):
    pytest.importorskip("matplotlib")
    sizes = []
    for text in (
        "epoch,seconds,loss,val_loss\n1.0,3.5,0.9,1.1\n",
        # a metric without validation, a gap, a validation without training
        "epoch,seconds,loss,val_loss,accuracy,val_AP50\n1,3,0.9,1.1,0.1,\n"
        "2,3,0.5,0.7,0.6,0.4\n",
    ):
        (tmp_path / "log.csv").write_text(text)
        plot_curves(tmp_path / "log.csv", tmp_path / "a.png")
        with Image.open(tmp_path / "a.png") as image:
            assert image.format == "PNG"
            assert np.asarray(image.convert("L")).min() < 128
            sizes.append(image.height)
    assert sizes[1] == 3 * sizes[0]


def test_without_matplotlib_the_extra_is_named(tmp_path, monkeypatch):
    for name in ("matplotlib.backends.backend_agg", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    message = r"pip install 'fused-ocr\[train\]'"
    with pytest.raises(MissingDependencyError, match=message):
        plot_curves(tmp_path / "log.csv", tmp_path / "a.png")


def test_importing_does_not_load_matplotlib():
    code = "import sys, fused_ocr.training.pictures; print('matplotlib' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"
