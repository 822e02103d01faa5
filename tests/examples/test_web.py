"""The page in examples/web: built, and used in headless Chromium."""

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

import fused_ocr

MISSING = [name for name in ("chromium", "node", "npm") if not shutil.which(name)]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"needs {' and '.join(MISSING)} to build the page and use it"
)

ROOT = Path(__file__).parents[2]
WEB = ROOT / "examples" / "web"
PHOTOS = sorted((ROOT / "examples" / "photos" / "digits").glob("*.jpg"))
SCATTERED = PHOTOS[-1]
SMALL = "small.png"
"""A few digits that fill it, as they must not fill the frame."""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The built page's folder, with one model that does not load in its list."""
    if not (WEB / "node_modules" / "playwright-core").is_dir():
        command = ["npm", "ci", "--no-fund", "--no-audit"]
        subprocess.run(command, cwd=WEB, check=True, capture_output=True)
    folder = tmp_path_factory.mktemp("web") / "dist"
    build = [sys.executable, str(WEB / "build.py"), "--out", str(folder)]
    sizes = ["--models", "digits", "--input-size", "640x640"]
    done = subprocess.run([*build, *sizes], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    models = json.loads((folder / "models.json").read_text())
    whole = (folder / "digits.tflite").read_bytes()
    (folder / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    cut = {"name": "cut", "title": "Cut", "file": "cut.tflite"}
    cut |= {"bytes": len(whole), "samples": []}
    (folder / "models.json").write_text(json.dumps([*models, cut]))
    return folder


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A camera's film, a photo of 50 megapixels, and a file that is no photo."""
    folder = tmp_path_factory.mktemp("material")
    (folder / "film.mjpeg").write_bytes(PHOTOS[0].read_bytes() * 3)
    with Image.open(PHOTOS[0]) as photo:
        photo.resize((8192, 6144)).save(folder / "huge.jpg", quality=80)
    with Image.open(SCATTERED) as photo:
        photo.crop((6, 158, 112, 240)).save(folder / SMALL)
    (folder / "notes.txt").write_text("no photo\n")
    return folder


@pytest.fixture(scope="module")
def found(page, material):
    """What was seen on a tour of the page."""
    handler = functools.partial(Handler, directory=str(page))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        tour = {
            "url": url,
            "photos": [str(photo) for photo in (*PHOTOS, material / SMALL)],
            "video": str(material / "film.mjpeg"),
            "huge": str(material / "huge.jpg"),
            "text": str(material / "notes.txt"),
            "broken": "cut",
            "stop": f"{url}stop",
        }
        (material / "tour.json").write_text(json.dumps(tour))
        command = ["node", str(WEB / "test" / "tour.mjs"), str(material / "tour.json")]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=300
        )
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "host": urlsplit(url).netloc}


@pytest.fixture(scope="module")
def truth(page, material):
    """What Python reads with the same file, by path."""
    reader = fused_ocr.load(page / "digits.tflite")
    photos = (*PHOTOS, material / SMALL)
    found = {str(photo): reader.predict(photo) for photo in photos}
    assert found[str(material / SMALL)]
    return found


class Handler(http.server.SimpleHTTPRequestHandler):
    """Hands out a folder, until it is told to stop."""

    def do_GET(self):
        if self.path != "/stop":
            super().do_GET()
            return
        self.send_response(204)
        self.end_headers()
        self.server.shutdown()
        self.server.socket.close()

    def log_message(self, *_):
        pass


def test_strings_are_those_of_python(found, truth):
    assert {name: seen["texts"] for name, seen in found["photos"].items()} == {
        name: readings.texts for name, readings in truth.items()
    }
    assert sum(len(readings) for readings in truth.values()) >= 10
    for name, seen in found["photos"].items():
        scores = [float(score.rstrip(" %")) for score in seen["scores"]]
        # Whole per cents are shown.
        np.testing.assert_allclose(scores, 100 * truth[name].scores, atol=0.51)


def test_it_says_what_it_runs_on(found):
    assert found["start"]["engine"] == "Wasm"  # there is no graphics processor
    assert found["start"]["status"].startswith("Ready. The model runs in Wasm")
    assert found["start"]["error"] == "" and found["errors"] == []


def test_the_camera_is_read(found, truth):
    expected = truth[str(PHOTOS[0])].texts
    assert found["live"]["texts"] == expected
    assert found["live"]["status"].startswith("Live: ")
    assert found["held"]["texts"] == expected
    assert found["held"]["spoken"] == f"Read: {', '.join(expected)}"


def test_no_request_leaves_the_server(found):
    assert len(found["requests"]) > 10
    others = [
        url
        for url in found["requests"]
        if urlsplit(url).scheme != "blob" and urlsplit(url).netloc != found["host"]
    ]
    assert others == []


def test_it_works_without_a_server(found, truth):
    assert found["offline"]["texts"] == truth[str(PHOTOS[0])].texts


def test_copies_and_keys(found, truth):
    texts = truth[str(PHOTOS[0])].texts
    assert found["copied"] == "\n".join(texts)
    assert found["byKeyboard"]["texts"] == texts


def test_what_is_no_photo(found, truth):
    error = found["notPhoto"]["error"]
    assert error.startswith("“notes.txt” is no photo") and "JPEG" in error
    assert found["textDropped"]["error"].startswith("There was no file in that")
    assert found["afterBad"]["error"] == ""
    assert found["afterBad"]["texts"] == truth[str(PHOTOS[0])].texts


def test_several_files(found, truth):
    seen = found["several"]
    assert seen["status"].startswith(f"3 files came; “{PHOTOS[0].name}” was read. ")
    assert seen["texts"] == truth[str(PHOTOS[0])].texts


def test_a_photo_of_50_megapixels(found, truth):
    assert found["huge"]["texts"] == truth[str(PHOTOS[0])].texts
    # A page that decodes, shrinks or reads by itself has no time for its timers.
    assert found["ticks"] >= 5


def test_no_camera(found):
    assert "Allow it for this page" in found["refused"]["error"]


def test_a_model_that_does_not_load(found, truth):
    assert "model file is damaged" in found["broken"]["error"]
    assert found["checked"] == "digits"
    assert found["afterBroken"]["texts"] == truth[str(PHOTOS[0])].texts
