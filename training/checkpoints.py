"""The files of a run: what its epochs leave, and what it goes on from."""

from __future__ import annotations

import csv
import io
import json
import math
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from fused_ocr.errors import ArtefactDamagedError, ConfigError, TrainingFailedError
from fused_ocr.files import write_atomically

if TYPE_CHECKING:
    from .runs import RunConfig

__all__ = ["Checkpoints"]


class Checkpoints(keras.callbacks.Callback):
    """Checkpoints, logs and early stopping, all from one state.

    Of several workers each keeps the history, and the first alone writes.

    Args:
        model: with its optimiser built.
        config: of the run.
    """

    def __init__(self, model: keras.Model, config: RunConfig) -> None:
        super().__init__()
        self._net = model
        self.config = config
        self.history: list[dict[str, float]] = []
        self._state = config.folder / "state.npz"
        self._best = config.folder / "best.npz"
        self._started = time.monotonic()
        self._averaged: list[Any] = []

    @property
    def stopped(self) -> bool:
        """Whether patience has run out."""
        if self.config.patience is None or not self.history:
            return False
        merits = [self._merit(row) for row in self.history]
        since = len(merits) - 1 - merits.index(max(merits))
        return since >= self.config.patience

    def _merit(self, row: dict[str, float]) -> tuple[float, float]:
        """How good an epoch was."""
        by = self.config.best_by
        named, loss = 0.0 if by == "val_loss" else row[by], -row["val_loss"]
        # What is no number is worse than any.
        return np.nan_to_num(named, nan=-math.inf), np.nan_to_num(loss, nan=-math.inf)

    def restore(self) -> int:
        """Go back to the last checkpoint; the epoch to go on with."""
        if not self._state.exists():
            return 0
        variables = self._all_variables()
        try:
            # From memory: numpy leaves a file open that it finds damaged.
            data = io.BytesIO(self._state.read_bytes())
            with np.load(data, allow_pickle=False) as state:
                self.history = json.loads(str(state["history"]))
                settings = json.loads(str(state["settings"]))
                values = [state[f"v{i}"] for i in range(len(variables))]
                extra = f"v{len(variables)}" in state
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ArtefactDamagedError(self._complaint(str(error))) from error
        wanted = json.loads(self.settings)
        changed = [k for k, v in wanted.items() if settings.get(k) != v]
        if changed:
            raise ConfigError(
                f"The run in {self.config.folder} was started with another "
                f"{', '.join(changed)}: {[settings.get(k) for k in changed]}. Give the "
                "same, or choose another folder."
            )
        shapes = [tuple(v.shape) for v in variables]
        if extra or [value.shape for value in values] != shapes:
            raise ArtefactDamagedError(self._complaint("other variables"))
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return len(self.history)

    def load_best(self) -> None:
        """Give the model the weights of the best epoch."""
        if not self._best.exists():
            return
        weights = self._net.weights
        try:
            with np.load(io.BytesIO(self._best.read_bytes())) as best:
                values = [best[f"w{i}"] for i in range(len(weights))]
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ArtefactDamagedError(
                f"{self._best} is damaged ({error}); remove the folder and train again."
            ) from error
        for variable, value in zip(weights, values, strict=True):
            variable.assign(value)

    # The averaged weights are in the model only during validation.
    def on_test_end(self, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        """Keep the weights that were validated."""
        self._averaged = [variable.numpy() for variable in self._net.weights]

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:  # noqa: ARG002
        """Start the epoch's clock."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Log, keep the best, checkpoint, and stop if nothing gets better."""
        row = {
            "epoch": float(epoch + 1),
            "seconds": round(time.monotonic() - self._started, 1),
            **{key: float(value) for key, value in (logs or {}).items()},
        }
        if not math.isfinite(row["loss"]):
            self._net.stop_training = True
            raise TrainingFailedError(
                f"The loss became {row['loss']} in epoch {epoch + 1}. Lower the "
                f"learning rate (now {self.config.learning_rate}) or look at the data "
                "with `fused-ocr check-data`; the last good state is kept."
            )
        best = max(map(self._merit, self.history), default=None)
        self.history.append(row)
        merit = self._merit(row)
        if best is None or merit > best:
            weights = {f"w{i}": w for i, w in enumerate(self._averaged)}
            self._save(self._best, {**weights, "merit": np.array(merit)})
        # All workers read, since reading what each has of its own adds that up.
        arrays = {f"v{i}": v.numpy() for i, v in enumerate(self._all_variables())}
        if self.config.writes:
            write_atomically(self.config.folder / "log.csv", _csv(self.history))
            self._tensorboard(row)
        self._save(
            self._state,
            {
                "history": np.array(json.dumps(self.history)),
                "settings": np.array(self.settings),
                **arrays,
            },
        )
        if self.stopped:
            self._net.stop_training = True

    @property
    def settings(self) -> str:
        """What has to be the same for a run to go on exactly, as JSON."""
        config = self.config
        fields = (
            "epochs",
            "steps",
            "batch_size",
            "learning_rate",
            "weight_decay",
            "ema",
        )
        own = {name: getattr(config, name) for name in fields}
        given = json.loads(config.settings) if config.settings else {}
        return json.dumps({**own, **given})

    def _save(self, path: Path, arrays: dict[str, Any]) -> None:
        if not self.config.writes:
            return
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        write_atomically(path, buffer.getvalue())

    def _all_variables(self) -> list[Any]:
        return [*self._net.variables, *self._net.optimizer.variables]

    def _tensorboard(self, row: dict[str, float]) -> None:
        writer = tf.summary.create_file_writer(str(self.config.folder / "tensorboard"))
        with writer.as_default(step=int(row["epoch"])):
            for key, value in row.items():
                if key != "epoch":
                    tf.summary.scalar(key, value)
        writer.close()

    def _complaint(self, why: str) -> str:
        return (
            f"{self._state} is not a state of this model ({why}). It was written with "
            "other settings, or is damaged: choose another folder, or remove it."
        )


def _csv(history: list[dict[str, float]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]), restval="")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue().encode()
