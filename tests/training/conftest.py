"""Synthetic scenes that several recipes learn from."""

import pathlib

import matplotlib as mpl
import pytest
from click.testing import CliRunner

from fused_ocr.cli import main


@pytest.fixture(scope="session")
def scenes(tmp_path_factory):
    """Twelve plates, and a class file with a second class that no photo has."""
    folder = tmp_path_factory.mktemp("scenes")
    fonts = pathlib.Path(mpl.get_data_path()) / "fonts" / "ttf"
    made = CliRunner().invoke(
        main,
        ["synth", str(folder), "--kind", "plates", "--count", "12",
         "--size", "96", "160", "--fonts", str(fonts), "--seed", "3"],
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    (folder / "both.csv").write_text("plate,0\nbib,1\n")
    return folder
