"""TFLite's model metadata, read as its schema says, by the places of fields."""

import flatbuffers
import numpy as np
import pytest
import stand_ins
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from fused_ocr.config import CropConfig, RecognizerConfig
from fused_ocr.export.tflite import convert
from fused_ocr.export.tflite_metadata import FIELD, with_metadata
from fused_ocr.fusion import describe, fuse
from fused_ocr.recognition.recognizer import build_recognizer

FRAME = (128, 192)


@pytest.fixture(scope="module")
def model():
    return stand_ins.reader_model()


@pytest.fixture(scope="module")
def plain(model):
    return convert(model, FRAME)


@pytest.fixture(scope="module")
def told(model, plain):
    return with_metadata(plain, describe(model), "A card.")


class Table:
    """A table of a FlatBuffer: fields by their places in the schema."""

    def __init__(self, data, start):
        self.table = flatbuffers.Table(bytearray(data), start)

    def place(self, field):
        return self.table.Offset(4 + 2 * field)

    def text(self, field):
        place = self.place(field)
        return place and self.table.String(place + self.table.Pos).decode()

    def byte(self, field):
        place = self.place(field)
        return place and self.table.Bytes[self.table.Pos + place]

    def tables(self, field):
        place = self.place(field)
        if not place:
            return []
        first = self.table.Vector(place)
        return [
            Table(self.table.Bytes, self.table.Indirect(first + 4 * i))
            for i in range(self.table.VectorLen(place))
        ]


def metadata_of(network):
    model = schema.Model.GetRootAs(network)
    entries = [model.Metadata(i) for i in range(model.MetadataLength())]
    (entry,) = [one for one in entries if one.Name() == FIELD.encode()]
    data = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert data[4:8] == b"M001"
    return Table(data, int.from_bytes(data[:4], "little"))


def test_what_it_says(told):
    # ModelMetadata: name, description, version, subgraphs, author, licence, files,
    # parser. Files: name, description, type; 2 is TENSOR_AXIS_LABELS.
    found = metadata_of(told)
    assert found.text(0) == "fused_ocr" and "reads them" in found.text(1)
    assert found.text(2).count(".") == 2 and found.text(7) == "1.0.0"
    assert not found.text(4) and not found.text(5)
    files = {one.text(0): one.byte(2) for one in found.tables(6)}
    assert files == {
        "fused_ocr.json": 0, "alphabet.txt": 0, "labels.txt": 2, "model_card.md": 0,
    }  # fmt: skip
    (graph,) = found.tables(3)
    assert [one.text(0) for one in graph.tables(2)] == ["images"]
    assert all(one.text(1) for one in (*graph.tables(2), *graph.tables(3)))


def test_tensors_are_in_the_order_of_the_graph(told):
    interpreter = Interpreter(model_content=told)
    runner = interpreter.get_signature_runner()
    by_index = {one["index"]: name for name, one in runner.get_output_details().items()}
    order = [by_index[one["index"]] for one in interpreter.get_output_details()]
    (graph,) = metadata_of(told).tables(3)
    assert [one.text(0) for one in graph.tables(3)] == order


def test_without_a_card_there_is_no_word_of_it(model, plain):
    found = metadata_of(with_metadata(plain, describe(model), ""))
    assert "model_card.md" not in [one.text(0) for one in found.tables(6)]


def test_the_network_is_the_same(plain, told):
    before, after = (Interpreter(model_content=one) for one in (plain, told))
    photo = stand_ins.squares(*FRAME)[None]
    one, other = (i.get_signature_runner()(images=photo) for i in (before, after))
    assert set(one) == set(other) and int(one["count"][0]) >= 2
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])
    assert len(told) < len(plain) + 4000


def test_constants_stay_aligned(told):
    model = schema.Model.GetRootAs(told)
    start = np.frombuffer(told, np.uint8).__array_interface__["data"][0]
    places = []
    for i in range(model.BuffersLength()):
        if model.Buffers(i).DataLength() >= 16:
            data = model.Buffers(i).DataAsNumpy()
            places.append(data.__array_interface__["data"][0] - start)
    assert len(places) > 10
    assert not np.any(np.array(places) % 16)


def test_regions_outputs_are_explained():
    config = RecognizerConfig(
        arch="convctc", size_yx=(16, 32), slots=4, width=4, readable=True
    )
    finder = stand_ins.detector(("plate",), corners=(-1, 0, 0, 0, 1, 0, 0, 0))
    fusion = stand_ins.FUSION.replace(crop=CropConfig(size_yx=(16, 32)))
    model = fuse(finder, build_recognizer(config, fusion.crop), fusion)
    (graph,) = metadata_of(
        with_metadata(convert(model, FRAME), describe(model), "")
    ).tables(3)
    told = {one.text(0): one.text(1) for one in graph.tables(3)}
    assert {"readable", "quad"} <= set(told) and all(told.values())
