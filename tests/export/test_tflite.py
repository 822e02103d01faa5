"""Writing `.tflite` files: only what passes, and only with builtin operators."""

import numpy as np
import pytest
import stand_ins
import tensorflow as tf
from ai_edge_litert.schema_py_generated import TensorType
from click.testing import CliRunner
from PIL import Image

import fused_ocr
from fused_ocr import lite
from fused_ocr.cli import main
from fused_ocr.config import CropConfig, RecognizerConfig
from fused_ocr.errors import ArtefactError, CheckFailedError, ConfigError
from fused_ocr.export import check_photos, doctor, tflite
from fused_ocr.export.check_photos import CheckPhoto
from fused_ocr.export.doctor import diagnose
from fused_ocr.export.operators import (
    custom_operators,
    operators,
    parts,
    stages_of,
    unpacked,
)
from fused_ocr.export.quantization import quantized
from fused_ocr.export.tflite import export_tflite
from fused_ocr.fusion import describe, fuse
from fused_ocr.lite import LiteRuntime
from fused_ocr.recognition.recognizer import build_recognizer
from fused_ocr.saving import save_model
from fused_ocr.tflite_file import with_files

FRAME = (128, 192)
PHOTO = CheckPhoto("squares", stand_ins.squares(*FRAME))


@pytest.fixture(autouse=True)
def only_photos(monkeypatch):
    """On the even paper of drawn pictures all of the stand-in's scores are ties."""
    monkeypatch.setattr(tflite, "drawn_photos", lambda _: [])


@pytest.fixture(scope="module")
def model():
    return stand_ins.reader_model()


@pytest.fixture(scope="module")
def network(model):
    return tflite.convert(model, FRAME)


def test_operators_are_builtin(network):
    found = operators(network)
    assert found["CONV_2D"] >= 3 and found["RESIZE_BILINEAR"] == 1
    assert found["NON_MAX_SUPPRESSION_V4"] + found["WHILE"] >= 1
    assert custom_operators(network) == []


@pytest.mark.parametrize("how", ["none", "float16"])
def test_parts_have_their_weights(model, network, how):
    found = {part.name: part for part in parts(quantized(network, how))}
    assert set(found) - {"other"} == {
        "letterbox", "detector", "select", "heads", "crop", "recognizer", "assemble",
    }  # fmt: skip
    whole = operators(network)
    assert sum(part.operators for part in found.values()) >= whole.total()
    numbers = model.get_layer("recognize").count_params()
    # Of each weight four or two bytes; some constants besides.
    expected = numbers * (4 if how == "none" else 2) / 1e6
    assert found["recognizer"].megabytes == pytest.approx(expected, rel=0.15)


def test_foreign_operators_are_named():
    @tf.function(input_signature=[tf.TensorSpec((4, 2), tf.float32)])
    def flipped(x):
        return tf.raw_ops.MatrixInverse(input=tf.matmul(x, x, transpose_a=True))

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [flipped.get_concrete_function()]
    )
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    network = converter.convert()
    assert custom_operators(network) == ["FlexMatrixInverse"]


def test_foreign_operators_are_not_published(model, network, tmp_path, monkeypatch):
    monkeypatch.setattr(tflite, "convert", lambda *_: network)
    monkeypatch.setattr(tflite, "custom_operators", lambda _: ["FlexA", "B"])
    with pytest.raises(CheckFailedError, match="FlexA, B, which are no builtin"):
        export_tflite(model, tmp_path / "a.tflite", FRAME)
    assert list(tmp_path.iterdir()) == []


def test_what_reads_something_else_is_not_published(
    model, network, tmp_path, monkeypatch
):
    path = tmp_path / "a.tflite"
    path.write_bytes(b"the old one")
    monkeypatch.setattr(tflite, "convert", lambda *_: network)
    # Another recogniser finds the same and reads other digits.
    other = fuse(stand_ins.detector(), stand_ins.recognizer(seed=5), stand_ins.FUSION)
    with pytest.raises(CheckFailedError, match=r"squares: .* for"):
        export_tflite(other, path, FRAME, photos=[PHOTO])
    assert path.read_bytes() == b"the old one" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("quantize", ["float16", "dynamic", "int8"])
def test_smaller_weights(model, network, tmp_path, quantize):
    made = tflite.convert(model, FRAME, quantize, [PHOTO])
    assert len(made) < len(network)
    path = tmp_path / "a.tflite"
    report = export_tflite(model, path, FRAME, quantize=quantize, photos=[PHOTO])
    assert report.readings >= 2
    assert fused_ocr.load(path).predict(PHOTO.image).texts


def test_what_makes_boxes_keeps_its_precision(model):
    """Anchors in 256 steps would be off by pixels."""
    network = tflite.convert(model, FRAME, "int8", [PHOTO])
    graph = unpacked(network).subgraphs[0]
    rounded, steps = set(), {TensorType.INT8, TensorType.UINT8}
    for operator, stage in zip(graph.operators, stages_of(graph), strict=True):
        if stage == "detector":
            rounded |= {
                graph.tensors[i].name.decode()
                for i in operator.inputs
                if graph.tensors[i].type in steps
            }
    assert any("Conv" in name or "conv" in name for name in rounded)
    assert not any("boxes" in name for name in rounded)


