"""The whole way by the command line: synth, check, train, fuse, measure, read."""

import json
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fused_ocr.alphabet import DIGITS
from fused_ocr.cli import main
from fused_ocr.training import mnist
from fused_ocr.training.annotations import read_annotations, read_classes
from fused_ocr.training.glyphs import FontGlyphs, find_fonts

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def printed_mnist(split, data_dir=None):
    """Stands in for MNIST, which is not on every machine: printed digits, 28x28."""
    fonts = FontGlyphs(find_fonts([FONTS], "train" if split == "train" else "unseen"))
    rng = np.random.default_rng(split == "train")
    labels = np.arange(600) % 10
    images = np.zeros((600, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        mask = fonts.draw(rng, DIGITS[label], 20, fonts.style(rng))[:24, :24]
        y, x = (28 - mask.shape[0]) // 2, (28 - mask.shape[1]) // 2
        image[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    return images, labels.astype(np.int64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("recipes")


@pytest.fixture
def run(monkeypatch, folder):
    monkeypatch.setattr(mnist, "load_mnist", printed_mnist)
    monkeypatch.chdir(folder)

    def call(*arguments, code=0):
        result = CliRunner().invoke(main, [str(a) for a in arguments])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    return call


@pytest.mark.slow
class TestWholeWay:
    """In the order of the file: each step uses what the one before left."""

    def test_synth(self, run, folder):
        run("synth", "data", "--count", 12, "--size", 121, 173, "--fonts", FONTS)
        classes = read_classes(folder / "data/classes.csv")
        photos = read_annotations(folder / "data/annotations.csv", classes)
        assert len(photos) == 12 and sum(len(p.texts) for p in photos) > 10
        with Image.open(photos[0].path) as picture:
            assert picture.size == (173, 121)
        with Image.open(folder / "data/sheet.jpg") as sheet:
            assert min(sheet.size) > 200

    def test_synth_is_the_same_again(self, run, folder):
        run("synth", "again", "--count", 3, "--size", 121, 173, "--fonts", FONTS)
        for name in ("000000.png", "000002.png"):
            first, second = (folder / d / "pictures" / name for d in ("data", "again"))
            assert first.read_bytes() == second.read_bytes()

    def test_check_data(self, run, folder):
        report = run("check-data", "data/annotations.csv", "data/classes.csv")
        assert "12" in report.stdout
        rows = (folder / "data/annotations.csv").read_text().splitlines()
        (folder / "data/bad.csv").write_text(
            "\n".join([*rows, "no.png,1,1,9,9,character"])
        )
        bad = run("check-data", "data/bad.csv", "data/classes.csv", code=1)
        assert "no.png" in bad.output
        (folder / "data/worse.csv").write_text(
            "\n".join([*rows, "a.png,9,1,1,9,character"])
        )
        worse = run("check-data", "data/worse.csv", "data/classes.csv", code=1)
        assert f"worse.csv, line {len(rows) + 1}: x2 must be" in worse.stdout

    def test_train_detector_on_own_photos(self, run, folder):
        arguments = [
            "train", "detector", "--out", "detector", "--epochs", 2, "--steps", 2,
            "--batch-size", 2, "--validation-steps", 1, "--side", 128, "--fonts", FONTS,
            "--alpha", 0.35, "--workers", 0, "--annotations", "data/annotations.csv",
            "--classes", "data/classes.csv",
        ]  # fmt: skip
        run(*arguments)
        log = (folder / "detector/log.csv").read_text().splitlines()
        assert len(log) == 3 and log[0].startswith("epoch,seconds")
        assert (folder / "detector/curves.png").stat().st_size > 5000
        assert list((folder / "detector/tensorboard").iterdir())
        before = (folder / "detector/log.csv").read_bytes()
        run(*arguments)  # a run at its end is not trained on
        assert (folder / "detector/log.csv").read_bytes() == before

    def test_train_recognizer_reaches_its_number(self, run, folder):
        # 300 steps on printed digits take about 20 s on two cores and read more than
        # nine in ten digits of fonts that were not trained on.
        result = run(
            "train", "recognizer", "--out", "recognizer", "--epochs", 3, "--steps", 100,
            "--batch-size", 64, "--scenes", 8, "--fonts", FONTS, "--workers", 0,
            "--ema", 0.9, "--strategy", "mirrored", "--augmentation", 0.5,
            "--annotations", "data/annotations.csv", "--classes", "data/classes.csv",
        )  # fmt: skip
        score = float(result.stdout.split("mnist: ")[1].split("%")[0])
        assert score > 90  # chance is 10

    def test_fuse_evaluate_read(self, run, folder):
        run("fuse", "detector/detector.keras", "recognizer/recognizer.keras",
            "own.keras", "--frame", 128, 192, "--score-threshold", 0.005)  # fmt: skip
        run("evaluate", "own.keras", "--scattered", 3, "--lines", 2, "--mnist",
            "--annotations", "data/annotations.csv", "--classes", "data/classes.csv",
            "--fonts", FONTS, "--out", "scores")  # fmt: skip
        rows = (folder / "data/annotations.csv").read_text()
        (folder / "data/empty.png").write_bytes(b"")
        (folder / "data/lost.csv").write_text(f"empty.png,1,1,9,9,character\n{rows}")
        partly = run("evaluate", "own.keras", "--annotations", "data/lost.csv",
                     "--classes", "data/classes.csv", code=1)  # fmt: skip
        assert "images: 12.0000" in partly.stdout
        assert (
            "empty.png: empty" in partly.stderr and "not be read: 1." in partly.stderr
        )
        scores = json.loads((folder / "scores/scattered/scores.json").read_text())
        assert scores["images"] == 3 and 0 <= scores["AP50"] <= 1
        assert (folder / "scores/lines/worst.png").exists()
        out = run("read", "data/pictures", "--model", "own.keras", "--format", "jsonl")
        assert len(out.stdout.splitlines()) == 12

    def test_own_digits_from_a_shipped_model(self, run, folder):
        own = ["--annotations", "data/annotations.csv", "--classes", "data/classes.csv"]
        short = ["--epochs", 1, "--steps", 2, "--batch-size", 2, "--workers", 0]
        run(
            "train", "detector", "--out", "from_digits", "--init", "digits", *short,
            *own, "--side", 128, "--synthetic-part", 0, "--validation-steps", 1,
        )  # fmt: skip
        result = run(
            "train", "recognizer", "--out", "reads", "--init", "digits", *short, *own,
            "--mnist", 0, "--learning-rate", 1e-5, "--mine", "digits",
            "--photos", "data/pictures", "--fonts", FONTS,
        )  # fmt: skip
        assert "afresh" not in result.stderr
        for detector in ("digits", "from_digits/detector.keras"):
            run("fuse", detector, "reads/recognizer.keras", "own.keras")
            run("evaluate", "own.keras", *own, "--out", "scores")
            scores = json.loads((folder / "scores/annotations/scores.json").read_text())
            assert scores["f1"] > 0.8  # a few steps from noise find nothing

    def test_mining_needs_finds(self, run, folder):
        (folder / "plain").mkdir()
        for i in range(6):
            Image.new("RGB", (90, 70), (i * 9, 90, 30)).save(folder / f"plain/{i}.png")
        result = run(
            "train", "recognizer", "--out", "mined", "--photos", "plain",
            "--fonts", FONTS,
            "--mine", "detector/detector.keras", code=2,
        )  # fmt: skip
        assert "finds nothing" in result.output

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--mnist", 0], "No training data"),
            (["--annotations", "data/annotations.csv"], "--classes"),
            (["--characters", "011"], "repeated"),
            (["--epochs", 0], "epochs"),
        ],
    )
    def test_misuse(self, run, arguments, said):
        out = run(
            "train", "recognizer", "--out", "x", "--fonts", FONTS, *arguments, code=2
        )
        assert said in out.output
