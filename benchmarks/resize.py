"""What bringing a photo into the detector's frame costs, by method.

python benchmarks/resize.py
"""

import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

METHODS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "plain bilinear": lambda x: tf.image.resize(x, (288, 384)),
    "anti-aliased": lambda x: tf.image.resize(x, (288, 384), antialias=True),
    "twice the size, 2x2 averaged (ours)": lambda x: tf.nn.avg_pool2d(
        tf.image.resize(x, (576, 768)), 2, 2, "VALID"
    ),
}


def main() -> None:
    """Print medians in milliseconds."""
    rng = np.random.default_rng(0)
    print("| | 1 megapixel | 12 megapixels |\n|---|---|---|")
    photos = [
        tf.constant(rng.integers(0, 256, (1, h, w, 3), np.uint8))
        for h, w in ((866, 1155), (3000, 4000))
    ]
    for name, method in METHODS.items():
        call = tf.function(method)
        times = [
            _milliseconds(lambda p=photo, c=call: c(p).numpy()) for photo in photos
        ]
        print(f"| {name} | " + " | ".join(f"{t:.1f} ms" for t in times) + " |")


def _milliseconds(call: Callable[[], object]) -> float:
    for _ in range(3):
        call()
    times = []
    for _ in range(20):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


if __name__ == "__main__":
    main()
