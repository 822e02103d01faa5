"""What the commands that make data and weights do alike."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

__all__ = ["material_of", "prepare", "quiet", "quiet_tensorflow", "run_recipe"]

_FREE = (
    "bfloat16",
    "patience",
    "repeat",
    "strategy",
    "validation_steps",
    "workers",
)
"""Options that may change when a run goes on."""
_SYSTEM_FONTS = (Path("/usr/share/fonts"), Path("/Library/Fonts"))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what native code writes to stderr; Python's errors come through."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def quiet_tensorflow() -> None:
    """Import TensorFlow without the page of notes it writes at its start.

    They come from native code, before its own setting for them is read, so that the
    stream itself is turned away. If TensorFlow is missing, whoever needs it says so.
    """
    with quiet(), contextlib.suppress(ImportError):
        import tensorflow as tf

        tf.config.list_logical_devices()


def prepare(seed: int, *, bfloat16: bool, strategy: str = "none") -> None:
    """TensorFlow, quiet, seeded, as exact as is asked for, with all its workers."""
    if strategy == "multiworker":
        _join_workers()
    quiet_tensorflow()
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    # Of the graph's arithmetic alone: the weights stay float32, and so does what reads.
    tf.config.optimizer.set_experimental_options(
        {"auto_mixed_precision_onednn_bfloat16": bfloat16}
    )


def _join_workers() -> None:
    """Meet the other workers of TF_CONFIG: the first thing that TensorFlow does."""
    with quiet(), contextlib.suppress(ImportError):
        import tensorflow  # noqa: F401

    from fused_ocr.training.cluster import strategy_named

    strategy_named("multiworker")


def run_recipe(recipe: Any, out: Path, options: dict[str, Any]) -> None:
    """Run a recipe, perhaps several times, and say what came of it."""
    material = material_of(options) if "fonts" in options else None
    run = _run(out, options)
    # The same for all repeats, so that their losses compare.
    options = {**options, "validation_seed": options["seed"] + 1}

    def once(
        folder: Path, run: Any, options: dict[str, Any]
    ) -> tuple[Path, dict[str, float]]:
        made: tuple[Path, dict[str, float]] = recipe(folder, material, run, options)
        return made

    if options["repeat"] == 1:
        path, scores = once(out, run, options)
        outcomes = []
    else:
        from fused_ocr.training.repeats import repeated

        path, best, outcomes = repeated(once, options["repeat"], run, options)
        scores = outcomes[best].scores
    click.echo(f"{path}: see {out / 'curves.png'}")
    for name, score in scores.items():
        line = f"  {name}: {score:.2%}"
        if outcomes:
            all_of_them = [one.scores[name] for one in outcomes]
            line += f", of {min(all_of_them):.2%} to {max(all_of_them):.2%}"
        click.echo(line)
    if outcomes:
        losses = sorted(one.val_loss for one in outcomes)
        click.echo(
            f"  {len(losses)} trainings: validation loss {losses[0]:.4f} to "
            f"{losses[-1]:.4f}; see {out / 'repeats.json'}"
        )


def material_of(options: dict[str, Any]) -> Any:
    """The `Material` of `material_options`."""
    from fused_ocr.training.material import Material

    return Material(
        options["data_dir"],
        tuple(options["fonts"]) or _SYSTEM_FONTS,
        tuple(options["photos"]),
        options["characters"],
    )


def _run(out: Path, options: dict[str, Any]) -> Any:
    from fused_ocr.training.runs import RunConfig

    return RunConfig(
        out,
        epochs=options["epochs"],
        steps=options["steps"],
        validation_steps=options["validation_steps"],
        learning_rate=options["learning_rate"],
        weight_decay=options["weight_decay"],
        ema=options["ema"] or None,
        patience=options["patience"],
        batch_size=options["batch_size"],
        strategy=options["strategy"],
        workers=options.get("workers", 1),
        freeze=options["freeze"],
        settings=json.dumps(
            {k: str(v) for k, v in sorted(options.items()) if k not in _FREE}
        ),
    )
