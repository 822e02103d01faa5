"""The page in headless Chromium against LiteRT itself, on the same `.tflite` files.

    python examples/web/build.py
    python benchmarks/web.py [--page examples/web/dist] [--runs 20]

Both read the sample photos with one thread, the browser in Wasm. Times are of the
network alone, once the frame is made, on a model's first photo: the fastest of runs in
turns, since what else the machine does only makes them longer; and the median.
"""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

import fused_ocr
from fused_ocr.images import read_image
from fused_ocr.lite import LiteRuntime, fit

ROOT = Path(__file__).parent.parent
WEB = ROOT / "examples" / "web"
PHOTOS = ROOT / "examples" / "photos"
MODELS = ("digits", "plates", "numbers")
ROUNDS = 3


@click.command()
@click.option(
    "--page", type=click.Path(exists=True, path_type=Path), default=WEB / "dist"
)
@click.option("--runs", default=20, show_default=True, help="Of each, in each round.")
def main(page: Path, runs: int) -> None:
    """Print the table; exit status 1 if a string differs."""
    node = shutil.which("node")
    if node is None:
        raise click.ClickException("node is not there: install Node.js 20 or newer.")
    photos = {
        name: [str(photo) for photo in sorted((PHOTOS / name).glob("*.jpg"))]
        for name in MODELS
        if (page / f"{name}.tflite").is_file()
    }
    native: dict[str, list[float]] = {name: [] for name in photos}
    browser: dict[str, list[float]] = {name: [] for name in photos}
    seen: dict[str, Any] = {}
    handler = functools.partial(_Quiet, directory=str(page))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        for _ in range(ROUNDS):
            for name, files in photos.items():
                native[name] += _times(page / f"{name}.tflite", files[0], runs)
                program = str(WEB / "test" / "bench.mjs")
                command = [node, program, url, str(runs), json.dumps({name: files})]
                done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
                found = json.loads(done.stdout)[name]
                seen[name] = found["texts"]
                browser[name] += found["times"]
        server.shutdown()
    print("| | photos read alike | native, ms | browser, ms | share of its frames |")
    print("|---|---|---|---|---|")
    missed = False
    for name, files in photos.items():
        reader = fused_ocr.load(page / f"{name}.tflite", threads=1)
        alike = sum(reader.predict(file).texts == seen[name][file] for file in files)
        missed |= alike < len(files)
        ours, theirs = browser[name], native[name]
        cells = [f"{min(one):.0f} ({np.median(one):.0f})" for one in (theirs, ours)]
        share = f"{min(theirs) / min(ours):.2f}"
        print(f"| `{name}` | {alike} of {len(files)} | {' | '.join(cells)} | {share} |")
    sys.exit(missed)


def _times(path: Path, photo: str, runs: int) -> list[float]:
    """Milliseconds of the network on one frame."""
    runtime = LiteRuntime(path, threads=1)
    frame = fit(read_image(photo), runtime.frame_yx)[0][None]
    spent = []
    for _ in range(runs + 3):
        start = time.perf_counter()
        runtime.run(frame)
        spent.append(1000 * (time.perf_counter() - start))
    return spent[3:]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing."""


if __name__ == "__main__":
    main()
