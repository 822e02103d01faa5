"""Times the fused graph against its parts and against two models with glue between.

    python benchmarks/latency.py [--model digits] [--runs 30]

Every comparison alternates its two sides and prints the median of the ratios, so that a
machine whose speed drifts does not decide it.
"""

from __future__ import annotations

import functools
import io
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont
from trained_parts import as_trained

from fused_ocr.artefact import find_artefact
from fused_ocr.config import CropConfig
from fused_ocr.export.saved_model import export_saved_model
from fused_ocr.fusion import describe as describe_model
from fused_ocr.fusion import fuse, parts_of
from fused_ocr.recognition.flows import build_multiflow
from fused_ocr.runtimes import load_keras_model

Call = Callable[[], Any]


def main_table(model_name: str, runs: int) -> list[tuple[str, str, str]]:
    """Rows (what, measured, bar)."""
    model = load_keras_model(find_artefact(model_name))
    parts = parts_of(model)
    recognizer = parts.recognize.recognizer
    trained = as_trained(model)
    with tempfile.TemporaryDirectory() as folder:
        fused = _exported(model, Path(folder) / "fused")
        detect = _detector(parts, parts.detector, Path(folder) / "detector")
        read = _recognizer(recognizer, Path(folder) / "recognizer")
        few, some, many = (_grid(n, 1000, 1000) for n in (4, 16, 64))
        large = np.asarray(Image.fromarray(some).resize((4000, 3000)))
        large_many = np.asarray(Image.fromarray(many).resize((4000, 3000)))
        for image, count in ((few, 4), (some, 16), (many, 64), (large, 16)):
            found = sum(map(len, _texts(fused, image)))
            print(f"{count} characters drawn, {found} read", file=sys.stderr)
        rows = [
            (
                "fused, 16 characters, 1 megapixel",
                _milliseconds(_call(fused, some), runs),
                "",
            )
        ]

        crop = _crop_only(parts.crop)
        for label, image, boxes, bar in (
            ("1 megapixel, 16 boxes", some, 16, "10 %"),
            ("12 megapixels, 64 boxes", large_many, 64, "20 %"),
        ):
            ready = _boxes(detect, image, boxes)
            pixels = tf.constant(image[None])
            share = _ratio(
                lambda p=pixels, r=ready: crop(p, *r), _call(fused, image), runs
            )
            rows.append(
                (f"crop layer / fused, {label}", f"{share:.1%}", f"at most {bar}")
            )

        crops = tf.constant(
            np.random.default_rng(0).random((16, 28, 28, 1), np.float32)
        )
        alone = _ratio(
            _call(fused, some),
            _both(_call(detect, some), lambda: read(crops=crops)["output_0"]),
            runs,
        )
        rows.append(
            (
                "fused / (detector with NMS + recogniser on ready crops)",
                f"{alone:.3f}",
                "at most 1.05",
            )
        )
        glued = (
            _detector(parts, trained.detector, Path(folder) / "trained_detector"),
            _recognizer(trained.recognizer, Path(folder) / "trained_recognizer"),
        )
        rows += _glue_rows(fused, glued, some, parts.crop.crop, runs)
        # How much of it is the folding, which the glue could have, too.
        rows += [
            (f"{label}; the glue's models folded, too", measured, "")
            for label, measured, _ in _glue_rows(
                fused, (detect, read), some, parts.crop.crop, runs
            )
        ]
        rows += _flow_rows(model, runs)
        rows.append(
            (
                "fused at 64 characters / at 4",
                f"{_ratio(_call(fused, many), _call(fused, few), runs):.2f}",
                "at most 1.3",
            )
        )
        rows.append(
            (
                "fused at 12 megapixels / at 1",
                f"{_ratio(_call(fused, large), _call(fused, some), runs):.2f}",
                "at most 1.5",
            )
        )
    rows.append(("`import fused_ocr`", f"{_import_seconds():.3f} s", "under 0.3 s"))
    return rows


