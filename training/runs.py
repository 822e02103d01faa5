"""A training run: its folder, its checkpoints, its logs, and going on after a kill.

The folder holds `state.npz` (everything needed to go on: weights, optimiser, averages,
random states, history), `best.npz` (the weights of the best epoch so far),
`log.csv`, and `tensorboard/`. Every file is written aside and renamed, so that a run
killed at any moment finds a whole one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fused_ocr.errors import ConfigError

from .checkpoints import Checkpoints
from .distributed import agree, fit_replicas
from .memory import keep_freed_memory
from .shares import Share
from .training_bar import TrainingBar

__all__ = [
    "Batches",
    "RunConfig",
    "best_merit",
    "optimizer_for",
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
        batch_size: examples a step, of all workers together.
        strategy: of `tf.distribute`, see `training.cluster.strategy_named`.
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

    @property
    def share(self) -> Share:
        """This process's of every batch."""
        return Share.under(self.strategy)

    @property
    def writes(self) -> bool:
        """Whether this process leaves the files, the first of all workers."""
        return self.share.worker == 0


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
    *,
    whole: bool = True,
) -> list[dict[str, float]]:
    """Train a compiled model to the end of the run, from wherever the run stands.

    Afterwards the model has the weights of the best epoch, see `RunConfig.best_by`.

    Args:
        model: compiled with `optimizer_for(config)`.
        batches: training batches from a given one on.
        validation: validation batches; always read from the first.
        config: the run.
        whole: whether batches are those of all workers together, of which each takes
            its share; or this worker's alone.

    Returns:
        One row an epoch: epoch, seconds, loss, val_loss, and the model's metrics.

    Raises:
        ArtefactDamagedError: the folder's state does not belong to this model.
        ConfigError: the folder's run has other settings; or batches cannot be shared.
    """
    strategy = tf.distribute.get_strategy()
    if config.batch_size % strategy.num_replicas_in_sync:
        raise ConfigError(
            f"Batches of {config.batch_size} cannot be shared equally by "
            f"{strategy.num_replicas_in_sync} replicas: choose a multiple."
        )
    keep_freed_memory()
    config.folder.mkdir(parents=True, exist_ok=True)
    model.optimizer.build(model.trainable_variables)
    run = Checkpoints(model, config)
    first = run.restore()
    if tf.distribute.has_strategy():
        agree(first, run.settings)
    if first < config.epochs and not run.stopped:
        held = list(zip(range(config.validation_steps), validation(0), strict=False))
        _fit(model, batches, [batch for _, batch in held], run, first, whole=whole)
    run.load_best()
    return run.history


def _fit(
    model: keras.Model,
    batches: Batches,
    held: list[Any],
    run: Checkpoints,
    first: int,
    *,
    whole: bool,
) -> None:
    """The epochs from a given one on."""
    config = run.config
    # The run before the swap: at the end of a validation it must still find the
    # averaged weights in the model.
    callbacks = [
        run,
        *([keras.callbacks.SwapEMAWeights()] if config.ema is not None else []),
        TrainingBar(config.epochs, config.steps),
    ]
    if tf.distribute.has_strategy():
        fit_replicas(
            model,
            batches(first * config.steps),
            held,
            epochs=range(first, config.epochs),
            steps=config.steps,
            callbacks=callbacks,
            whole=whole,
        )
        return
    model.fit(
        batches(first * config.steps),
        epochs=config.epochs,
        initial_epoch=first,
        steps_per_epoch=config.steps,
        validation_data=_repeat(held),
        validation_steps=len(held),
        shuffle=False,  # batches come in their order; Keras warns otherwise
        callbacks=callbacks,
        verbose=0,
    )


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
