"""Measures recognisers of strings on MNIST's test digits in rows, 1 to 5 of them.

    python benchmarks/strings.py --data-dir DIR RECOGNIZER.keras ...

Each line: the part of 10,000 strings that is read exactly, the parameters, and the time
of one crop, alone and in a batch of 16.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf

from fused_ocr.runtimes import load_keras_model
from fused_ocr.training.patches import mnist_pool
from fused_ocr.training.string_recipe import exact_strings


def milliseconds(recognizer: Any, batch: int, runs: int = 50) -> float:
    """The median time of one batch of crops."""
    size_yx = recognizer.input_shape[1:3]
    crops = tf.constant(np.random.default_rng(0).random((batch, *size_yx, 1), "f"))
    read = tf.function(recognizer)
    times = []
    for _ in range(runs + 3):
        start = time.perf_counter()
        read(crops).numpy()
        times.append(time.perf_counter() - start)
    return statistics.median(times[3:]) * 1e3


@click.command()
@click.argument("recognizers", nargs=-1, required=True, type=click.Path(exists=True))
@click.option("--data-dir", help="Of tensorflow-datasets.")
def main(recognizers: tuple[str, ...], data_dir: str | None) -> None:
    """Print the table."""
    pool = mnist_pool("test", data_dir, 1.0)
    print("| recogniser | strings right | parameters | one crop | 16 crops |")
    print("|---|---|---|---|---|")
    for path in recognizers:
        recognizer = load_keras_model(Path(path))
        print(
            f"| {Path(path).parent.name} | {exact_strings(recognizer, pool):.2%} "
            f"| {recognizer.count_params():,} | {milliseconds(recognizer, 1):.1f} ms "
            f"| {milliseconds(recognizer, 16):.1f} ms |",
            flush=True,
        )


if __name__ == "__main__":
    main()
