"""Pictures for people: the curves of a run, and the sheets of `contact_sheet`."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

from fused_ocr.contact_sheet import contact_sheet
from fused_ocr.errors import ConfigError
from fused_ocr.files import write_atomically

from .dependencies import needed_for

__all__ = ["contact_sheet", "plot_curves"]


def plot_curves(log_csv: str | Path, png: str | Path) -> None:
    """Draw a run's `log.csv`: the losses, and each metric with its validation.

    Args:
        log_csv: with the columns epoch, seconds, loss, val_loss, and any metrics.
        png: the picture to write.

    Raises:
        ConfigError: there is no such log, or it has no epochs or a value that is no
            number.
        MissingDependencyError: matplotlib is not installed.
    """
    with needed_for("curves"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

    columns = _read_log(Path(log_csv))
    epochs = columns.pop("epoch")
    columns.pop("seconds", None)
    names = [n for n in columns if not (n.startswith("val_") and n[4:] in columns)]
    # A figure of its own: pyplot would choose a backend for the whole process.
    figure = Figure(figsize=(6.4, 3.2 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(names), squeeze=False)
    for axes, name in zip(grid[:, 0], names, strict=True):
        _draw(axes, epochs, name, columns)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_atomically(Path(png), buffer.getvalue())


def _read_log(path: Path) -> dict[str, list[float]]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}. Expected the log.csv of a run."
        ) from error
    if not rows or "epoch" not in rows[0] or len(rows[0]) < 2:
        raise ConfigError(
            f"{path} has no epochs to draw. Expected the log.csv of a run that has "
            "finished at least one."
        )
    columns: dict[str, list[float]] = {}
    for name in rows[0]:
        try:
            columns[name] = [float(row[name] or "nan") for row in rows]
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{path}: column {name!r} has a value that is no number ({error})."
            ) from error
    return columns


def _draw(
    axes: Any, epochs: list[float], name: str, columns: dict[str, list[float]]
) -> None:
    """One panel: a metric and, if it has one, its validation."""
    shown = [
        (label, key)
        for label, key in (("training", name), ("validation", f"val_{name}"))
        if key in columns
    ]
    for label, key in shown:
        axes.plot(epochs, columns[key], marker=".", label=label)
    values = [v for _, key in shown for v in columns[key] if not math.isnan(v)]
    if "loss" in name and values and min(values) > 0:
        axes.set_yscale("log")
    axes.set_title(name)
    axes.set_xlabel("epoch")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