@pytest.mark.parametrize(
    ("flow", "how"),
    [
        ("folded", "float16"),
        ("folded", "dynamic"),
        ("folded", "int8"),
        ("multiflow", "float16"),
    ],
)
def test_the_networks_alone_have_smaller_weights(flow, how):
    """The product that makes a crop grey is none of theirs."""
    config = stand_ins.FUSION.replace(flow=flow)
    model = fuse(stand_ins.detector(), stand_ins.recognizer(), config)
    graph = unpacked(tflite.convert(model, FRAME, how, [PHOTO])).subgraphs[0]
    smaller = {TensorType.INT8, TensorType.FLOAT16}
    types: dict[str, set[int]] = {}
    for operator, stage in zip(graph.operators, stages_of(graph), strict=True):
        inputs = {graph.tensors[i].type for i in operator.inputs if i >= 0}
        types.setdefault(stage, set()).update(inputs)
    assert not types["crop"] & smaller and not types["letterbox"] & smaller
    assert types["detector"] & smaller and types["recognizer"] & smaller


def test_tables_of_pairs_are_no_constants(network):
    model = unpacked(network)
    (graph, *_) = model.subgraphs
    tables = [
        tensor.name
        for tensor in graph.tensors
        if tensor.type == TensorType.BOOL
        and model.buffers[tensor.buffer].data is not None
        and len(model.buffers[tensor.buffer].data) > 5000
    ]
    assert not tables


def test_a_reader_of_regions(tmp_path, monkeypatch):
    crop = CropConfig(size_yx=(16, 32), grow=1.1)
    config = RecognizerConfig(
        arch="convctc", size_yx=(16, 32), slots=4, width=4, readable=True
    )
    reader = build_recognizer(config, crop)
    kernel, bias = reader.get_layer("frames").get_weights()
    bias[-1] = -9.0
    reader.get_layer("frames").set_weights([kernel * 9, bias])
    turned = (-1.0, 0.5, 0.0, 0.25, 1.0, -0.5, 0.5, 0.0)
    finder = stand_ins.detector(("plate",), corners=turned)
    fusion = stand_ins.FUSION.replace(crop=crop, refinements=2)
    model = fuse(finder, reader, fusion, refiner=stand_ins.refiner())
    path = tmp_path / "a.tflite"
    report = export_tflite(model, path, FRAME, photos=[PHOTO])
    assert report.readings >= 2 and report.largest_shift < 0.05
    # Twice as large, twice as far from the corner: also what only regions have.
    reader, half = fused_ocr.load(path), np.array((0.5, 0.5), np.float32)
    small = reader.predict(PHOTO.image)
    monkeypatch.setattr(lite, "fit", lambda photo, *_: (photo[::2, ::2], half))
    large = reader.predict(PHOTO.image.repeat(2, 0).repeat(2, 1))
    assert large.texts == small.texts
    for one, other in zip(large, small, strict=True):
        np.testing.assert_allclose(one.quad, np.multiply(other.quad, 2), atol=1e-3)
        assert one.readable == other.readable


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size_yx": (0, 9)}, r"1 to 8192 pixels along each side.*: \(0, 9\)"),
        ({"size_yx": (9, 100_000)}, r"1 to 8192 pixels.*: \(9, 100000\)"),
        ({"quantize": "int8"}, "int8 needs frames"),
        ({"quantize": "int4"}, "none, float16, dynamic, int8. Received: 'int4'"),
    ],
)
def test_arguments_out_of_range(model, arguments, message):
    with pytest.raises(ConfigError, match=message):
        tflite.convert(model, **{"size_yx": FRAME, **arguments})


def test_a_place_that_cannot_be_written(model, network, tmp_path, monkeypatch):
    monkeypatch.setattr(tflite, "convert", lambda *_: network)
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtefactError, match="cannot be written"):
        export_tflite(model, tmp_path / "file" / "a.tflite", FRAME)


# --- the command line -----------------------------------------------------------------


def run(*arguments):
    return CliRunner().invoke(main, ["export", *(str(one) for one in arguments)])


