"""The recipe of `train recognizer` for the architectures that read strings."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fused_ocr.alphabet import DIGITS
from fused_ocr.config import RecognizerConfig
from fused_ocr.errors import ConfigError
from fused_ocr.recognition.recognizer import alphabet_of
from fused_ocr.runtimes import load_keras_model
from fused_ocr.saving import save_model

from .augmentation import Augmentation
from .material import Material
from .mnist_strings import MnistStrings
from .patches import Pool, mnist_pool
from .pictures import plot_curves
from .runs import RunConfig
from .strings import train_strings

__all__ = ["exact_strings", "string_recipe"]

_VALIDATION_PART = 20
"""One digit in this many is kept for validation."""

_MEASURED = 10_000
"""Sequences that the score is measured on."""


def string_recipe(
    out: Path, material: Material, run: RunConfig, options: dict[str, Any]
) -> tuple[Path, dict[str, float]]:
    """Train a recogniser of strings on MNIST's digits in rows.

    Args:
        out: the run's folder.
        material: of MNIST.
        run: the run.
        options: those of `fused-ocr train recognizer`, by name.

    Returns:
        The path of `recognizer.keras`, and the part of 10,000 sequences of MNIST's test
        digits that it reads exactly.
    """
    if material.characters != DIGITS:
        raise ConfigError(
            f"MNIST's sequences are of the digits {DIGITS}. "
            f"Received: --characters {material.characters}."
        )
    config = RecognizerConfig(
        arch=options["arch"], size_yx=(28, 140), slots=5, width=options["width"]
    )
    init = options["init"] and load_keras_model(options["init"])
    if init is not None and alphabet_of(init).characters != DIGITS:
        raise ConfigError(f"{options['init']} reads {alphabet_of(init).characters!r}.")
    # Digits move; what spoils a photo would have to spoil the whole string alike.
    moved = dataclasses.replace(
        Augmentation.of_strength(options["augmentation"]), often=0.0
    )
    whole = mnist_pool("train", material.data_dir, 1.0)
    held = np.arange(len(whole.labels)) % _VALIDATION_PART == 0
    size, seed = run.batch_size, options["seed"]
    recognizer = train_strings(
        config,
        run,
        MnistStrings(_some(whole, ~held), size, seed, moved),
        MnistStrings(_some(whole, held), size, seed + 1),
        init=init,
    )
    save_model(recognizer, out / "recognizer.keras")
    plot_curves(out / "log.csv", out / "curves.png")
    test = mnist_pool("test", material.data_dir, 1.0)
    return out / "recognizer.keras", {"MNIST strings": exact_strings(recognizer, test)}


def exact_strings(recognizer: Any, pool: Pool, seed: int = 1002) -> float:
    """The part of 10,000 sequences of a pool's digits that is read exactly."""
    size = 500
    right = 0
    batches = MnistStrings(pool, size, seed)(0)
    for _ in range(_MEASURED // size):
        crops, truth = next(batches)
        read = recognizer.predict(crops, batch_size=size, verbose=0).argmax(-1)
        right += int((read == truth).all(-1).sum())
    return right / _MEASURED


def _some(pool: Pool, keep: npt.NDArray[np.bool_]) -> Pool:
    return dataclasses.replace(
        pool, patches=pool.patches[keep], labels=pool.labels[keep]
    )
