"""The same training several times: the best is kept, and how far they are apart."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from fused_ocr.errors import ConfigError
from fused_ocr.files import write_atomically

from .runs import RunConfig, best_merit

__all__ = ["Outcome", "repeated"]

Recipe = Callable[[Path, RunConfig, dict[str, Any]], tuple[Path, dict[str, float]]]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One of several trainings.

    Attributes:
        seed: of it.
        val_loss: the validation loss of its best epoch.
        scores: by name, 0..1, of what it made.
    """

    seed: int
    val_loss: float
    scores: dict[str, float]


def repeated(
    recipe: Recipe, times: int, run: RunConfig, options: dict[str, Any]
) -> tuple[Path, int, list[Outcome]]:
    """Train with several seeds, one after the other, and keep the best.

    Each has a folder of its own inside the run's, `repeat_1` and so on, so that a run
    that was stopped goes on where it was. The best, by what told each its best epoch,
    is copied to where a single run would have put it; `repeats.json` has all of them.

    Args:
        recipe: from a folder, a run and options to what was made, and its scores.
        times: how often; the seeds follow that of the options.
        run: the run.
        options: of the recipe, by name.

    Returns:
        The path of the best one's weights, which of them it is, and all outcomes in
        their order.

    Raises:
        ConfigError: less than once; or the folder has a run of its own.
    """
    if times < 1:
        raise ConfigError(f"A training is made at least once. Received: {times}.")
    if (run.folder / "state.npz").exists():
        raise ConfigError(
            f"{run.folder} has a single training, which its repeats would overwrite. "
            "Choose another folder."
        )
    outcomes: list[Outcome] = []
    merits: list[tuple[float, float]] = []
    made: list[Path] = []
    for i in range(times):
        seed = options["seed"] + i
        folder = run.folder / f"repeat_{i + 1}"
        keras.backend.clear_session()  # unnamed layers are counted from 1 again
        keras.utils.set_random_seed(seed)
        own = {**options, "seed": seed}
        settings = json.dumps({**json.loads(run.settings or "{}"), "seed": str(seed)})
        once = dataclasses.replace(run, folder=folder, settings=settings)
        path, scores = recipe(folder, once, own)
        made.append(path)
        merits.append(best_merit(folder))
        outcomes.append(Outcome(seed, -merits[-1][1], scores))
        text = json.dumps([dataclasses.asdict(one) for one in outcomes], indent=2)
        if run.writes:
            write_atomically(run.folder / "repeats.json", text.encode())
    best = merits.index(max(merits))
    for name in (made[best].name, "log.csv", "curves.png") if run.writes else ():
        write_atomically(run.folder / name, (made[best].parent / name).read_bytes())
    return run.folder / made[best].name, best, outcomes
