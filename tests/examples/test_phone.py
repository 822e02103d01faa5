"""The files for phones name what the exported files have, and nothing else."""

import re
from pathlib import Path

import pytest
import stand_ins

from fused_ocr.export.saved_model import OUTPUT_NAMES, REGION_OUTPUT_NAMES
from fused_ocr.export.tflite import convert

PHONE = Path(__file__).parents[2] / "examples" / "phone"
OF_BOTH = set(OUTPUT_NAMES) - {"text"}  # a .tflite file has no strings
OF_REGIONS = set(REGION_OUTPUT_NAMES) - {"text"}


@pytest.fixture(scope="module")
def runner():
    from ai_edge_litert.interpreter import Interpreter

    network = convert(stand_ins.reader_model(), (64, 96))
    interpreter = Interpreter(model_content=network, num_threads=1)
    assert list(interpreter.get_signature_list()) == ["serving_default"]
    return interpreter.get_signature_runner("serving_default")


def table():
    """Name, type and shape of the outputs in the page's table."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \((.+?),?\) \|",
        (PHONE / "README.md").read_text("utf-8"),
        re.MULTILINE,
    )
    return {name: (kind, shape.split(", ")) for name, kind, shape in rows}


def test_the_page_has_the_outputs(runner):
    assert set(table()) == OF_REGIONS
    found = runner.get_output_details()
    assert set(found) == OF_BOTH
    sizes = dict(zip("NS", found["codes"]["shape"][1:].tolist(), strict=True))
    for name, detail in found.items():
        kind, shape = table()[name]
        assert detail["dtype"].__name__ == kind, name
        assert detail["shape"].tolist() == [int(sizes.get(n, n)) for n in shape], name


@pytest.mark.parametrize(
    ("name", "used"),
    [
        # An output's name is where the file asks for one.
        ("PlateReader.kt", r'"(\w+)" to (?!images)|size\("(\w+)"\)'),
        ("PlateReader.swift", r'values\("(\w+)"\)'),
        ("read.c", r'= output\("(\w+)", \w+, &'),
    ],
)
def test_files_name_outputs_that_there_are(name, used):
    text = (PHONE / name).read_text("utf-8")
    names = {found[found.lastindex] for found in re.finditer(used, text)}
    assert names == {"count", "codes", "score", "box"} and names <= OF_BOTH
    assert '"images"' in text


@pytest.mark.parametrize("name", ["PlateReader.kt", "PlateReader.swift"])
def test_files_say_that_nobody_compiled_them(name, runner):
    text = (PHONE / name).read_text("utf-8")
    assert "could not be compiled" in text[:600]
    assert '"serving_default"' in text
    (images,) = runner.get_input_details().values()
    assert images["dtype"].__name__ == "uint8" and images["shape"].tolist()[3] == 3


@pytest.mark.parametrize("name", ["README.md", "PlateReader.kt", "PlateReader.swift"])
def test_files_that_are_named_are_there(name):
    text = (PHONE / name).read_text("utf-8")
    root = PHONE.parents[1]
    for path in re.findall(r"(?:benchmarks|examples)/[\w./]*\w", text):
        assert (root / path).exists(), path
