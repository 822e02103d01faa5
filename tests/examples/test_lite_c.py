"""A `.tflite` file without Python: a C program reads what Python reads."""

import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import stand_ins
from PIL import Image

import fused_ocr
from fused_ocr.export.tflite import convert
from fused_ocr.fusion import describe, fuse
from fused_ocr.tflite_file import with_files

SOURCE = Path(__file__).parents[2] / "examples" / "phone" / "read.c"
COMPILER = shutil.which("gcc") or shutil.which("cc")
FRAME = (128, 192)
ALPHABET = "0é中😀456789"  # one to four bytes of UTF-8


def library():
    """LiteRT's C library, where it is of the version whose functions are declared."""
    found = importlib.util.find_spec("ai_edge_litert")
    if not found:
        return None
    version = importlib.metadata.version("ai-edge-litert").split(".")
    if tuple(map(int, version[:2])) < (2, 3):
        return None
    path = Path(found.submodule_search_locations[0]) / "libLiteRt.so"
    return path if path.exists() else None


LIBRARY = library()
pytestmark = pytest.mark.skipif(
    not COMPILER or not LIBRARY or platform.system() != "Linux",
    reason="needs a C compiler and the C library of ai-edge-litert 2.3 for Linux",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("c") / "read"
    subprocess.run(
        [COMPILER, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", path, SOURCE,
         LIBRARY, f"-Wl,-rpath,{LIBRARY.parent}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras = fuse(
        stand_ins.detector(), stand_ins.recognizer(alphabet=ALPHABET), stand_ins.FUSION
    )
    path = tmp_path_factory.mktemp("lite") / "reader.tflite"
    path.write_bytes(with_files(convert(keras, FRAME), describe(keras), ""))
    return path


def run(program, *arguments):
    return subprocess.run(
        [program, *arguments], check=False, capture_output=True, encoding="utf-8"
    )


def test_the_same_strings(program, model, tmp_path):
    reader, expected, frames = fused_ocr.load(model), [], []
    for seed in range(4):
        photo = stand_ins.squares(*FRAME, seed=seed)
        frames.append(tmp_path / f"{seed}.ppm")
        Image.fromarray(photo).save(frames[-1])
        for one in reader.predict(photo):
            box = " ".join(f"{edge:.1f}" for edge in one.box)
            expected.append(f"{one.text}\t{one.score:.3f}\t{box}")
    # A frame in which there is nothing has no line.
    Image.fromarray(np.zeros((*FRAME, 3), np.uint8)).save(tmp_path / "none.ppm")
    done = run(program, model, frames[0], tmp_path / "none.ppm", *frames[1:])
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == expected
    assert len(expected) >= 8 and set("é中😀") & set(done.stdout)


def test_a_head_with_comments(program, model, tmp_path):
    photo = stand_ins.squares(*FRAME)
    plain, commented = tmp_path / "a.ppm", tmp_path / "b.ppm"
    Image.fromarray(photo).save(plain)
    head = b"P6 # a comment\n#another\n 192\t128\r\n255\n"
    commented.write_bytes(head + photo.tobytes())
    assert run(program, model, plain).stdout == run(program, model, commented).stdout


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (None, "cannot be opened"),
        (b"", "no binary PPM"),
        (b"P6\n192 128\n255\n", "cut off"),
        (b"P6\n128 192\n255\n" + bytes(73728), "128 x 192 pixels, the model takes 192"),
        (b"P6\n192 128\n65535\n" + bytes(147456), "one byte a colour"),
    ],
)
def test_bad_frames(program, model, tmp_path, frame, said):
    path = tmp_path / "a.ppm"
    if frame is not None:
        path.write_bytes(frame)
    done = run(program, model, path)
    assert (done.returncode, done.stdout) == (1, "") and said in done.stderr


@pytest.mark.parametrize("kept", [0, 20, 0.5, 0.999])
def test_truncated_files(program, model, tmp_path, kept):
    whole = model.read_bytes()
    path = tmp_path / "a.tflite"
    path.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    done = run(program, path, tmp_path / "a.ppm")
    assert (done.returncode, done.stdout) == (1, "") and "cut off" in done.stderr


def test_misuse(program):
    done = run(program)
    assert done.returncode == 2 and "Usage: " in done.stderr
