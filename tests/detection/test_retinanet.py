"""The detector: names and sizes as a contract, its two faces, and saving without it."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import stand_ins

from fused_ocr.config import AnchorConfig, DetectorConfig, SelectionConfig
from fused_ocr.detection.anchors import DecodeCorners
from fused_ocr.detection.octaves import Octaves, joined, look
from fused_ocr.detection.retinanet import (
    add_decoding,
    build_retinanet,
    decoding_of,
    halves_of,
    training_model,
)
from fused_ocr.detection.selection import SelectDetections
from fused_ocr.errors import ArtefactDamagedError, ConfigError
from fused_ocr.folding import fold_batch_normalization, fold_padding

NAMES = json.loads(
    (pathlib.Path(__file__).parent.parent / "golden" / "names.json").read_text("utf-8")
)
TINY = DetectorConfig(
    alpha=0.35, pyramid_channels=8, head_channels=8, head_depth=1, labels=("a", "b")
)


def frames(count, size_yx=(64, 128), seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (count, *size_yx, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    return build_retinanet(TINY)


@pytest.fixture(scope="module")
def detector(trained):
    return add_decoding(trained, TINY)


@pytest.fixture(scope="module")
def cornered():
    """A detector with corners, and the model it was made from."""
    config = TINY.replace(corners=True)
    trained = build_retinanet(config)
    return trained, add_decoding(trained, config)


@pytest.mark.parametrize("size_yx", [(64, 64), (64, 128), (192, 64)])
def test_shapes(trained, detector, size_yx):
    anchors = TINY.anchors.count * sum(
        (size_yx[0] // s) * (size_yx[1] // s) for s in TINY.anchors.strides
    )
    regression, scores = trained(frames(2, size_yx))
    assert regression.shape == (2, anchors, 4)
    assert scores.shape == (2, anchors, 2)
    found = detector(frames(2, size_yx))
    assert found["boxes"].shape == (2, anchors, 4)
    np.testing.assert_array_equal(found["scores"], scores)
    assert 0 <= found["scores"].numpy().min() <= found["scores"].numpy().max() <= 1


def test_names(trained, detector):
    assert trained.name == "retinanet" and detector.name == "detector"
    assert sorted(layer.name for layer in trained.layers) == NAMES["retinanet_layers"]
    assert trained.output_names == NAMES["retinanet_outputs"]
    assert sorted(detector.output) == NAMES["detector_outputs"]
    for name in ("regression", "classification"):
        submodel = detector.get_layer(f"{name}_submodel")
        assert submodel.get_layer(f"pyramid_{name}")
        assert submodel.get_layer(f"pyramid_{name}_0")


# Measured once; a change means another architecture.
@pytest.mark.parametrize(
    ("config", "count"),
    [
        (DetectorConfig(), 2_234_477),
        pytest.param(
            DetectorConfig(backbone="ResNet50"), 24_138_669, marks=pytest.mark.slow
        ),
    ],
)
def test_parameter_count(config, count):
    assert build_retinanet(config).count_params() == count


def test_every_anchor_scores_about_the_prior(trained):
    # 0.01, so that the many empty anchors do not swamp the loss (Lin et al. 2017, 4.1).
    scores = trained(frames(2))[1].numpy()
    assert scores.min() > 0.005 and scores.max() < 0.02
    head = trained.get_layer("classification_submodel").get_layer(
        "pyramid_classification"
    )
    np.testing.assert_allclose(head.bias.numpy(), -np.log(99), rtol=1e-5)


@pytest.mark.parametrize("levels", [3, 4, 5])
@pytest.mark.parametrize("depth", [0, 2])
def test_levels_and_depth(levels, depth):
    config = TINY.replace(
        anchors=AnchorConfig(levels=tuple(range(3, 3 + levels)), sizes=(9.0,) * levels),
        head_depth=depth,
    )
    model = build_retinanet(config)
    names = {layer.name for layer in model.layers}
    assert {f"P{3 + i}" for i in range(levels)} <= names
    assert f"P{3 + levels}" not in names
    side = 2 ** (2 + levels)
    regression, _ = model(frames(1, (side, 2 * side)))
    assert regression.shape[1] == config.anchors.count * sum(
        2 * (side // s) ** 2 for s in config.anchors.strides
    )


def test_decoding_shares_the_layers(trained, detector):
    assert all(a is b for a, b in zip(detector.weights, trained.weights, strict=True))
    layer = decoding_of(detector)
    assert layer.anchors == TINY.anchors and layer.labels == ("a", "b")


def test_back_to_training(trained, detector):
    again = training_model(detector)
    assert again.name == "retinanet"
    for one, other in zip(again(frames(1)), trained(frames(1)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert all(a is b for a, b in zip(again.weights, trained.weights, strict=True))


def test_other_models_are_refused():
    for function in (decoding_of, training_model):
        with pytest.raises(
            ArtefactDamagedError, match="'recognizer' is not a detector"
        ):
            function(stand_ins.recognizer())


def test_frames_that_do_not_divide_are_refused(detector):
    with pytest.raises(ConfigError, match=r"multiple of 64.*Received: 64x96"):
        detector(frames(1, (64, 96)))


@pytest.mark.parametrize("size_yx", [(64, 64), (192, 64)])
def test_corners(cornered, size_yx):
    trained, detector = cornered
    values = frames(2, size_yx)
    regression, scores, shifts = trained(values)
    assert regression.shape[2:] == (4,) and scores.shape[2:] == (2,)
    assert shifts.shape == (*regression.shape[:2], 8) and shifts.dtype == "float32"
    found = detector(values)
    assert set(found) == {"boxes", "scores", "corners"}
    np.testing.assert_allclose(
        found["corners"],
        DecodeCorners(TINY.anchors)([shifts, values]),
        atol=1e-4,
    )
    assert found["boxes"].shape == regression.shape


def test_the_halves_of_a_detector_find_what_the_whole_does(cornered):
    _, detector = cornered
    values = frames(2, (192, 64))
    whole = detector(values)
    select = SelectDetections(SelectionConfig(score_threshold=0.01, max_detections=9))
    geometry = np.array([[2.0, 1.5, 384, 96], [1.0, 1.0, 192, 64]], np.float32)
    expected = select(whole["boxes"], whole["scores"], geometry, whole["corners"])
    assert expected["count"].numpy().min() > 1
    (heads,), decode = halves_of(detector, (192, 64))
    given = heads(values)
    found = select(
        given["boxes"], given["scores"], geometry, given["corners"], decode=decode
    )
    assert set(found) == set(expected)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-4, err_msg=name)


def test_the_halves_of_a_frame_halved_leave_out_the_lowest_level(cornered):
    _, detector = cornered
    values, octaves = frames(2, (256, 128)), Octaves(2)
    whole = look(detector, values, octaves)
    select = SelectDetections(SelectionConfig(score_threshold=0.01, max_detections=9))
    geometry = np.array([[2.0, 1.5, 512, 192], [1.0, 1.0, 256, 128]], np.float32)
    expected = select(whole["boxes"], whole["scores"], geometry, whole["corners"])
    halves, decode = halves_of(detector, (256, 128), 2)
    views = zip(halves, octaves(values), strict=True)
    given = joined([half(view) for half, view in views])
    np.testing.assert_allclose(given["scores"], whole["scores"], atol=1e-5)
    found = select(
        given["boxes"], given["scores"], geometry, given["corners"], decode=decode
    )
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-3, err_msg=name)
    # It is not computed and then thrown away.
    lowest = f"P{TINY.anchors.levels[0]}"
    assert lowest in {layer.name for layer in halves[0].layers}
    assert lowest not in {layer.name for layer in halves[1].layers}


def test_corners_are_one_more_head(trained, cornered):
    assert cornered[0].output_names == [*NAMES["retinanet_outputs"], "corners"]
    more = {layer.name for layer in cornered[0].layers} - set(NAMES["retinanet_layers"])
    assert more == {"corners", "corners_submodel"}
    submodel = cornered[1].get_layer("corners_submodel")
    assert submodel.get_layer("pyramid_corners").filters == 8 * TINY.anchors.count
    more = submodel.count_params()
    assert cornered[0].count_params() == trained.count_params() + more


def test_corners_are_saved_folded_and_trained_on(cornered, tmp_path):
    trained, detector = cornered
    detector.save(tmp_path / "detector.keras")
    loaded = keras.saving.load_model(tmp_path / "detector.keras")
    folded = fold_padding(fold_batch_normalization(loaded))
    values = frames(1)
    for name, expected in detector(values).items():
        np.testing.assert_allclose(loaded(values)[name], expected, atol=1e-4)
        np.testing.assert_allclose(folded(values)[name], expected, atol=1e-3)
    again = training_model(loaded)
    assert again.output_names == trained.output_names
    for one, other in zip(again(values), trained(values), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.slow
def test_resnet50():
    config = DetectorConfig(backbone="ResNet50", pyramid_channels=8, head_channels=8)
    detector = add_decoding(build_retinanet(config), config)
    assert detector(frames(1, (64, 64)))["boxes"].shape == (1, (64 + 16 + 4 + 1) * 9, 4)


LOADING = """
import sys
import fused_ocr.fusion
import keras
import numpy as np

model = keras.saving.load_model(sys.argv[1])
frames = np.load(sys.argv[2])["frames"]
found = model(frames)
np.savez(sys.argv[3], **{name: value.numpy() for name, value in found.items()})
loaded = [name for name in sys.modules if name.startswith("keras_retinanet")]
sys.exit(f"imported: {loaded}" if loaded else 0)
"""


def test_saved_and_loaded_without_keras_retinanet(detector, tmp_path):
    detector.save(tmp_path / "detector.keras")
    values = frames(2)
    np.savez(tmp_path / "frames.npz", frames=values)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            LOADING,
            tmp_path / "detector.keras",
            tmp_path / "frames.npz",
            tmp_path / "found.npz",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    expected = detector(values)
    with np.load(tmp_path / "found.npz") as found:
        assert set(found) == set(expected)
        for name in found:
            np.testing.assert_allclose(found[name], expected[name], atol=1e-4)
