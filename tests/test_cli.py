"""The command line, used as people use it."""

import csv
import inspect
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import click
import numpy as np
import pytest
import stand_ins
from click.testing import CliRunner
from PIL import Image

from fused_ocr.cli import main
from fused_ocr.export.check_photos import drawn_photos
from fused_ocr.reader import Reader

DRAWN = drawn_photos("0123456789")[3]
PHOTOS = Path(__file__).parent.parent / "examples" / "photos"
TEXTS = ["678", "876"]
"""What is drawn there: three characters from the sixth on, and the same backwards."""


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        return CliRunner().invoke(main, [str(a) for a in arguments])

    return call


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(DRAWN.image).save(path)
    return path


def test_read_text(run, photo):
    result = run("read", photo)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split(": ")[1].split("  ")[0] for line in lines] == TEXTS


def test_read_nothing_there(run, tmp_path):
    Image.new("RGB", (61, 45), (90, 120, 90)).save(tmp_path / "grey.png")
    result = run("read", "grey.png")
    assert (result.exit_code, result.stdout) == (0, "grey.png: nothing read\n")


def test_read_json_lines(run, photo):
    result = run("read", photo, "--format", "jsonl")
    (row,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert [reading["text"] for reading in row["readings"]] == TEXTS
    assert row["source"] == str(photo)


def test_read_csv_and_output_file(run, photo, tmp_path):
    result = run("read", photo, "--format", "csv", "--output", "out.csv")
    assert (result.exit_code, result.stdout) == (0, "")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [row["text"] for row in rows] == TEXTS
    assert all(float(row["y1"]) < float(row["y2"]) for row in rows)


def test_read_folder_pattern_and_drawing(run, photo, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    photo.rename(tmp_path / "deep" / "er" / "photo.png")
    (tmp_path / "deep" / "notes.txt").write_text("no picture")
    Image.fromarray(DRAWN.image).save(tmp_path / "photo.png")
    result = run("read", "deep", "*.png", "--draw", "drawn")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 4
    drawn = sorted(p.name for p in (tmp_path / "drawn").iterdir())
    assert drawn == ["photo-2.png", "photo.png"]
    with Image.open(tmp_path / "drawn" / "photo.png") as picture:
        assert np.asarray(picture.convert("RGB")).std() > 0


def test_one_bad_photo_spoils_no_other(run, photo, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no")
    result = run("read", "broken.jpg", photo, "gone.jpg", "x*.jpg")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert "broken.jpg" in result.stderr and "gone.jpg" in result.stderr
    assert "3 of 4 photos could not be read" in result.stderr
    assert "Traceback" not in result.output


def test_min_score_leaves_out(run, photo):
    assert run("read", photo, "--min-score", "1").stdout == f"{photo}: nothing read\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "Usage"),
        (["read"], 2, "Missing argument"),
        (["read", "."], 2, "No photos"),
        (["read", "a.png", "--model", "nosuch"], 1, "shipped model"),
        (["read", "a.png", "--format", "xml"], 2, "xml"),
        (["read", "a.png", "--batch-size", "0"], 2, "batch-size"),
        (["describe", "nosuch"], 1, "No model 'nosuch'"),
        (["describe", "."], 1, "no SavedModel"),
        (["export", "nosuch", "out"], 1, "No model"),
        (["fuse", "no.keras", "no.keras", "out.keras"], 2, "does not exist"),
        (["check-data", "no.csv", "no.csv"], 2, "does not exist"),
        (["train", "detector"], 2, "--out"),
        (["evaluate", "digits"], 2, "Nothing to measure"),
        (["nosuch"], 2, "No such command"),
    ],
)
def test_misuse_and_failure(run, arguments, code, said):
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert said in result.output
    assert "Traceback" not in result.output


def test_describe(run):
    values = json.loads(run("describe", "digits", "--json").stdout)
    assert values["alphabet"] == "0123456789"
    assert values["megabytes"] <= 6
    assert "alphabet: 0123456789" in run("describe", "digits").stdout
    assert "licen" in run("describe", "digits", "--card").stdout.lower()


@pytest.mark.parametrize("name", ["digits", "plates"])
def test_a_reader_fused_of_a_readers_parts_is_that_reader(run, name, tmp_path):
    done = run("fuse", name, name, "again.keras", "--half")
    assert done.exit_code == 0, done.output
    was, now = (
        json.loads(run("describe", model, "--json").stdout)
        for model in (name, "again.keras")
    )
    for key in ("alphabet", "labels", "fusion", "parameters"):
        assert now[key] == was[key], key
    photos = sorted((PHOTOS / name).glob("*.jpg"))[:2]
    read = [
        run("read", *photos, "--model", model, "--format", "jsonl").stdout
        for model in (name, "again.keras")
    ]
    assert read[0] == read[1] and '"text"' in read[0]


def test_parts_of_readers_with_others(run):
    # Characters one by one need no refiner, regions take one that is given.
    done = run("fuse", "plates", "digits", "characters.keras")
    assert done.exit_code == 0
    # It may be meant so, and whoever did not mean it is told.
    assert "finds plate and reads one character of 0123456789 in each" in done.output
    fusion = json.loads(run("describe", "characters.keras", "--json").stdout)["fusion"]
    assert fusion["refinements"] == 0
    done = run("fuse", "digits", "numbers", "lines.keras", "--refiner", "numbers")
    assert done.exit_code == 0, done.output
    fusion = json.loads(run("describe", "lines.keras", "--json").stdout)["fusion"]
    assert fusion["refinements"] == 2
    assert fusion["selection"]["score_threshold"] == 0.25  # as in digits
    assert fusion["crop"]["size_yx"] == [32, 96]  # as in numbers


def test_a_readers_refiner_may_be_left_out(run, tmp_path):
    fusion = json.loads(run("describe", "plates", "--json").stdout)["fusion"]
    (tmp_path / "plain.json").write_text(json.dumps({**fusion, "refinements": 0}))
    done = run("fuse", "plates", "plates", "plain.keras", "--config", "plain.json")
    assert done.exit_code == 0, done.output
    made = json.loads(run("describe", "plain.keras", "--json").stdout)
    assert made["fusion"]["refinements"] == 0


def test_fuse_refuses_swapped_models(run, tmp_path):
    from fused_ocr.artefact import find_artefact
    from fused_ocr.fusion import parts_of
    from fused_ocr.runtimes import load_keras_model

    parts = parts_of(load_keras_model(find_artefact("digits")))
    parts.detector.save(tmp_path / "detector.keras")
    parts.recognize.recognizer.save(tmp_path / "recognizer.keras")
    result = run("fuse", "recognizer.keras", "detector.keras", "out.keras")
    assert result.exit_code == 1
    assert "is not a recogniser" in result.stderr
    assert not (tmp_path / "out.keras").exists()
    done = run(
        "fuse", "detector.keras", "recognizer.keras", "out.keras", "--half",
        "--frame", 448, 320, "--score-threshold", 0.3, "--max-detections", 8,
        "--min-score", 0.25, "--min-line-score", 0.4, "--nested-threshold", 0.5,
        "--min-readable", 0.3,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    values = json.loads(run("describe", "out.keras", "--json").stdout)
    assert values["fusion"]["frame_yx"] == [448, 320]
    assert values["fusion"]["selection"]["max_detections"] == 8
    assert values["fusion"]["selection"]["nested_threshold"] == 0.5
    assert values["fusion"]["assembly"]["min_score"] == 0.25
    assert values["fusion"]["assembly"]["min_line_score"] == 0.4
    assert values["fusion"]["assembly"]["min_readable"] == 0.3
    odd = run(
        "fuse", "detector.keras", "recognizer.keras", "out.keras", "--frame", 400, 320
    )
    assert odd.exit_code == 2 and "multiples of 64" in odd.stderr
    assert "Usage: fused-ocr [OPTIONS]" not in odd.stderr  # of another command
    kinds = [
        json.loads(run("describe", f"{name}.keras", "--json").stdout)["kind"]
        for name in ("detector", "recognizer")
    ]
    assert kinds == ["detector, Keras", "recogniser, Keras"]


def test_describe_a_refiner(run, tmp_path):
    stand_ins.refiner().save(tmp_path / "refiner.keras")
    values = json.loads(run("describe", "refiner.keras", "--json").stdout)
    assert values["kind"] == "refiner, Keras"
    assert (values["size_yx"], values["grow"]) == ([16, 32], 1.4)


def test_every_argument_of_predict_has_an_option():
    options = {p.name for p in main.commands["read"].params}
    wanted = set(inspect.signature(Reader.predict).parameters)
    # The command always reads on after an error.
    assert wanted - {"self", "source", "on_error"} <= options


def test_every_command_has_help_for_itself():
    def walk(command, path):
        assert command.help, path
        for name, child in getattr(command, "commands", {}).items():
            walk(child, [*path, name])

    walk(main, ["fused-ocr"])
    assert isinstance(main, click.Group)


def test_the_installed_command_is_quiet(photo):
    done = subprocess.run(
        [Path(sys.executable).with_name("fused-ocr"), "read", str(photo)],
        capture_output=True,
        text=True,
        check=True,
        env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"},
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 2


def test_a_closed_pipe_is_no_error(photo):
    command = Path(sys.executable).with_name("fused-ocr")
    done = subprocess.run(
        f"{command} read {photo} {photo} | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_names_that_are_no_text_lose_no_photo(run, photo, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in (b"a.png", b"b\xff.png", b"c\n.png", b"d.png"):
        (folder / os.fsdecode(name)).write_bytes(photo.read_bytes())
    result = run("read", "odd")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0 and len(lines) == 4 * len(TEXTS)
    assert [line.split(": ")[0] for line in lines[:: len(TEXTS)]] == [
        "odd/a.png", r"odd/b\udcff.png", r"odd/c\n.png", "odd/d.png"
    ]  # fmt: skip
    assert run("read", "odd", "--format", "csv", "-o", "o.csv").exit_code == 0
    assert len((tmp_path / "o.csv").read_text().splitlines()) > 4 * len(TEXTS)
    result = run("read", "odd", "--format", "jsonl", "--output", "new/o.jsonl")
    assert (result.exit_code, result.stdout) == (0, "")
    lines = (tmp_path / "new/o.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert [os.fsencode(row["source"]) for row in rows] == [
        b"odd/a.png", b"odd/b\xff.png", b"odd/c\n.png", b"odd/d.png"
    ]  # fmt: skip


def test_what_cannot_be_read_has_its_line_in_json(run, photo, tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    result = run("read", "empty.png", photo, "--format", "jsonl")
    failed, read = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1 and "1 of 2 photos" in result.stderr
    assert failed == {"source": "empty.png", "error": failed["error"]}
    assert "empty" in failed["error"] and len(read["readings"]) == len(TEXTS)


def test_a_run_that_ends_early_leaves_no_output(run, photo, tmp_path, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    (tmp_path / "out.csv").write_text("as it was")
    monkeypatch.setattr("fused_ocr.cli_reading._write", interrupted)
    assert run("read", photo, "--format", "csv", "-o", "out.csv").exit_code == 1
    assert (tmp_path / "out.csv").read_text() == "as it was"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.csv", "photo.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("fuse", "digits", "digits", "x.keras", "--card", "odd"),
            "'odd' is not UTF-8",
        ),
        (("fuse", "digits", "digits", "x.keras", "--config", "odd"), "byte 0xff"),
        (("check-data", "odd", "odd", "--anchors", "odd"), "not UTF-8"),
        (("train", "detector", "--out", "r", "--learning-rate", "nan"), "no finite"),
        (("train", "recognizer", "--out", "r", "--mnist", "inf"), "no finite"),
        (("train", "detector", "--out", "r", "--learning-rate", -1), "-1"),
        (("train", "recognizer", "--out", "r", "--mnist", -3), "-3"),
        (("train", "recognizer", "--out", "r", "--seed", -1), "-1"),
        (("synth", "s", "--seed", -1), "-1"),
    ],
)
def test_values_that_nothing_can_be_done_with(run, tmp_path, arguments, message):
    (tmp_path / "odd").write_bytes(b"\xff\xd8\xff")
    result = run(*arguments)
    assert result.exit_code == 2 and message in result.stderr, result.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["odd"]


def test_a_place_for_the_output_is_made(run, tmp_path):
    assert run("fuse", "digits", "digits", "not/there/x.keras").exit_code == 0
    assert [p.name for p in (tmp_path / "not/there").iterdir()] == ["x.keras"]


def test_a_pipe_stays_a_pipe(run, photo, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    heard = []

    def listen():
        heard.append((tmp_path / "pipe").read_text())

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert run("read", photo, "-o", "pipe").exit_code == 0
    listener.join(60)
    assert len(heard[0].splitlines()) == len(TEXTS)
    assert (tmp_path / "pipe").is_fifo()


def test_a_known_format(run, photo):
    assert TEXTS == ["678", "876"]
    rows = run("read", photo, "--format", "csv", "--pattern", "6.8").stdout.splitlines()
    assert [row.split(",")[1] for row in rows[1:]] == ["678"]
    result = run("read", photo, "--pattern", "[")
    assert result.exit_code == 2 and "no" in result.stderr and "'['" in result.stderr


# --- why ------------------------------------------------------------------------------


def test_explain(run, photo, tmp_path):
    Image.new("RGB", (61, 45), (90, 120, 90)).save(tmp_path / "grey.png")
    result = run("explain", photo, "gone.jpg", "grey.png", "--draw", "drawn")
    assert result.exit_code == 1 and "1 of 3 photos" in result.stderr
    read, grey = result.stdout.split("grey.png: ")
    assert all(f"'{text}'" in read for text in TEXTS)
    assert grey.startswith("61 x 45 pixels") and "Hardly anything" in grey
    assert len(list((tmp_path / "drawn").iterdir())) == 2


def test_explain_in_json(run, photo):
    result = run("explain", photo, "gone.jpg", "--format", "jsonl")
    why, failed = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["text"] for one in why["readings"]] == TEXTS
    kept = [one for one in why["candidates"] if not one["left_out"]]
    assert len(kept) == sum(map(len, TEXTS))
    assert failed["source"] == "gone.jpg" and "error" in failed


def test_who_reads_nothing_is_told_how_to_ask_why(run, photo, tmp_path):
    Image.new("RGB", (61, 45), (90, 120, 90)).save(tmp_path / "grey.png")
    assert "fused-ocr explain -m digits PHOTO" in run("read", "grey.png").stderr
    assert "fused-ocr explain" not in run("read", photo).stderr
    for left_out in (("--min-score", 1), ("--pattern", "Z")):
        assert run("read", photo, *left_out).stderr == ""
    assert run("read", "grey.png", "--format", "jsonl").stderr == ""
