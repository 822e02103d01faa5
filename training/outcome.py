"""What a training leaves for its user: a model, its curves, and scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import keras

from fused_ocr.saving import save_model

from .pictures import plot_curves
from .runs import RunConfig

__all__ = ["Measures", "leave"]

Measures = Mapping[str, Callable[[], float]]
"""What measures each score of the model."""


def leave(
    model: keras.Model, path: Path, run: RunConfig, scores: Measures
) -> tuple[Path, dict[str, float]]:
    """Save a trained model with the curves of its run beside it, then measure it.

    Args:
        model: what was trained.
        path: of the `.keras` file, in the run's folder.
        run: of several workers only the first does anything here.
        scores: what to measure.

    Returns:
        The path, and the scores; no scores of other workers.
    """
    if not run.writes:
        return path, {}
    save_model(model, path)
    plot_curves(path.with_name("log.csv"), path.with_name("curves.png"))
    return path, {name: measure() for name, measure in scores.items()}
