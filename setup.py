"""Maps the root folders training/ and export/ into the package; see pyproject.toml."""

from setuptools import setup

setup(
    packages=[
        "fused_ocr",
        "fused_ocr.archive",
        "fused_ocr.detection",
        "fused_ocr.explaining",
        "fused_ocr.recognition",
        "fused_ocr.serving",
        "fused_ocr.weights",
        "fused_ocr.training",
        "fused_ocr.training.formats",
        "fused_ocr.training.regions",
        "fused_ocr.export",
    ],
    package_dir={
        "fused_ocr": "fused_ocr",
        "fused_ocr.training": "training",
        "fused_ocr.training.formats": "training/formats",
        "fused_ocr.training.regions": "training/regions",
        "fused_ocr.export": "export",
    },
)
