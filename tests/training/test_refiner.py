"""The refiner's loss by hand, its learning, and `train refiner` on the command line."""

import itertools
import json

import keras
import numpy as np
import pytest
import stand_ins
import tensorflow as tf
from click.testing import CliRunner
from test_corner_crops import depth
from test_refinement import UPRIGHT, saying

from fused_ocr.cli import main
from fused_ocr.config import CropConfig, RecognizerConfig, RefinerConfig
from fused_ocr.fusion import describe, parts_of
from fused_ocr.recognition.cut_as import cut_of
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.refinement import build_refiner, crop_for
from fused_ocr.runtimes import load_keras_model
from fused_ocr.training.annotations import AnnotatedPhoto, write_annotations
from fused_ocr.training.corner_crops import CornerBatches, CornerPatches
from fused_ocr.training.refiner import _error, corner_loss, train_refiner
from fused_ocr.training.runs import RunConfig
from fused_ocr.training.strip_augmentation import StripAugmentation
from fused_ocr.training.transfer import freeze

# --- the loss -------------------------------------------------------------------------

# In a crop of 10x20 a region from (2, 2) to (6, 12): its longest side is 10 pixels.
SIZE = (10, 20)
REGION = np.array([(2, 2), (2, 12), (6, 12), (6, 2)], np.float32)


def lost(*seen, known=True, region=REGION):
    """What corners lose, in pixels of the crop and as a list."""
    truth = np.append(region / SIZE, float(known)).astype(np.float32)
    seen = np.array(seen, np.float32) / np.array(SIZE, np.float32)
    truth = np.repeat(truth[None], len(seen), 0)
    return corner_loss(SIZE)(tf.constant(truth), tf.constant(seen)).numpy()


def moved(*shifts):
    """The region with its first corners moved."""
    shifts = [*shifts, *[(0, 0)] * (4 - len(shifts))]
    return REGION + np.array(shifts)


def test_the_loss_of_known_corners_by_hand():
    # One of four 5 pixels off; all of them sqrt(5).
    found = lost(REGION, moved((3, 4)), moved(*[(1, 2)] * 4))
    expected = [0, 5 / 4 / 10, np.sqrt(5) / 10]
    np.testing.assert_allclose(found, expected, atol=3e-4)
    # The right places under the wrong names are wrong: two are 10 off, two are 4.
    mirrored, upside_down = REGION[[1, 0, 3, 2]], REGION[[2, 3, 0, 1]]
    found = lost(mirrored, upside_down)
    np.testing.assert_allclose(found, [1, np.hypot(4, 10) / 10], atol=3e-4)


def test_the_loss_of_boxes_by_hand():
    # Edges 1, 2, 1 and 2 pixels off; one edge of four 3 pixels.
    found = lost(moved(*[(1, 2)] * 4), moved((-3, 0)), known=False)
    np.testing.assert_allclose(found, [6 / 4 / 10, 3 / 4 / 10], atol=1e-6)
    # What has that box around it is right, whichever corner is which.
    slanted = np.array([(2, 4), (4, 12), (6, 11), (5, 2)], np.float32)
    found = lost(REGION, slanted, REGION[[2, 3, 0, 1]], known=False)
    np.testing.assert_allclose(found, 0, atol=1e-6)


def test_a_region_smaller_than_a_pixel_counts_as_one():
    tiny = np.array([(5, 5), (5, 5.5), (5.2, 5.5), (5.2, 5)], np.float32)
    found = lost(tiny + [[0, 3]], region=tiny)  # noqa: RUF005 - an array
    np.testing.assert_allclose(found, [3], atol=1e-3)


def test_right_corners_have_a_gradient():
    truth = np.append(REGION / SIZE, 1)[None].astype(np.float32)
    seen = tf.constant(truth[:, :8].reshape(1, 4, 2))
    with tf.GradientTape() as tape:
        tape.watch(seen)
        loss = corner_loss(SIZE)(tf.constant(truth), seen)
    assert np.isfinite(tape.gradient(loss, seen)).all()


# --- learning -------------------------------------------------------------------------

SMALL = RefinerConfig(size_yx=(16, 32), width=8)


