"""Several trainings: each in its folder with its seed, the best one kept."""

import json

import numpy as np
import pytest

from fused_ocr.errors import ConfigError
from fused_ocr.training.repeats import repeated
from fused_ocr.training.runs import RunConfig


def test_the_best_is_kept_and_all_are_told(tmp_path):
    seen = []

    def recipe(folder, run, options):
        seen.append((folder.name, run.folder, options["seed"], run.settings))
        folder.mkdir(parents=True)
        # Of two that read as much, the one with the lower loss.
        exact, loss = {4: (0.8, 0.5), 5: (0.9, 0.4), 6: (0.9, 0.7)}[options["seed"]]
        np.savez(folder / "best.npz", merit=np.array([exact, -loss]))
        (folder / "log.csv").write_bytes(b"")
        (folder / "curves.png").write_bytes(b"")
        (folder / "recognizer.keras").write_text(f"made of {options['seed']}")
        return folder / "recognizer.keras", {"strings": options["seed"] / 10}

    run = RunConfig(tmp_path, epochs=1, steps=1, settings='{"seed": "4", "width": "3"}')
    path, best, outcomes = repeated(recipe, 3, run, {"seed": 4, "width": 3})
    assert path == tmp_path / "recognizer.keras" and best == 1
    assert path.read_text() == "made of 5"
    assert [(one.seed, one.val_loss) for one in outcomes] == [
        (4, 0.5),
        (5, 0.4),
        (6, 0.7),
    ]
    assert [one["scores"]["strings"] for one in _told(tmp_path)] == [0.4, 0.5, 0.6]
    assert [name for name, *_ in seen] == ["repeat_1", "repeat_2", "repeat_3"]
    assert seen[1][1] == tmp_path / "repeat_2"
    assert json.loads(seen[1][3]) == {"seed": "5", "width": "3"}
    with pytest.raises(ConfigError, match="at least once"):
        repeated(recipe, 0, run, {"seed": 4})


def test_a_single_training_is_not_overwritten(tmp_path):
    (tmp_path / "state.npz").write_bytes(b"")
    run = RunConfig(tmp_path, epochs=1, steps=1)
    with pytest.raises(ConfigError, match="single training"):
        repeated(lambda *_: None, 2, run, {"seed": 4})


def _told(folder):
    return json.loads((folder / "repeats.json").read_text())
