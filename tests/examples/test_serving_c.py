"""The SavedModel without Python: a C program reads what Python reads."""

import shutil
import subprocess
from pathlib import Path

import pytest
import stand_ins
import tensorflow as tf
from PIL import Image

from fused_ocr.export.warmup import open_session

SOURCE = Path(__file__).parents[2] / "examples" / "serving" / "predict.c"
COMPILER = shutil.which("gcc") or shutil.which("cc")
LIBRARY = Path(tf.sysconfig.get_lib())
LIBRARIES = [
    LIBRARY / name for name in ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
]

pytestmark = pytest.mark.skipif(
    not COMPILER or not all(path.exists() for path in LIBRARIES),
    reason="needs a C compiler and the C library of tensorflow's Linux packages",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("c") / "predict"
    subprocess.run(
        [COMPILER, "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", path, SOURCE,
         f"-I{tf.sysconfig.get_include()}", *LIBRARIES, f"-Wl,-rpath,{LIBRARY}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


def photo(path, *shape, seed=0):
    Image.fromarray(stand_ins.squares(*shape, seed=seed)).save(path, quality=95)
    return path


def test_the_same_strings(program, served, tmp_path):
    photos = [
        photo(tmp_path / "a.jpg", 131, 197),
        photo(tmp_path / "with a space é.jpg", 101, 151, seed=1),
    ]
    version = served / "squares" / "1"
    done = subprocess.run(
        [program, version, *photos], capture_output=True, check=True, encoding="utf-8"
    )
    files = [path.read_bytes() for path in photos]
    found = open_session(version)("serving_bytes", {"image_bytes": files})
    assert (found["count"] >= 2).all()
    expected = [
        f"{path}\t{found['text'][i, j].decode()}\t{found['score'][i, j]:.3f}"
        for i, path in enumerate(photos)
        for j in range(found["count"][i])
    ]
    assert done.stdout.splitlines() == expected


def test_it_has_no_python(program):
    linked = subprocess.run(
        ["ldd", program], capture_output=True, text=True, check=True
    )
    assert "libtensorflow_cc" in linked.stdout
    assert "python" not in linked.stdout.replace(str(LIBRARY), "")


@pytest.mark.parametrize(
    ("model", "content", "said"),
    [
        ("no/such/folder", b"no image", "no/such/folder"),
        (None, b"no image", "broken.jpg: This is no JPEG, PNG, GIF or BMP file"),
        (None, b"", "it is empty"),
        (None, None, "it cannot be opened"),
    ],
)
def test_what_cannot_be_read(program, served, tmp_path, model, content, said):
    path = tmp_path / "broken.jpg"
    if content is not None:
        path.write_bytes(content)
    done = subprocess.run(
        [program, model or served / "squares" / "1", path],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_a_bad_photo_fails_alone(program, served, tmp_path):
    good = photo(tmp_path / "good.jpg", 131, 197)
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(good.read_bytes()[:2000])
    command = [program, served / "squares" / "1"]
    alone = subprocess.run([*command, good], check=True, capture_output=True)
    done = subprocess.run([*command, bad, good], check=False, capture_output=True)
    assert (done.returncode, done.stdout) == (1, alone.stdout)
    assert b"bad.jpg: This is no JPEG" in done.stderr


def test_misuse(program):
    done = subprocess.run([program], check=False, capture_output=True, text=True)
    assert done.returncode == 2 and "Usage: " in done.stderr
