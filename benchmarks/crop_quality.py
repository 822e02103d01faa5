"""How near the crop layer is to Pillow's anti-aliased resize of the same boxes.

    python benchmarks/crop_quality.py PHOTO ...

Prints the mean absolute difference, of 255, for boxes that shrink 2 to 8 times.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from pathlib import Path

import click
import numpy as np
from PIL import Image

from fused_ocr.config import CropConfig
from fused_ocr.cropping import CropResize
from fused_ocr.images import read_image

GREY = np.array([0.2989, 0.5870, 0.1140])
SIDE = 28
BOXES = 24


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(exists=True))
def main(photos: tuple[str, ...]) -> None:
    """Print a row for each shrink: anti-aliased, and plain bilinear samples."""
    rng = np.random.default_rng(0)
    layers = {
        name: CropResize(
            CropConfig(square=False, grow=1.0, antialias=name == "antialias")
        )
        for name in ("antialias", "plain")
    }
    print("| shrink | anti-aliased | plain |\n|---|---|---|")
    for shrink in (2, 3, 4, 6, 8):
        found: dict[str, list[float]] = {name: [] for name in layers}
        for photo in photos:
            image = read_image(Path(photo))
            boxes = _boxes(rng, image.shape[:2], SIDE * shrink)
            theirs = [_pillow(image, box) for box in boxes]
            for name, layer in layers.items():
                crops = layer(image[None], boxes[None], np.array([BOXES], np.int32))
                ours = crops.numpy()[0, ..., 0] * 255
                found[name].append(float(np.abs(ours - theirs).mean()))
        row = " | ".join(f"{np.mean(values):.2f}" for values in found.values())
        print(f"| {shrink} | {row} |")


def _boxes(rng: np.random.Generator, size_yx: tuple[int, int], side: int) -> np.ndarray:
    corners = rng.uniform(0, 1, (BOXES, 2)) * (np.array(size_yx) - side)
    return np.concatenate([corners, corners + side], -1).astype(np.float32)


def _pillow(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    y1, x1, y2, x2 = box.tolist()
    small = Image.fromarray(image).resize(
        (SIDE, SIDE), Image.Resampling.BILINEAR, (x1, y1, x2, y2)
    )
    return np.asarray(small, np.float64) @ GREY


if __name__ == "__main__":
    main()
