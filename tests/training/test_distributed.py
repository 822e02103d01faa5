"""Two workers on this machine: what one would have learnt, and one of them killed."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner

from fused_ocr.cli import main
from fused_ocr.runtimes import load_keras_model

CLOSE = 1e-3
"""The most that losses may differ."""

# A recogniser of characters (batch normalisation, dropout, averaged weights, and a
# second batch of validation with one example) and a detector with corners, whose frames
# have one, two or three plates. No bias is before a normalisation, as in the real ones:
# it would have no gradient but rounding, which Adam makes steps of.
PROGRAM = """
import pathlib, sys
import keras, numpy as np
from fused_ocr.config import AnchorConfig, DetectorConfig, RecognizerConfig
from fused_ocr.detection import retinanet
from fused_ocr.training.cluster import strategy_named
from fused_ocr.training.detector import train_detector
from fused_ocr.training.examples import Example
from fused_ocr.training.patches import Pool
from fused_ocr.training.recognizer import train_recognizer
from fused_ocr.training.runs import RunConfig

DETECTOR = DetectorConfig(
    pyramid_channels=8, head_channels=8, head_depth=0, corners=True,
    anchors=AnchorConfig(levels=(3, 4, 5), sizes=(16.0, 32.0, 64.0)),
)

def little_backbone(frames, name, **_):
    x = keras.layers.Rescaling(1 / 255)(keras.layers.AveragePooling2D(4)(frames))
    features = {}
    for level in (3, 4, 5):
        x = keras.layers.Conv2D(
            16, 3, 2, padding="same", use_bias=False, name=f"conv_{level}")(x)
        x = keras.layers.BatchNormalization(name=f"norm_{level}")(x)
        features[f"C{level}"] = x
    return features

def example(index):
    rng = np.random.default_rng(index)
    frame = rng.integers(0, 40, (32, 96, 3)).astype(np.uint8)
    boxes = []
    for i in range(1 + index % 3):
        y, x = rng.integers(2, 14), 32 * i + rng.integers(0, 6)
        frame[y : y + 12, x : x + 24] = 220
        boxes.append((y, x, y + 12, x + 24))
    boxes = np.array(boxes, np.float32)
    quads = boxes[:, [0, 1, 0, 3, 2, 3, 2, 1]].reshape(-1, 4, 2)
    return Example(frame, boxes, np.zeros(len(boxes), np.int64), quads)

def pool(count):
    rng = np.random.default_rng(count)
    labels = np.arange(count) % 10
    patches = rng.integers(0, 60, (count, 40, 40)) + 15 * labels[:, None, None]
    return Pool("drawn", patches.astype(np.uint8), labels, 1.0)

def run(folder, strategy, **changes):
    return RunConfig(pathlib.Path(folder), **{
        "epochs": 3, "steps": 4, "validation_steps": 2, "batch_size": 8, "workers": 0,
        "learning_rate": 0.02, "ema": 0.9, "strategy": strategy, **changes})

def train(folder, strategy):
    retinanet.backbone_features = little_backbone
    keras.utils.set_random_seed(1)
    config = RecognizerConfig(arch="cnn", width=4)
    one = train_recognizer(
        config, run(folder / "recognizer", strategy), [pool(60)], [pool(513)], seed=5)
    keras.utils.set_random_seed(2)
    other = train_detector(
        DETECTOR, run(folder / "detector", strategy, epochs=2), example, example)
    return one, other

if __name__ == "__main__":
    strategy_named("multiworker")
    for model in train(pathlib.Path(sys.argv[1]), "multiworker"):
        model.save(pathlib.Path(sys.argv[1]) / f"{model.name}_{sys.argv[2]}.keras")
"""


def free_ports(count):
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports


class Workers:
    """Processes that know of each other by TF_CONFIG."""

    def __init__(self, folder, *commands):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(len(commands))]
        self.logs = [folder / f"worker_{i}.log" for i in range(len(commands))]
        self.processes = []
        for i, command in enumerate(commands):
            task = {"type": "worker", "index": i}
            config = {"cluster": {"worker": addresses}, "task": task}
            with open(self.logs[i], "wb") as log:
                self.processes.append(
                    subprocess.Popen(
                        list(map(str, command)),
                        stdout=subprocess.DEVNULL,
                        stderr=log,
                        env={**os.environ, "TF_CONFIG": json.dumps(config)},
                    )
                )

    def codes(self, seconds=240):
        """The exit codes; whoever does not end is killed."""
        end = time.monotonic() + seconds
        try:
            return [p.wait(max(0, end - time.monotonic())) for p in self.processes]
        finally:
            for process in self.processes:
                process.kill()

    def said(self):
        return "\n".join(log.read_text()[-3000:] for log in self.logs)


def rows_of(folder):
    with open(folder / "log.csv", newline="") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def compare(folder, other, epochs):
    """The logs of two runs; the largest difference of their numbers."""
    pairs = list(zip(rows_of(folder), rows_of(other), strict=True))
    assert len(pairs) == epochs
    assert all(one.keys() == wanted.keys() for one, wanted in pairs)
    apart = max(abs(one[key] - wanted[key]) for one, wanted in pairs for key in one)
    print(f"{folder.name}: losses apart by {apart:.2g}")
    assert apart < CLOSE


@pytest.fixture(scope="module")
def program():
    names = {"__name__": "program"}
    exec(PROGRAM, names)
    return names


@pytest.fixture(scope="module")
def both(tmp_path_factory, program):
    """The folder of two workers, that of one, and the latter's models."""
    folder = tmp_path_factory.mktemp("both")
    (folder / "program.py").write_text(PROGRAM)
    alone = tmp_path_factory.mktemp("alone")
    command = (sys.executable, folder / "program.py", folder)
    workers = Workers(folder, (*command, 0), (*command, 1))
    with pytest.MonkeyPatch.context() as patch:
        retinanet = program["retinanet"]
        patch.setattr(retinanet, "backbone_features", retinanet.backbone_features)
        models = program["train"](alone, "none")
    assert workers.codes() == [0, 0], workers.said()
    return folder, alone, models


