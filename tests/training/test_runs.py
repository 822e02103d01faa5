"""Training runs: killed and gone on with, they end as if they had never stopped."""

import csv
import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from fused_ocr.errors import ArtefactDamagedError, ConfigError, TrainingFailedError
from fused_ocr.training.runs import (
    RunConfig,
    optimizer_for,
    train,
)

EPOCHS, STEPS = 4, 5

# A small problem with what makes going on hard: dropout and batch normalisation (random
# and running states), averaged weights, a schedule, a metric.
PROGRAM = '''
import os, signal, sys
import keras, numpy as np
from pathlib import Path
from fused_ocr.training.runs import RunConfig, optimizer_for, train

EPOCHS, STEPS = 4, 5

def batches(first):
    step = first
    while True:
        rng = np.random.default_rng([7, step])
        x = rng.normal(size=(8, 6)).astype("float32")
        yield x, (x[:, :1] > x[:, 1:2]).astype("float32")
        step += 1

def make(config):
    keras.utils.set_random_seed(3)
    x = keras.Input((6,))
    y = keras.layers.Dense(5, activation="relu")(x)
    y = keras.layers.BatchNormalization(momentum=0.7)(y)
    y = keras.layers.Dropout(0.3)(y)
    model = keras.Model(x, keras.layers.Dense(1, activation="sigmoid")(y))
    optimizer = optimizer_for(config)
    model.compile(optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model

def config(folder, **changes):
    return RunConfig(
        folder=Path(folder), **{"epochs": EPOCHS, "steps": STEPS, "validation_steps": 2,
        "learning_rate": 0.05, "ema": 0.9, **changes}
    )

class Killer:
    """The training batches, and a SIGKILL in the middle of the third epoch."""
    def __init__(self, at): self.at = at
    def __call__(self, first):
        for i, batch in enumerate(batches(first), first):
            if i == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch

if __name__ == "__main__":
    folder, at = sys.argv[1], int(sys.argv[2])
    settings = config(folder)
    train(make(settings), Killer(at), batches, settings)
'''
_names = {"__name__": "program"}
exec(PROGRAM, _names)
batches, make, config = _names["batches"], _names["make"], _names["config"]


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run without a break: its folder, model, history."""
    folder = tmp_path_factory.mktemp("straight")
    settings = config(folder)
    model = make(settings)
    return folder, model, train(model, batches, batches, settings)


def without_time(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def state_of(folder):
    with np.load(folder / "state.npz") as state:
        return {key: state[key] for key in state if key[0] == "v"}


def test_killed_and_gone_on_with(straight, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    folder = tmp_path / "run"
    killed = subprocess.run(
        [sys.executable, program, folder, str(2 * STEPS + 3)],
        capture_output=True,
        check=False,
        timeout=120,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    with np.load(folder / "state.npz") as state:
        assert len(json.loads(str(state["history"]))) == 2

    settings = config(folder)
    model = make(settings)
    keras.utils.set_random_seed(99)  # what went before in this process does not matter
    history = train(model, batches, batches, settings)

    before, whole, expected = straight
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    for row, wanted in zip(without_time(history), without_time(expected), strict=True):
        assert row == pytest.approx(wanted, abs=1e-6)
    for one, other in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    for key, value in state_of(before).items():
        np.testing.assert_allclose(state_of(folder)[key], value, atol=1e-6, err_msg=key)


def test_what_a_run_leaves(straight):
    folder, _, history = straight
    names = {path.name for path in folder.iterdir()}
    assert names == {"best.npz", "log.csv", "state.npz", "tensorboard"}
    with open(folder / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [{k: float(v) for k, v in row.items()} for row in rows] == history
    assert set(history[0]) == {
        "epoch",
        "seconds",
        "loss",
        "accuracy",
        "val_loss",
        "val_accuracy",
    }
    assert len(list((folder / "tensorboard").iterdir())) == EPOCHS


def test_the_best_weights_are_loaded(straight):
    _, model, history = straight
    held = [batch for _, batch in zip(range(2), batches(0), strict=False)]
    loss = model.evaluate(
        np.concatenate([x for x, _ in held]),
        np.concatenate([y for _, y in held]),
        verbose=0,
        return_dict=True,
    )["loss"]
    assert loss == pytest.approx(min(row["val_loss"] for row in history), abs=1e-6)


def test_the_best_epoch_may_be_an_early_one(tmp_path):
    # After its first epoch the model is taught the opposite of what is validated.
    def turning(first):
        for i, (x, y) in enumerate(batches(first), first):
            yield x, (y if i < STEPS else 1 - y)

    settings = config(tmp_path, ema=None)
    model = make(settings)
    history = train(model, turning, batches, settings)
    losses = [row["val_loss"] for row in history]
    assert np.argmin(losses) < len(losses) - 1
    with np.load(tmp_path / "best.npz") as best:
        for i, weight in enumerate(model.get_weights()):
            np.testing.assert_array_equal(weight, best[f"w{i}"])


def wrong(truth, seen):
    return keras.ops.cast((seen > 0.5) != (truth > 0.5), "float32")


def test_the_best_epoch_may_be_that_of_a_metric(tmp_path):
    # The loss gets better, and so does what the metric calls worse.
    settings = config(tmp_path, ema=None, best_by="val_wrong")
    model = make(settings)
    metric = keras.metrics.MeanMetricWrapper(wrong, name="wrong")
    model.compile(optimizer_for(settings), loss="mse", metrics=[metric])
    history = train(model, batches, batches, settings)
    most = max(row["val_wrong"] for row in history)
    lowest = min(row["val_loss"] for row in history if row["val_wrong"] == most)
    assert lowest > min(row["val_loss"] for row in history)
    held = [batch for _, batch in zip(range(2), batches(0), strict=False)]
    x, y = (np.concatenate(part) for part in zip(*held, strict=True))
    again = model.evaluate(x, y, verbose=0, return_dict=True)
    assert again["wrong"] == pytest.approx(most, abs=1e-6)
    assert again["loss"] == pytest.approx(lowest, abs=1e-6)


def test_a_finished_run_is_only_loaded(straight):
    folder, whole, history = straight

    def none(first):
        raise AssertionError("a finished run asks for no batches")
        yield

    settings = config(folder)
    model = make(settings)
    assert train(model, none, none, settings) == history
    for one, other in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_patience(tmp_path):
    def noise(first):
        for i, (x, _) in enumerate(batches(first)):
            yield x, np.full((8, 1), float(i % 2), np.float32)

    settings = config(tmp_path, epochs=50, learning_rate=0.5, ema=None, patience=2)
    history = train(make(settings), noise, batches, settings)
    losses = [row["val_loss"] for row in history]
    assert len(losses) < 50
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    # Stopped once, it stays stopped.
    assert train(make(settings), noise, batches, settings) == history


@pytest.mark.parametrize("damage", ["empty", "half", "text", "other"])
def test_a_state_that_is_none_is_refused(straight, tmp_path, damage):
    whole = (straight[0] / "state.npz").read_bytes()
    if damage == "other":
        with np.load(straight[0] / "state.npz") as state:
            np.savez(tmp_path / "state.npz", history=state["history"], v0=np.zeros(3))
    else:
        data = {"empty": b"", "half": whole[: len(whole) // 2], "text": b"state"}[
            damage
        ]
        (tmp_path / "state.npz").write_bytes(data)
    settings = config(tmp_path)
    with pytest.raises(
        ArtefactDamagedError, match=r"state\.npz is not a state of this model"
    ):
        train(make(settings), batches, batches, settings)


def test_the_state_of_another_model_is_refused(straight, tmp_path):
    (tmp_path / "state.npz").write_bytes((straight[0] / "state.npz").read_bytes())
    settings = config(tmp_path)
    other = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    other.compile(optimizer_for(settings), loss="mse", metrics=["accuracy"])
    with pytest.raises(ArtefactDamagedError, match="other variables"):
        train(other, batches, batches, settings)


def test_a_loss_of_nan_stops_the_run_and_keeps_the_state(tmp_path):
    settings = config(tmp_path)

    def spoilt(first):
        for i, (x, y) in enumerate(batches(first), first):
            yield (x * np.nan if i >= 2 * STEPS else x), y

    with pytest.raises(
        TrainingFailedError, match=r"loss became nan in epoch 3.*Lower the learning"
    ):
        train(make(settings), spoilt, batches, settings)
    with np.load(tmp_path / "state.npz") as state:
        assert len(json.loads(str(state["history"]))) == 2
        assert all(np.isfinite(state[k]).all() for k in state if k[0] == "v")
    # Gone on with good data, it ends.
    assert len(train(make(settings), batches, batches, settings)) == EPOCHS


@pytest.mark.parametrize("field", ["epochs", "steps", "validation_steps"])
def test_lengths_below_one_are_refused(tmp_path, field):
    with pytest.raises(ConfigError, match=f"{field} must be at least 1. Received: 0"):
        config(tmp_path, **{field: 0})


@pytest.mark.parametrize(
    ("epochs", "steps", "warm"), [(1, 1, 0), (2, 5, 1), (10, 600, 300)]
)
def test_the_learning_rate_rises_and_falls(tmp_path, epochs, steps, warm):
    settings = RunConfig(folder=tmp_path, epochs=epochs, steps=steps, learning_rate=0.1)
    rate = optimizer_for(settings)._learning_rate
    values = [float(rate(step)) for step in (warm, epochs * steps)]
    assert values == pytest.approx([0.1 if warm else values[0], values[1]])
    assert float(rate(0)) == pytest.approx(0.1 / 20) or not warm


def test_a_run_does_not_go_on_with_other_settings(tmp_path):
    def again(**changes):
        settings = config(
            tmp_path, **{"epochs": 1, "settings": '{"seed": "1"}'} | changes
        )
        return train(make(settings), batches, batches, settings)

    assert len(again()) == 1
    assert len(again()) == 1
    with pytest.raises(ConfigError, match=r"another seed: \['1'\]"):
        again(settings='{"seed": "2"}')
    with pytest.raises(ConfigError, match=r"another epochs: \[1\]"):
        again(epochs=2)
