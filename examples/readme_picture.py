"""Draws the picture at the top of the README from the sample photos.

python examples/readme_picture.py
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from PIL import Image

import fused_ocr

HERE = Path(__file__).parent
SHOWN = ("lines_1", "lines_5", "meter_2", "lines_4", "scattered", "meter_1")
WIDTH = 420


def main() -> None:
    """Write readme.jpg: two rows of three."""
    model = fused_ocr.load("digits")
    rows = []
    for names in (SHOWN[:3], SHOWN[3:]):
        photos = [HERE / "photos" / "digits" / f"{name}.jpg" for name in names]
        drawn = [one.draw().convert("RGB") for one in model.predict(photos)]
        height = max(d.height * WIDTH // d.width for d in drawn)
        row = Image.new("RGB", (WIDTH * len(drawn), height), "white")
        for i, picture in enumerate(drawn):
            small = picture.resize((WIDTH, picture.height * WIDTH // picture.width))
            row.paste(small, (i * WIDTH, (height - small.height) // 2))
        rows.append(row)
    sheet = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), "white")
    y = 0
    for row in rows:
        sheet.paste(row, (0, y))
        y += row.height
    sheet.save(HERE / "readme.jpg", quality=88)


if __name__ == "__main__":
    main()