def test_the_command(model, tmp_path):
    save_model(model, tmp_path / "model.keras", card="# Card\n")
    photo = tmp_path / "a.png"
    Image.fromarray(PHOTO.image).save(photo)
    path = tmp_path / "deep" / "a.tflite"
    done = run(
        "tflite", tmp_path / "model.keras", path, "--input-size", "128x192",
        "--photos", photo,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "strings equal" in done.output and " MB; " in done.output
    assert fused_ocr.load(path).card == "# Card\n"
    again = run("tflite", path, tmp_path / "b.tflite")
    assert again.exit_code == 2 and "is exported already" in again.output


def test_a_frame_that_is_no_frame(tmp_path):
    done = run("tflite", "digits", tmp_path / "a.tflite", "--input-size", "720,1280")
    assert done.exit_code == 2 and "such as 720x1280. Received: '720,1280'" in (
        " ".join(done.output.split())
    )


# --- two artefacts --------------------------------------------------------------------


def checked(*arguments):
    return CliRunner().invoke(main, ["check", *(str(one) for one in arguments)])


@pytest.fixture(scope="module")
def files(model, network, tmp_path_factory):
    """The same reader as a .keras and a .tflite file, and one that reads otherwise."""
    folder = tmp_path_factory.mktemp("files")
    save_model(model, folder / "a.keras")
    (folder / "a.tflite").write_bytes(with_files(network, describe(model), ""))
    other = fuse(stand_ins.detector(), stand_ins.recognizer(seed=5), stand_ins.FUSION)
    save_model(other, folder / "b.keras")
    Image.fromarray(PHOTO.image).save(folder / "a.png")
    return folder


@pytest.fixture
def nothing_drawn(monkeypatch):
    for drawn in ("drawn_photos", "edge_photos"):
        monkeypatch.setattr(check_photos, drawn, lambda _: [])


@pytest.mark.usefixtures("nothing_drawn")
def test_artefacts_that_read_alike(files):
    for pair in (("a.keras", "a.tflite"), ("a.tflite", "a.keras")):
        done = checked(*(files / name for name in pair), "--photos", files / "a.png")
        assert done.exit_code == 0, done.output
        assert done.output.startswith("1 pictures, ") and "strings equal" in done.output


@pytest.mark.usefixtures("nothing_drawn")
def test_a_photo_that_cannot_be_read_fails_a_check_of_the_others(files, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"")
    photos = ("--photos", tmp_path, "--photos", files / "a.png")
    done = checked(files / "a.keras", files / "a.tflite", *photos)
    assert done.exit_code == 1 and "1 pictures, " in done.output
    assert "bad.png" in done.output
    done = checked(files / "b.keras", files / "a.tflite", *photos)
    assert done.exit_code == 1 and "differs from" in done.output
    assert "bad.png" in done.output
    # Nothing is published where one of the photos to check with is none.
    done = run("saved-model", files / "a.keras", tmp_path / "saved", *photos)
    assert done.exit_code == 1 and "bad.png" in done.output
    assert not (tmp_path / "saved").exists()


@pytest.mark.usefixtures("nothing_drawn")
def test_artefacts_that_read_otherwise(files):
    done = checked(files / "a.tflite", files / "b.keras", "--photos", files / "a.png")
    assert done.exit_code == 1 and "differs from" in done.output
    assert f"{files / 'a.png'}: [" in done.output


# --- the doctor -----------------------------------------------------------------------


def examined(*arguments):
    return CliRunner().invoke(main, ["doctor", *(str(one) for one in arguments)])


def test_the_doctor(files):
    found = diagnose(files / "a.tflite", {"photo": PHOTO.image}, threads=1)
    assert found.frame_yx == FRAME and not found.faults
    readings = {run.name: run.readings for run in found.runs}
    assert readings["an empty frame"] == 0 and readings["photo"] >= 2
    assert "a full frame" in readings
    assert set(found.milliseconds) <= {part.name for part in found.parts}
    count = {part.name: part.operators for part in found.parts}
    assert 0.5 * count["detector"] < found.delegated["detector"] <= count["detector"]
    assert found.open_shape["detector"] == 0 < found.open_shape["crop"]
    assert all(run.milliseconds > 0 for run in found.runs)
    done = examined(files / "a.tflite", "--photos", files / "a.png")
    assert done.exit_code == 0, done.output
    assert "takes frames of 128x192" in done.output and "CONV_2D" in done.output


def test_what_the_doctor_does_not_examine(files, tmp_path):
    done = examined(files / "a.png")
    assert done.exit_code == 2 and "is no .tflite file" in done.output
    done = examined(files / "a.tflite", "--photos", tmp_path)
    assert done.exit_code == 2 and "No photos" in done.output


def test_the_doctor_finds_faults(files, monkeypatch):
    monkeypatch.setattr(doctor, "custom_operators", lambda _: ["FlexSort"])
    run = LiteRuntime.run

    def failing(self, images):
        if images.std() > 50:
            raise RuntimeError("no room\nat all")
        return run(self, images)

    monkeypatch.setattr(LiteRuntime, "run", failing)
    done = examined(files / "a.tflite")
    assert done.exit_code == 1
    text = " ".join(done.output.split())
    assert "FlexSort is no builtin operator; noise is not read: no room" in text


def test_the_doctor_is_for_tflite_files(files):
    done = examined(files / "a.keras")
    assert done.exit_code == 2 and "is no .tflite file" in done.output


def test_frames_of_two_sizes(model, files, tmp_path):
    network = tflite.convert(model, (96, 96))
    (tmp_path / "b.tflite").write_bytes(with_files(network, describe(model), ""))
    done = checked(files / "a.tflite", tmp_path / "b.tflite")
    assert done.exit_code == 2
    assert "[(96, 96), (128, 192)]" in " ".join(done.output.split())
