"""The same recogniser trained in several ways, side by side.

    python benchmarks/compare_training.py --out runs/ways \
        --way squeezed "" --way letterboxed "--letterbox" --way crnn "--arch crnn" \
        -- --arch convctc --annotations plates.csv --classes classes.csv --epochs 4

Every way is `fused-ocr train recognizer` with the options behind `--` and its own; the
last of two wins. Give `--validation`, so that all are measured on the same. Printed are
the part of its strings that is read exactly (nan if it has none), the lowest validation
loss, and how long a crop takes: one batch of 16, two threads, the median of 30.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")

import csv
import re
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np

CROPS = 16
REPEATS = 30


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option(
    "--way", "ways", type=(str, str), multiple=True, help="Its name, and its options."
)
@click.argument("common", nargs=-1)
def main(out: Path, ways: tuple[tuple[str, str], ...], common: tuple[str, ...]) -> None:
    """Train, and print the table."""
    print("| | exact | validation loss | parameters | ms a crop |")
    print("|---|---|---|---|---|", flush=True)
    for name, own in ways:
        folder = out / name
        done = subprocess.run(
            [sys.executable, "-c", "from fused_ocr.cli import main; main()",
             "train", "recognizer", "--out", str(folder), *common, *shlex.split(own)],
            stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.returncode)
        *_, exact = re.findall(r": ([\d.]+%|nan%)", done.stdout)
        with (folder / "log.csv").open() as log:
            loss = min(float(row["val_loss"]) for row in csv.DictReader(log))
        parameters, seconds = _cost(folder / "recognizer.keras")
        print(
            f"| {name} | {exact} | {loss:.3f} | {parameters:,} | "
            f"{seconds / CROPS * 1e3:.2f} |",
            flush=True,
        )


def _cost(path: Path) -> tuple[int, float]:
    """Parameters of a recogniser, and seconds for a batch of crops."""
    import tensorflow as tf

    from fused_ocr.folding import fold_batch_normalization
    from fused_ocr.freezing import frozen
    from fused_ocr.runtimes import load_keras_model

    model = fold_batch_normalization(load_keras_model(path))
    shape = (CROPS, *model.input_shape[1:])
    read = tf.function(frozen(model, [tf.TensorSpec(shape, tf.float32)]))
    crops = tf.constant(np.random.default_rng(0).random(shape), tf.float32)
    times = []
    for _ in range(REPEATS + 3):
        start = time.perf_counter()
        read(crops)
        times.append(time.perf_counter() - start)
    return model.count_params(), statistics.median(times[3:])


if __name__ == "__main__":
    main()
