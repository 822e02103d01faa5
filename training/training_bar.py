"""What a training shows while it runs."""

from __future__ import annotations

import math

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["TrainingBar"]


class TrainingBar(keras.callbacks.Callback):
    """One bar for the whole run, with the latest losses.

    Args:
        epochs: of the run.
        steps: batches an epoch.
    """

    def __init__(self, epochs: int, steps: int) -> None:
        super().__init__()
        self._steps = steps
        self._validation = ""
        self._bar = Progress(
            TextColumn("[bold]epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} steps"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[losses]}"),
            console=Console(stderr=True),
            refresh_per_second=1,
        )
        self._task = self._bar.add_task(
            "",
            total=epochs * steps,
            epoch=0,
            epochs=epochs,
            losses="",
        )

    def on_train_begin(self, logs: dict | None = None) -> None:  # noqa: ARG002
        """Show the bar."""
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:  # noqa: ARG002
        """Move to the epoch."""
        self._epoch = epoch
        self._bar.update(self._task, epoch=epoch + 1, completed=epoch * self._steps)

    def on_train_batch_end(
        self, batch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Move by a step."""
        loss = (logs or {}).get("loss", math.nan)
        self._bar.update(
            self._task,
            completed=self._epoch * self._steps + batch + 1,
            losses=f"loss {loss:.4f}{self._validation}",
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Leave a line about the epoch."""
        logs = logs or {}
        if "val_loss" in logs:
            self._validation = f", validation {logs['val_loss']:.4f}"
        values = ", ".join(f"{key} {value:.4f}" for key, value in logs.items())
        self._bar.console.print(f"epoch {epoch + 1}: {values}", highlight=False)

    def on_train_end(self, logs: dict | None = None) -> None:  # noqa: ARG002
        """Take the bar away."""
        self._bar.stop()