@pytest.mark.parametrize(("name", "epochs"), [("recognizer", 3), ("detector", 2)])
def test_two_workers_learn_what_one_learns(both, name, epochs):
    folder, alone, _ = both
    compare(folder / name, alone / name, epochs)
    names = {path.name for path in (folder / name).iterdir()}
    assert names == {"best.npz", "log.csv", "state.npz", "tensorboard"}
    # One writer: an event file an epoch.
    assert len(list((folder / name / "tensorboard").iterdir())) == epochs


def test_both_workers_have_the_model(both):
    folder, _, models = both
    for model in models:
        for worker in (0, 1):
            made = load_keras_model(folder / f"{model.name}_{worker}.keras")
            assert [v.path for v in made.weights] == [v.path for v in model.weights]
            for one, wanted in zip(
                made.get_weights(), model.get_weights(), strict=True
            ):
                np.testing.assert_allclose(one, wanted, atol=1e-3)
            norms = [layer for layer in made.layers if hasattr(layer, "synchronized")]
            assert norms and not any(layer.synchronized for layer in norms)


def test_what_two_workers_began_one_ends(both, program, tmp_path):
    folder, alone, _ = both
    run = program["run"]
    for name in ("state.npz", "best.npz"):
        data = (folder / "recognizer" / name).read_bytes()
        (tmp_path / name).write_bytes(data)
    config = program["RecognizerConfig"](arch="cnn", width=4)
    pool = program["pool"]
    model = program["train_recognizer"](
        config, run(tmp_path, "none"), [pool(60)], [pool(513)], seed=5
    )
    with np.load(alone / "recognizer" / "best.npz") as best:
        for i, weight in enumerate(model.get_weights()):
            np.testing.assert_allclose(weight, best[f"w{i}"], atol=1e-3)


def test_a_killed_worker_by_the_command_line(scenes, tmp_path):
    def command(out, *more):
        return [
            "train", "refiner", "--out", str(out), "--annotations",
            str(scenes / "annotations.csv"), "--classes", str(scenes / "classes.csv"),
            "--width", "4", "--epochs", "6", "--steps", "8", "--batch-size", "4",
            "--validation-steps", "2", "--ema", "0.9", *more,
        ]  # fmt: skip

    out, alone = tmp_path / "out", tmp_path / "alone"
    entry = [sys.executable, "-c", "from fused_ocr.cli import main; main()"]
    shared = [*entry, *command(out, "--strategy", "multiworker")]

    workers = Workers(tmp_path, shared, shared)
    while not (out / "log.csv").exists() and workers.processes[1].poll() is None:
        time.sleep(0.01)
    workers.processes[1].send_signal(signal.SIGKILL)
    made = CliRunner().invoke(main, command(alone))  # while they end
    assert made.exit_code == 0, made.output
    assert workers.codes() == [1, -signal.SIGKILL], workers.said()
    said = workers.logs[0].read_text()
    assert "Traceback" not in said
    last = said.rstrip().splitlines()[-1]
    assert last.startswith("Error: Another worker has ended or cannot be reached")
    assert "Start the same command again on every machine" in last
    before = rows_of(out)
    assert 1 <= len(before) < 6
    assert not (out / "refiner.keras").exists()

    workers = Workers(tmp_path, shared, shared)
    assert workers.codes() == [0, 0], workers.said()
    assert rows_of(out)[: len(before)] == before
    compare(out, alone, 6)
    models = [load_keras_model(f / "refiner.keras") for f in (out, alone)]
    for one, wanted in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(one, wanted, atol=1e-3)
    assert {path.name for path in out.iterdir()} == {
        "best.npz", "curves.png", "log.csv", "refiner.keras", "state.npz", "tensorboard"
    }  # fmt: skip
