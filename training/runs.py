"""A training run: its folder, its checkpoints, its logs, and going on after a kill.

The folder holds `state.npz` (everything needed to go on: weights, optimiser, averages,
random states, history), `best.npz` (the weights of the best epoch so far),
`log.csv`, and `tensorboard/`. Every file is written aside and renamed, so that a run
killed at any moment finds a whole one.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fused_ocr.errors import ArtefactDamagedError, ConfigError, TrainingFailedError

from .files import write_atomically
from .memory import keep_freed_memory
from .training_bar import TrainingBar

__all__ = [
    "Batches",
    "RunConfig",
    "best_merit",
    "optimizer_for",
    "strategy_named",
    "train",
]

Batches = Callable[[int], Iterator[Any]]
"""Gives the batches from the one of an index on."""


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """How long, how fast, and where.

    Attributes:
        folder: of the run; made if need be, gone on with if it has a state.
        epochs: an epoch ends with a validation and a checkpoint.
        steps: batches an epoch.
        validation_steps: batches of a validation.
        learning_rate: the highest; a linear warm-up leads to it, a cosine away.
        weight_decay: of AdamW; 0 is Adam.
        ema: momentum of the average of the weights, or None.
        patience: epochs without a better validation loss before the run stops.
        batch_size: examples a step.
        strategy: of `tf.distribute`, see `strategy_named`.
        workers: processes that make examples; 0 makes them in this one.
        best_by: what tells which epoch is the best, a name of the log: the validation
            loss, the lower the better; anything else, the higher the better, and of
            equal epochs that with the lower loss.
        freeze: what of the model stays as it is, see `training.transfer.STAGES`.
        settings: whatever else decides the result, as text; a run does not go on with
            other settings.
    """

    folder: Path
    epochs: int
    steps: int
    validation_steps: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    ema: float | None = 0.998
    patience: int | None = None
    batch_size: int = 8
    strategy: str = "none"
    workers: int = 1
    best_by: str = "val_loss"
    freeze: str = "none"
    settings: str = ""

    def __post_init__(self) -> None:
        for field in ("epochs", "steps", "validation_steps", "batch_size"):
            if getattr(self, field) < 1:
                raise ConfigError(
                    f"{field} must be at least 1. Received: {getattr(self, field)!r}."
                )


def strategy_named(name: str) -> tf.distribute.Strategy:
    """A `tf.distribute` strategy: `none`, `mirrored` (all GPUs) or `multiworker`.

    Raises:
        ConfigError: another name.
    """
    if name == "none":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multiworker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    raise ConfigError(f"Strategies: none, mirrored, multiworker. Received: {name!r}.")


def optimizer_for(config: RunConfig) -> keras.optimizers.Optimizer:
    """AdamW with warm-up and cosine over the whole run, averaging the weights."""
    total = config.epochs * config.steps
    warm = min(300, total // 10)
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 20,
        decay_steps=max(1, total - warm),
        alpha=0.01,
        warmup_target=config.learning_rate,
        warmup_steps=warm,
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        clipnorm=5.0,
        use_ema=config.ema is not None,
        ema_momentum=config.ema if config.ema is not None else 0.99,
    )


def train(
    model: keras.Model,
    batches: Batches,
    validation: Batches,
    config: RunConfig,
) -> list[dict[str, float]]:
    """Train a compiled model to the end of the run, from wherever the run stands.

    Afterwards the model has the weights of the best epoch, see `RunConfig.best_by`.

    Args:
        model: compiled with `optimizer_for(config)`.
        batches: training batches from a given one on.
        validation: validation batches; always read from the first.
        config: the run.

    Returns:
        One row an epoch: epoch, seconds, loss, val_loss, and the model's metrics.

    Raises:
        ArtefactDamagedError: the folder's state does not belong to this model.
    """
    keep_freed_memory()
    config.folder.mkdir(parents=True, exist_ok=True)
    model.optimizer.build(model.trainable_variables)
    run = _Run(model, config)
    first = run.restore()
    if first < config.epochs and not run.stopped:
        held = list(zip(range(config.validation_steps), validation(0), strict=False))
        model.fit(
            batches(first * config.steps),
            epochs=config.epochs,
            initial_epoch=first,
            steps_per_epoch=config.steps,
            validation_data=_repeat([batch for _, batch in held]),
            validation_steps=len(held),
            shuffle=False,  # batches come in their order; Keras warns otherwise
            # The run before the swap: at the end of a validation it must still find the
            # averaged weights in the model.
            callbacks=[
                run,
                *([keras.callbacks.SwapEMAWeights()] if config.ema is not None else []),
                TrainingBar(config.epochs, config.steps),
            ],
            verbose=0,
        )
    run.load_best()
    return run.history


def best_merit(folder: Path) -> tuple[float, float]:
    """How good the best epoch of a run was: the higher the better, first things first.

    Returns:
        What `RunConfig.best_by` named, 0 if that is the loss; and minus the validation
        loss. Minus infinity where there was nothing to measure.
    """
    with np.load(folder / "best.npz") as best:
        by, loss = best["merit"]
    return float(by), float(loss)


def _repeat(batches: list[Any]) -> Iterator[Any]:
    while True:
        yield from batches


class _Run(keras.callbacks.Callback):
    """Checkpoints, logs and early stopping, all from one state."""

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
        changed = [k for k, v in self._settings().items() if settings.get(k) != v]
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
            _save_arrays(self._best, {**weights, "merit": np.array(merit)})
        write_atomically(self.config.folder / "log.csv", _csv(self.history))
        self._tensorboard(row)
        arrays = {f"v{i}": v.numpy() for i, v in enumerate(self._all_variables())}
        _save_arrays(
            self._state,
            {
                "history": np.array(json.dumps(self.history)),
                "settings": np.array(json.dumps(self._settings())),
                **arrays,
            },
        )
        if self.stopped:
            self._net.stop_training = True

    def _settings(self) -> dict[str, Any]:
        """What has to be the same for a run to go on exactly."""
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
        return {**own, **(json.loads(config.settings) if config.settings else {})}

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


def _save_arrays(path: Path, arrays: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_atomically(path, buffer.getvalue())


def _csv(history: list[dict[str, float]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]), restval="")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue().encode()
