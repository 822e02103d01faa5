"""Reads photos with RapidOCR: one line of JSON a photo, for `benchmarks/regions.py`.

Run by the Python of an environment with `pip install rapidocr_onnxruntime`; paths come
on standard input, one a line. It uses nothing of this library.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    """Read the paths of standard input."""
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR(intra_op_num_threads=2, inter_op_num_threads=1)
    for line in sys.stdin:
        path = line.rstrip("\n")
        start = time.perf_counter()
        found, _ = engine(path)
        seconds = time.perf_counter() - start
        lines = [[text, float(score)] for _, text, score in found or []]
        print(json.dumps({"lines": lines, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
