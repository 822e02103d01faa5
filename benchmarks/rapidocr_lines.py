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
    import numpy as np
    from PIL import Image, ImageOps
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR(intra_op_num_threads=2, inter_op_num_threads=1)
    for line in sys.stdin:
        # Decoded before the clock starts; it takes OpenCV's order of colours.
        photo = ImageOps.exif_transpose(Image.open(line.rstrip("\n")))
        pixels = np.ascontiguousarray(np.array(photo.convert("RGB"))[..., ::-1])
        start = time.perf_counter()
        found, _ = engine(pixels)
        seconds = time.perf_counter() - start
        lines = [[text, float(score)] for _, text, score in found or []]
        print(json.dumps({"lines": lines, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