def regions(count=24, seed=0):
    """White quadrilaterals on noise."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 120, (count, 112, 224), np.uint8)
    corners = np.array([(36, 66), (36, 158), (76, 158), (76, 66)])
    quads = (corners + rng.uniform(-10, 10, (count, 4, 2))).astype(np.float32)
    for one, quad in zip(pixels, quads, strict=True):
        one[depth(quad, 112, 224) > 0] = 250
    return CornerPatches("drawn", pixels, quads, np.arange(count) % 4 > 0)


def batches(seed, size=16):
    light = StripAugmentation.of_strength(SMALL.size_yx, 0.0)
    return CornerBatches([regions()], crop_for(SMALL), size, seed, light)


def test_corners_are_learnt(tmp_path):
    keras.utils.set_random_seed(1)
    crops, truth = next(batches(3, size=64)(0))
    loss = corner_loss(SMALL.size_yx)
    at_start = loss(truth, build_refiner(SMALL)(crops)).numpy().mean()
    settings = RunConfig(
        tmp_path, epochs=3, steps=80, validation_steps=2, learning_rate=5e-3, ema=None
    )
    refiner = train_refiner(SMALL, settings, batches(1), batches(2))
    off = loss(truth, refiner(crops)).numpy().mean()
    # Measured: 0.11, and 0.04.
    assert off < 0.5 * at_start
    assert cut_of(refiner) == crop_for(SMALL)


def test_the_score_is_of_known_corners_alone():
    # It always says (0.25, 0.2) and so on, a region of 24 * 0.5 = 12 by 40 * 0.6 = 24
    # pixels. Off by 3 and 1 rows, in parts of 24; what is not known is far off.
    refiner = saying(UPRIGHT, size_yx=(24, 40))
    right = np.append(UPRIGHT, 1)
    shifts = np.array([3, 1, 9, 9])[:, None] / 24 * np.tile([1, 0], 4)
    truth = np.repeat(right[None], 4, 0).astype(np.float32)
    truth[:, :8] += shifts
    truth[2:, 8] = 0
    crops = np.zeros((2, 24, 40, 1), np.float32)

    def given(*batches):
        return lambda first: itertools.cycle((crops, batch) for batch in batches)

    # Each known corner counts once, in whichever batch it is.
    mixed, unknown = truth[[0, 2]], truth[2:]
    for batches_, off in (
        ((truth[:2],), 2 / 24),
        ((mixed,), 3 / 24),
        ((mixed, unknown), 3 / 24),
        ((truth[:2], mixed), (3 + 1 + 3) / 3 / 24),
    ):
        assert _error(refiner, given(*batches_)) == pytest.approx(off, abs=1e-3)
    assert np.isnan(_error(refiner, given(unknown)))


@pytest.mark.parametrize(
    ("stage", "trained"),
    [("backbone", {"hidden", "corners"}), ("features", {"corners"})],
)
def test_what_is_frozen(stage, trained):
    model = build_refiner(SMALL)
    freeze(model, stage)
    assert {one.name for one in model.layers if one.trainable_weights} == trained


# --- the command line -----------------------------------------------------------------


def run(*arguments):
    return CliRunner().invoke(main, [str(one) for one in arguments])


def trained(scenes, out, *more):
    return run(
        "train", "refiner", "--out", out, "--width", 2, "--epochs", 1, "--steps", 2,
        "--batch-size", 4, "--validation-steps", 1, "--classes",
        scenes / "classes.csv", "--annotations", scenes / "annotations.csv", *more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def refiner(scenes, tmp_path_factory):
    """The path of a refiner from the command line."""
    out = tmp_path_factory.mktemp("refiner")
    done = trained(scenes, out)
    assert done.exit_code == 0, done.output
    assert "corner error, one look: " in done.output
    return out / "refiner.keras"


def test_a_refiner_is_made(refiner):
    made = load_keras_model(refiner)
    assert made.output_shape == (None, 4, 2)
    assert cut_of(made) == crop_for(RefinerConfig())
    assert made.get_layer("conv1").filters == 2
    assert (refiner.parent / "curves.png").exists()


def test_the_best_of_two_is_kept(scenes, tmp_path):
    out = tmp_path / "run"
    annotations = scenes / "annotations.csv"
    done = trained(
        scenes, out, "--repeat", 2, "--annotations", annotations, "--share", 3,
        "--share", 1, "--validation", annotations, "--augmentation", 0,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads((out / "repeats.json").read_text())
    assert [one["seed"] for one in told] == [1, 2]
    best = min(told, key=lambda one: one["val_loss"])
    kept = out / f"repeat_{best['seed']}" / "refiner.keras"
    assert (out / "refiner.keras").read_bytes() == kept.read_bytes()


def test_the_first_layers_stay_as_they_were(scenes, refiner, tmp_path):
    done = trained(
        scenes, tmp_path, "--init", refiner, "--freeze", "backbone", "--ema", 0
    )
    assert done.exit_code == 0, done.output
    old, new = map(load_keras_model, (refiner, tmp_path / "refiner.keras"))
    for one, other in zip(old.layers, new.layers, strict=True):
        pairs = zip(one.get_weights(), other.get_weights(), strict=True)
        same = all(np.array_equal(*pair) for pair in pairs)
        assert same == (one.name not in ("hidden", "corners")), one.name


def test_a_refiner_is_fused(refiner, tmp_path):
    stand_ins.detector(("plate",)).save(tmp_path / "detector.keras")
    strings = RecognizerConfig(arch="convctc", size_yx=(16, 32), slots=4, width=4)
    build_recognizer(strings).save(tmp_path / "recognizer.keras")
    paths = [tmp_path / f"{name}.keras" for name in ("detector", "recognizer", "fused")]
    fuse = ("fuse", *paths, "--frame", 64, 96, "--refiner")
    done = run(*fuse, refiner)
    assert done.exit_code == 0, done.output
    fused = load_keras_model(paths[-1])
    assert describe(fused).fusion.refinements == 2
    crop = cut_of(load_keras_model(refiner))
    assert parts_of(fused).refine.cut.crop == crop == CropConfig(
        size_yx=(48, 96), grow=1.5
    )  # fmt: skip
    for wrong, message in (
        (paths[0], "'detector' is not a refiner"),
        (tmp_path / "none.keras", "none.keras"),
    ):
        paths[-1].unlink(missing_ok=True)
        done = run(*fuse, wrong)
        assert done.exit_code in (1, 2) and message in done.output
        assert isinstance(done.exception, SystemExit) and not paths[-1].exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "give --annotations"),
        (("--annotations", "annotations.csv"), "--annotations needs --classes"),
    ],
)
def test_a_refiner_needs_regions(scenes, more, message, tmp_path, monkeypatch):
    monkeypatch.chdir(scenes)
    done = run("train", "refiner", "--out", tmp_path / "run", *more)
    assert done.exit_code == 2 and message in done.output
    assert isinstance(done.exception, SystemExit)


def test_a_refiner_needs_corners(scenes, tmp_path):
    photo = next((scenes / "pictures").glob("*.png"))
    boxes = np.array([(4, 4, 20, 60)] * 2, np.float32)
    boxed = AnnotatedPhoto(photo, boxes, np.zeros(2, np.int64), ("", ""))
    write_annotations(tmp_path / "boxes.csv", [boxed], ("plate",))
    done = run(
        "train", "refiner", "--out", tmp_path / "run", "--classes",
        scenes / "classes.csv", "--annotations", tmp_path / "boxes.csv",
    )  # fmt: skip
    assert done.exit_code == 2 and "none of the boxes has any" in done.output
    assert isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--freeze", "backbone"), "--freeze needs --init"),
        (("--init", "detector.keras"), "'detector' is not a refiner"),
        (("--init", "digits"), "'digits' has no refiner"),
        (("--init", "no.keras"), "'no.keras' does not exist"),
        (("--share", 1, "--share", 2), "a positive --share for each of the 1"),
    ],
)
def test_what_does_not_fit_is_refused(scenes, more, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stand_ins.detector().save("detector.keras")
    done = trained(scenes, tmp_path / "run", *more)
    assert done.exit_code in (1, 2) and message in done.output
    assert isinstance(done.exception, SystemExit)