def _glue_rows(
    fused: Any,
    glued: tuple[Any, Any],
    image: np.ndarray,
    crop: CropConfig,
    runs: int,
) -> list[tuple[str, str, str]]:
    """What people do: two models as they were trained, Pillow's crops between them."""
    detect, read = glued
    encoded = _jpeg(image)

    def one_by_one() -> str:
        return _glue(
            detect,
            read,
            np.asarray(Image.open(io.BytesIO(encoded))),
            crop,
            together=False,
        )

    def together() -> str:
        return _glue(
            detect,
            read,
            np.asarray(Image.open(io.BytesIO(encoded))),
            crop,
            together=True,
        )

    serve = fused["serving_bytes"]
    data = tf.constant([encoded])

    def served() -> Any:
        return serve(image_bytes=data)["text"].numpy()

    mine = "".join(t.decode() for t in served()[0] if t)
    if sorted(mine) != sorted(together()):
        print(f"the glue reads {together()}, the fused graph {mine}", file=sys.stderr)
    rows = [
        (
            "glue, one call a crop / fused, 16 characters, JPEG in",
            f"{_ratio(one_by_one, served, runs):.2f}",
            "at least 1.5",
        ),
        (
            "glue, all crops in one call / fused, JPEG in",
            f"{_ratio(together, served, runs):.2f}",
            "at least 1.05",
        ),
    ]
    gains = [_throughput(served) / _throughput(together) for _ in range(5)]
    rows.append(
        (
            "throughput fused / glue in one call, 8 threads, JPEG in",
            f"{statistics.median(gains):.2f}",
            "at least 1.2",
        )
    )
    return rows


def _flow_rows(model: keras.Model, runs: int) -> list[tuple[str, str, str]]:
    """MultiFlow against the folded batch: the recogniser alone, and the whole graph."""
    parts = parts_of(model)
    recognizer = parts.recognize.recognizer
    crops = tf.random.uniform((1, 16, 28, 28, 1), seed=1)
    copies = tf.function(build_multiflow(recognizer, 16))
    folded = tf.function(parts.recognize)
    separate, count = tf.unstack(crops, axis=1), tf.constant([16])
    difference = np.abs(
        np.stack([c.numpy() for c in copies(separate)], 1)
        - folded(crops, count).numpy()
    ).max()
    ratio = _ratio(lambda: copies(separate), lambda: folded(crops, count), runs)
    config = describe_model(model).fusion
    sixteen = config.selection.replace(max_detections=16)
    flows = [
        fuse(parts.detector, recognizer, config.replace(flow=flow, selection=sixteen))
        for flow in ("multiflow", "folded")
    ]
    image = tf.constant(_grid(16, 1000, 1000)[None])
    whole = _ratio(*(_traced(flow, image) for flow in flows), runs)
    return [
        (
            "MultiFlow of 16 copies / folded batch, recogniser alone",
            f"{ratio:.2f} (outputs within {difference:.0e})",
            "",
        ),
        ("MultiFlow of 16 copies / folded batch, whole graph", f"{whole:.2f}", ""),
    ]


def _glue(
    detect: Any, read: Any, image: np.ndarray, crop: CropConfig, *, together: bool
) -> str:
    found = detect["serving_default"](images=tf.constant(image[None]))
    boxes = found["boxes"].numpy()[0][: int(found["count"].numpy()[0])]
    picture = Image.fromarray(image)
    height, width = crop.size_yx
    crops = []
    for y1, x1, y2, x2 in boxes.tolist():
        side = max(y2 - y1, x2 - x1) * crop.grow / 2
        y, x = (y1 + y2) / 2, (x1 + x2) / 2
        cut = picture.crop((int(x - side), int(y - side), int(x + side), int(y + side)))
        grey = cut.resize((width, height), Image.Resampling.BILINEAR).convert("L")
        crops.append(np.asarray(grey, np.float32)[..., None] / 255)
    if not crops:
        return ""
    if together:
        answers = read(crops=tf.constant(np.stack(crops)))["output_0"].numpy()
    else:
        answers = np.concatenate(
            [read(crops=tf.constant(c[None]))["output_0"].numpy() for c in crops]
        )
    order = np.lexsort((boxes[:, 1], np.round(boxes[:, 0] / 50)))
    digits = answers[order, 0, :-1].argmax(-1)
    return "".join(str(digit) for digit in digits)


def _exported(model: keras.Model, folder: Path) -> Any:
    export_saved_model(model, folder)
    return tf.saved_model.load(str(folder)).signatures


