"""Training a detector with corners: its losses, and what it may start from."""

import csv

import keras
import numpy as np
import pytest

from fused_ocr.config import AnchorConfig, DetectorConfig
from fused_ocr.detection import retinanet
from fused_ocr.detection.retinanet import add_decoding, build_retinanet, training_model
from fused_ocr.errors import ConfigError
from fused_ocr.training import detector
from fused_ocr.training.detector import detector_losses, train_detector
from fused_ocr.training.examples import Example
from fused_ocr.training.runs import RunConfig

TINY = DetectorConfig(
    pyramid_channels=8,
    head_channels=8,
    head_depth=0,
    anchors=AnchorConfig(levels=(3, 4, 5), sizes=(16.0, 32.0, 64.0)),
)
CORNERED = TINY.replace(corners=True)


def little_backbone(frames, name, **_):
    """Features of strides 8, 16, 32 that are made and traced in no time."""
    x = keras.layers.AveragePooling2D(4)(frames)
    x = keras.layers.Rescaling(1 / 255)(x)
    features = {}
    for level in (3, 4, 5):
        x = keras.layers.Conv2D(16, 3, 2, padding="same", name=f"conv_{level}")(x)
        x = keras.layers.ReLU()(x)
        x = keras.layers.BatchNormalization(name=f"norm_{level}")(x)
        features[f"C{level}"] = x
    return features


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(retinanet, "backbone_features", little_backbone)


def example(index):
    """A bright plate that leans on a dark frame of 32x96; every third's corners are
    not known."""
    rng = np.random.default_rng(index)
    frame = rng.integers(0, 40, (32, 96, 3)).astype(np.uint8)
    y, x = rng.integers(4, 14), rng.integers(4, 50)
    for row in range(12):
        frame[y + row, x + row // 3 : x + row // 3 + 30] = 220
    quad = np.array([(y, x), (y, x + 30), (y + 12, x + 34), (y + 12, x + 4)])
    quad = np.full((4, 2), np.nan) if index % 3 == 2 else quad
    return Example(
        frame,
        np.array([(y, x, y + 12, x + 34)], np.float32),
        np.zeros(1, np.int64),
        quad[None].astype(np.float32),
    )


def run_in(folder, **changes):
    return RunConfig(
        **{
            "folder": folder,
            "epochs": 1,
            "steps": 1,
            "validation_steps": 1,
            "batch_size": 3,
            "workers": 0,
            **changes,
        }
    )


def test_the_loss_of_corners_by_hand():
    # sigma 3: 4.5 d^2 below a distance of 1/9, d - 1/18 above; the two anchors with
    # state 1 share what they miss, the others are free to miss.
    given = np.zeros((1, 4, 8), np.float32)
    wanted = np.zeros((1, 4, 9), np.float32)
    wanted[0, :, 8] = (1, 0, 1, 0)
    given[0, 0] = (0.1, 0, 0, -1, 0, 0, 0, 0)
    given[0, 1] = 1000
    wanted[0, 2, :8], given[0, 2] = 7, 7
    wanted[0, 2, 5] = 9
    loss = detector_losses(CORNERED)[2]
    expected = (4.5 * 0.1**2 + (1 - 1 / 18) + (2 - 1 / 18)) / 2
    assert float(loss(wanted, given)) == pytest.approx(expected, rel=1e-5)
    wanted[..., 8] = 0
    assert float(loss(wanted, given)) == 0


def test_one_loss_for_each_output():
    assert len(detector_losses(TINY)) == 2
    assert len(detector_losses(CORNERED)) == 3


def test_corners_are_learnt(tmp_path):
    keras.utils.set_random_seed(1)
    settings = run_in(tmp_path, epochs=3, steps=15, learning_rate=0.01, ema=None)
    train_detector(CORNERED, settings, example, example)
    with open(tmp_path / "log.csv", newline="") as file:
        losses = [float(row["corners_loss"]) for row in csv.DictReader(file)]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("config", [TINY, CORNERED])
def test_a_detector_with_corners_starts_from_one(tmp_path, monkeypatch, config):
    monkeypatch.setattr(detector, "train", lambda *_, **__: None)
    init = build_retinanet(config)
    rng = np.random.default_rng(4)
    init.set_weights([w + rng.uniform(0, 0.01, w.shape) for w in init.get_weights()])
    frozen = ["norm_3", "norm_5"]
    for name in frozen:
        init.get_layer(name).trainable = False
    model = training_model(
        train_detector(
            CORNERED, run_in(tmp_path), example, example,
            init=add_decoding(init, config),
        )
    )  # fmt: skip
    assert model.output_names == ["regression", "classification", "corners"]
    assert not any(model.get_layer(name).trainable for name in frozen)
    assert model.get_layer("norm_4").trainable
    assert model.get_layer("corners_submodel").trainable_weights
    given = {variable.path: variable for variable in model.variables}
    for variable in init.variables:
        np.testing.assert_array_equal(given.pop(variable.path), variable)
    assert all("corners" in path for path in given)


def test_a_start_that_does_not_fit_is_refused(tmp_path):
    config = TINY.replace(pyramid_channels=4)
    init = add_decoding(build_retinanet(config), config)
    with pytest.raises(ConfigError, match="do not fit this 'retinanet'"):
        train_detector(TINY, run_in(tmp_path), example, example, init=init)


def test_other_anchors_keep_the_features(tmp_path, monkeypatch):
    monkeypatch.setattr(detector, "train", lambda *_, **__: None)
    init = build_retinanet(CORNERED)
    anchors = TINY.anchors.replace(ratios=(0.5,))
    model = training_model(
        train_detector(
            TINY.replace(anchors=anchors), run_in(tmp_path, freeze="features"),
            example, example, init=add_decoding(init, CORNERED),
        )
    )  # fmt: skip
    np.testing.assert_array_equal(
        model.get_layer("P3").get_weights()[0], init.get_layer("P3").get_weights()[0]
    )
    # Only what speaks of anchors is trained.
    assert {weight.path.split("/")[0] for weight in model.trainable_weights} == {
        "pyramid_regression",
        "pyramid_classification",
    }
