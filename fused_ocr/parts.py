"""The parts of readers: in files of their own, or inside of a fused reader."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any, Literal

import keras

from fused_ocr.artefact import find_artefact, is_tflite
from fused_ocr.config import FusionConfig
from fused_ocr.detection.retinanet import decoding_of
from fused_ocr.errors import ConfigError
from fused_ocr.fusion import describe, parts_of, recognizer_of
from fused_ocr.recognition.recognizer import alphabet_of
from fused_ocr.refinement import need_refiner
from fused_ocr.runtimes import load_keras_model

__all__ = ["Finder", "Part", "is_fused", "load_finder", "load_part"]

Part = Literal["detector", "recognizer", "refiner"]

_NEED: dict[Part, Callable[[keras.Model], Any]] = {
    "detector": decoding_of,
    "recognizer": alphabet_of,
    "refiner": need_refiner,
}
"""What raises if a model is another part."""


@dataclasses.dataclass(frozen=True)
class Finder:
    """What finds what a recogniser is to read.

    Attributes:
        detector: as `add_decoding` gives it.
        refiner: as `build_refiner` gives it, or None.
        config: frame, thresholds and all else, but the crops.
    """

    detector: keras.Model
    refiner: keras.Model | None
    config: FusionConfig


def load_part(name_or_path: str | os.PathLike[str], part: Part) -> keras.Model:
    """Load a part of a reader, to fuse it with others or to train it further.

    Args:
        name_or_path: a shipped model's name, or the `.keras` file of a fused reader or
            of the part itself.
        part: which.

    Returns:
        The part. Convolutions of a fused reader's have taken up the normalisations
        behind them, which `training.transfer.start_from` gives back.

    Raises:
        ArtefactError: there is no such file, it does not load, or is another part.
        ConfigError: the reader has no refiner; or it is exported, and can only read.
    """
    model = _load(name_or_path)
    if is_fused(model):
        model = _part_of(model, part)
        if model is None:
            raise ConfigError(
                f"{os.fspath(name_or_path)!r} has no refiner: it reads characters one "
                "by one, or trusts its detector. Take one that has, such as 'plates'."
            )
    _NEED[part](model)
    return model


def load_finder(name_or_path: str | os.PathLike[str]) -> Finder:
    """Load a detector, with all that a fused reader has around it.

    Args:
        name_or_path: as `load_part` takes it.

    Raises:
        ArtefactError: there is no such file, it does not load, or is another part.
        ConfigError: it is exported, and can only read.
    """
    model = _load(name_or_path)
    if not is_fused(model):
        decoding_of(model)
        return Finder(model, None, FusionConfig())
    config, refiner = describe(model).fusion, _part_of(model, "refiner")
    if refiner is None:  # who brings one means it to look
        config = config.replace(refinements=FusionConfig().refinements)
    return Finder(_part_of(model, "detector"), refiner, config)


def _load(name_or_path: str | os.PathLike[str]) -> keras.Model:
    path = find_artefact(name_or_path)
    if path.is_dir() or is_tflite(path):
        raise ConfigError(
            f"{path} is exported: it can only read. Give the .keras file that it was "
            "made from, or a shipped model's name."
        )
    return load_keras_model(path)


def is_fused(model: keras.Model) -> bool:
    """Whether a model is a reader of `fuse`, not a part."""
    return bool(model.name == "fused_ocr")


def _part_of(model: keras.Model, part: Part) -> Any:
    """A part of a fused reader; None if it has no refiner."""
    parts = parts_of(model)
    if part == "recognizer":
        return recognizer_of(model)
    if part == "detector":
        return parts.detector
    return parts.refine and parts.refine.refiner