def _detector(parts: Any, detector: keras.Model, folder: Path) -> Any:
    """A detector with its own resize and NMS, as one would export it alone."""
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    frames, geometry = parts.letterbox(images)
    anchors = detector(frames)
    alone = keras.Model(
        images, parts.select(anchors["boxes"], anchors["scores"], geometry)
    )
    spec = tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")
    return _archive(alone, folder, spec)


def _recognizer(recognizer: keras.Model, folder: Path) -> Any:
    spec = tf.TensorSpec((None, *recognizer.input_shape[1:]), tf.float32, name="crops")
    return _archive(recognizer, folder, spec)["serving_default"]


def _archive(model: keras.Model, folder: Path, spec: tf.TensorSpec) -> Any:
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", model.call, input_signature=[spec])
    archive.write_out(str(folder), verbose=False)
    loaded = tf.saved_model.load(str(folder))
    _kept.append(loaded)  # signatures do not keep what they belong to alive
    return loaded.signatures


_kept: list[Any] = []


def _crop_only(layer: Any) -> Any:
    return tf.function(layer.call)


def _boxes(detect: Any, image: np.ndarray, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    found = detect["serving_default"](images=tf.constant(image[None]))
    return found["boxes"], tf.constant([count])


def _call(signatures: Any, image: np.ndarray) -> Call:
    pixels = tf.constant(image[None])
    signature = signatures["serving_default"]
    return functools.partial(signature, images=pixels)


def _traced(model: keras.Model, image: tf.Tensor) -> Call:
    function = tf.function(model.call)
    return lambda: function(image)


def _both(one: Call, other: Call) -> Call:
    def call() -> None:
        one()
        other()

    return call


def _texts(signatures: Any, image: np.ndarray) -> list[bytes]:
    return list(_call(signatures, image)()["text"].numpy()[0])


def _ratio(one: Call, other: Call, runs: int) -> float:
    """Median of the ratios of two calls made in turn."""
    for call in (one, other):
        for _ in range(3):
            _finish(call())
    return statistics.median(_seconds(one) / _seconds(other) for _ in range(runs))


def _milliseconds(call: Call, runs: int) -> str:
    for _ in range(3):
        _finish(call())
    times = sorted(_seconds(call) * 1e3 for _ in range(runs))
    return f"{statistics.median(times):.1f} ms ({times[0]:.1f} to {times[-1]:.1f})"


def _seconds(call: Call) -> float:
    start = time.perf_counter()
    _finish(call())
    return time.perf_counter() - start


def _finish(result: Any) -> None:
    for tensor in tf.nest.flatten(result):
        if isinstance(tensor, tf.Tensor):
            tensor.numpy()


def _throughput(call: Call, threads: int = 8, each: int = 8) -> float:
    """Calls a second of several client threads."""
    call()

    def client() -> None:
        for _ in range(each):
            call()

    workers = [threading.Thread(target=client) for _ in range(threads)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return threads * each / (time.perf_counter() - start)


def _import_seconds() -> float:
    code = (
        "import time; t = time.perf_counter(); import fused_ocr, sys; "
        "print(time.perf_counter() - t); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    times = []
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        times.append(float(done.stdout))
    return statistics.median(times)


def _grid(count: int, height: int, width: int) -> np.ndarray:
    """A sheet with so many printed digits, in rows and columns."""
    side = int(np.ceil(np.sqrt(count)))
    cell = height // (side + 1)
    image = Image.new("RGB", (width, height), (236, 233, 225))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(min(110, int(cell * 0.7)))
    for i in range(count):
        place = ((i % side + 0.7) * cell, (i // side + 0.5) * cell)
        draw.text(place, str(i % 10), fill=(25, 30, 40), font=font)
    return np.asarray(image)


def _jpeg(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@click.command()
@click.option("--model", default="digits", help="Shipped name or .keras file.")
@click.option("--runs", default=30, help="Of each side of a comparison.")
def main(model: str, runs: int) -> None:
    """Print the table of times."""
    rows = main_table(model, runs)
    print(
        f"{os.cpu_count()} cores, TensorFlow {tf.__version__}, Python "
        f"{sys.version.split()[0]}\n"
    )
    print("| | measured | bar |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
