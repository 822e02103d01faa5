"""The licence-plate article's system, exactly: ResNet50, 28x28, rounding, MultiFlow.

    python examples/article.py OUTPUT.keras [RECOGNIZER.keras]

Builds the fused model with random weights for the detector (train it with
`fused-ocr train detector --backbone ResNet50`) and, if given, a trained `dense`
recogniser, runs it on a picture, and saves it. Needs the extra `train`.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from fused_ocr.config import DetectorConfig, RecognizerConfig
from fused_ocr.detection.retinanet import add_decoding, build_retinanet
from fused_ocr.fusion import ARTICLE, fuse
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.runtimes import load_keras_model
from fused_ocr.saving import save_model


def main() -> None:
    """Build, run, save."""
    if len(sys.argv) < 2:
        sys.exit("Usage: python examples/article.py OUTPUT.keras [RECOGNIZER.keras]")
    output, *trained = sys.argv[1:]
    config = DetectorConfig(backbone="ResNet50")
    detector = add_decoding(build_retinanet(config), config)
    recognizer = (
        load_keras_model(Path(trained[0]))
        if trained
        else build_recognizer(RecognizerConfig(arch="dense"))
    )
    model = fuse(detector, recognizer, ARTICLE)
    outputs = model(np.zeros((1, 480, 640, 3), np.uint8))
    for name, value in outputs.items():
        print(name, tuple(value.shape))
    save_model(model, output)
    print(f"{output}: {model.count_params():,} parameters")


if __name__ == "__main__":
    main()
