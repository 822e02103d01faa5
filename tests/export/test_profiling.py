"""Where a `.tflite` network is cut to be timed, and that the pieces run."""

import numpy as np
import pytest
import stand_ins
from ai_edge_litert.interpreter import Interpreter

from fused_ocr.export import tflite
from fused_ocr.export.check_photos import CheckPhoto
from fused_ocr.export.operators import operators, stages_of, unpacked
from fused_ocr.export.profiling import _cut, _ends, part_milliseconds

FRAME = (128, 192)
PHOTO = stand_ins.squares(*FRAME)


@pytest.fixture(scope="module")
def model():
    return stand_ins.reader_model()


@pytest.fixture(scope="module", params=["none", "int8"])
def network(model, request):
    return tflite.convert(model, FRAME, request.param, [CheckPhoto("a", PHOTO)])


def test_where_it_is_cut():
    # Two odd operators inside of the long stage are counted with it.
    stages = ["a"] * 4 + ["b"] * 9 + ["a"] * 2 + ["b"] * 5 + ["c"] * 4
    assert _ends(stages) == [("a", 4), ("b", 20), ("c", 24)]
    assert _ends(["a"]) == [("a", 1)]


def test_every_stage_has_its_time(network):
    spent = part_milliseconds(network, PHOTO, threads=1, runs=2)
    assert list(spent)[:2] == ["letterbox", "detector"] and "recognizer" in spent
    assert spent["detector"] > 0
    assert operators(network).total() >= len(stages_of(unpacked(network).subgraphs[0]))


def test_a_beginning_computes_what_the_whole_does(network):
    whole, model = Interpreter(model_content=network), unpacked(network)
    run = whole.get_signature_runner()
    last = len(model.subgraphs[0].operators)
    short = Interpreter(model_content=_cut(model, last))
    short.allocate_tensors()
    short.set_tensor(short.get_input_details()[0]["index"], PHOTO[None])
    short.invoke()
    found = [short.get_tensor(one["index"]) for one in short.get_output_details()]
    for name, expected in run(images=PHOTO[None]).items():
        assert any(
            one.shape == expected.shape and np.array_equal(one, expected)
            for one in found
        ), name
    half = Interpreter(model_content=_cut(model, last // 2))
    half.allocate_tensors()
    assert half.get_output_details()
