"""Reads the sample photos with one SavedModel made from the shipped model.

    python examples/demo.py [PHOTO ...]

Prints what is read and writes the photos with the readings drawn on them to runs/demo.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import fused_ocr
from fused_ocr.artefact import find_artefact
from fused_ocr.export.saved_model import export_saved_model
from fused_ocr.runtimes import load_keras_model

HERE = Path(__file__).parent


def main() -> None:
    """Export, load, read, draw."""
    photos = sys.argv[1:] or sorted(str(p) for p in (HERE / "photos").glob("*.jpg"))
    drawn = HERE.parent / "runs" / "demo"
    drawn.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        print(
            "Exporting the shipped model `digits` as one SavedModel and checking it ..."
        )
        model = load_keras_model(find_artefact("digits"))
        print(export_saved_model(model, Path(folder) / "digits"))
        reader = fused_ocr.load(Path(folder) / "digits")
        for photo, readings in zip(photos, reader.predict(photos), strict=True):
            print(f"\n{photo}")
            for reading in readings:
                print(f"  {reading.text:12} {reading.score:.0%}")
            if not readings:
                print("  nothing read")
            readings.draw().save(drawn / f"{Path(photo).stem}.png")
    print(f"\nThe photos with their readings are in {drawn}")


if __name__ == "__main__":
    main()
