"""Reads the sample photos with the shipped models, each made into one SavedModel.

    python examples/demo.py [MODEL PHOTO ...]

Prints what is read and writes the photos with the readings drawn on them to runs/demo.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import fused_ocr
from fused_ocr.artefact import find_artefact, shipped_models
from fused_ocr.export.saved_model import export_saved_model
from fused_ocr.runtimes import load_keras_model

HERE = Path(__file__).parent
DRAWN = HERE.parent / "runs" / "demo"


def main() -> None:
    """Every shipped model on its photos, or one on those given."""
    if len(sys.argv) == 2:
        sys.exit(__doc__)
    if len(sys.argv) > 2:
        show(sys.argv[1], sys.argv[2:])
    else:
        for name in shipped_models():
            show(name, sorted(map(str, (HERE / "photos" / name).glob("*.jpg"))))
    print(f"\nThe photos with their readings are in {DRAWN}")


def show(name: str, photos: list[str]) -> None:
    """Export a shipped model, load what was exported, read, draw."""
    print(f"Exporting the shipped model `{name}` as a SavedModel and checking it ...")
    drawn = DRAWN / Path(name).stem
    drawn.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        model = load_keras_model(find_artefact(name))
        print(export_saved_model(model, Path(folder) / "model"))
        reader = fused_ocr.load(Path(folder) / "model")
        for photo, readings in zip(photos, reader.predict(photos), strict=True):
            print(f"\n{photo}")
            for reading in readings:
                print(f"  {reading.text or '(unreadable)':12} {reading.score:.0%}")
            if not readings:
                print("  nothing read")
            readings.draw().save(drawn / f"{Path(photo).stem}.png")
    print()


if __name__ == "__main__":
    main()
