"""Reads numbers and short codes in photos with one fused TensorFlow graph.

>>> import fused_ocr
>>> model = fused_ocr.load("digits")  # doctest: +SKIP
>>> model.predict("meter.jpg").texts  # doctest: +SKIP
['004711']
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fused_ocr._version import __version__

if TYPE_CHECKING:
    from fused_ocr.fusion import fuse
    from fused_ocr.reader import Reader, load
    from fused_ocr.result import Character, Reading, Readings

__all__ = [
    "Character",
    "Reader",
    "Reading",
    "Readings",
    "__version__",
    "fuse",
    "load",
]

_HOMES = {
    "Character": "fused_ocr.result",
    "Reader": "fused_ocr.reader",
    "Reading": "fused_ocr.result",
    "Readings": "fused_ocr.result",
    "fuse": "fused_ocr.fusion",
    "load": "fused_ocr.reader",
}


def __getattr__(name: str) -> Any:
    # Importing the library costs nothing; TensorFlow comes when a model does.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fused_ocr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
