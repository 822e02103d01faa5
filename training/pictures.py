"""Pictures for people: the curves of a run, and sheets of images with captions."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from fused_ocr.errors import ConfigError

from .dependencies import needed_for
from .files import write_atomically

__all__ = ["contact_sheet", "plot_curves"]

_CELL = 224
"""Sides of the square an image of a sheet is fitted into, pixels."""

_MARGIN = 6
_LINE = 16
"""Height of a line of a caption, pixels."""


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


def contact_sheet(
    images: Sequence[Image.Image | npt.NDArray[np.uint8]],
    captions: Sequence[str],
    columns: int = 4,
) -> Image.Image:
    """Images side by side, each fitted into a square, with its caption below.

    Args:
        images: of any sizes; arrays are uint8 (H, W) or (H, W, 3).
        captions: one for each image; what is too wide is cut off.
        columns: images in a row.

    Returns:
        The sheet, RGB; small and white if there are no images.

    Raises:
        ConfigError: not as many captions as images, or no columns.
    """
    if len(images) != len(captions) or columns < 1:
        raise ConfigError(
            "A sheet needs a caption for each image and at least one column. Received: "
            f"{len(images)} images, {len(captions)} captions, columns={columns}."
        )
    lines = max((caption.count("\n") + 1 for caption in captions), default=0)
    step_x, step_y = _CELL + _MARGIN, _CELL + lines * _LINE + _MARGIN
    wide, tall = min(columns, len(images)), math.ceil(len(images) / columns)
    size = (wide * step_x + _MARGIN, tall * step_y + _MARGIN)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        x = _MARGIN + i % columns * step_x
        y = _MARGIN + i // columns * step_y
        cell = _fitted(image)
        sheet.paste(cell, (x + (_CELL - cell.width) // 2, y + _CELL - cell.height))
        for k, line in enumerate(caption.split("\n")):
            draw.text(
                (x, y + _CELL + k * _LINE + 1), _cut(line, font), "black", font=font
            )
    return sheet


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


def _fitted(image: Image.Image | npt.NDArray[np.uint8]) -> Image.Image:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    scale = _CELL / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Small crops are shown with their pixels.
    how = Image.Resampling.NEAREST if scale > 2 else Image.Resampling.BILINEAR
    return picture.convert("RGB").resize(size, how)


def _cut(line: str, font: Any) -> str:
    while line and font.getlength(line) > _CELL:
        line = line[:-1]
    return line
