"""Answers in TF Serving's forms, and what a bad photo looks like in them."""

import json

import numpy as np
import pytest

from fused_ocr.serving import answers
from fused_ocr.serving.routes import RequestError

pytest.importorskip("orjson", reason="the extra `serve` is not installed")

GOOD = {
    "codes": np.array([[52, 50, -1], [-1, -1, -1]], np.int32),
    "score": np.array([0.1, 0], np.float32),
    "count": np.array(1, np.int32),
}
SHAPES = {
    "codes": ("int32", (2, 3)),
    "score": ("float32", (2,)),
    "count": ("int32", ()),
}
ROW = {
    "codes": [[52, 50, -1], [-1, -1, -1]],
    "score": [0.1, 0.0],  # and not 0.10000000149
    "count": 1,
    "text": ["42", ""],
    "error": "",
}
NOTHING = {
    "codes": [[-1, -1, -1], [-1, -1, -1]],
    "score": [0.0, 0.0],
    "count": 0,
    "text": ["", ""],
    "error": "no image",
}


def body(results, form):
    return json.loads(answers.predict_body(results, SHAPES, form))


def test_rows():
    assert body([GOOD, GOOD], "row") == {"predictions": [ROW, ROW]}
    assert body([GOOD, "no image"], "row") == {"predictions": [ROW, NOTHING]}


def test_columns():
    whole = {name: [ROW[name], NOTHING[name]] for name in ROW}
    assert body([GOOD, GOOD], "column")["outputs"]["count"] == [1, 1]
    assert body([GOOD, "no image"], "column") == {"outputs": whole}


@pytest.mark.parametrize("form", ["row", "column"])
def test_without_a_good_photo_it_is_an_error(form):
    with pytest.raises(RequestError, match=r"too large\. no image\.") as found:
        body(["too large.", "no image."], form)
    assert found.value.status == 400


def test_status():
    states = {1: ("END", "it is damaged"), 12: ("AVAILABLE", "")}
    assert answers.status(states) == {
        "model_version_status": [
            {
                "version": "12",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            },
            {
                "version": "1",
                "state": "END",
                "status": {"error_code": "UNKNOWN", "error_message": "it is damaged"},
            },
        ]
    }


def test_metadata():
    found = answers.metadata("m", 3, SHAPES)
    assert found["model_spec"] == {"name": "m", "signature_name": "", "version": "3"}
    signatures = found["metadata"]["signature_def"]["signature_def"]
    assert sorted(signatures) == ["serving_bytes", "serving_default", "serving_padded"]
    one = signatures["serving_padded"]
    assert one["inputs"]["images"]["dtype"] == "DT_UINT8"
    sizes = [d["size"] for d in one["inputs"]["sizes"]["tensor_shape"]["dim"]]
    assert sizes == ["-1", "2"]
    shapes = {
        name: (value["dtype"], [d["size"] for d in value["tensor_shape"]["dim"]])
        for name, value in one["outputs"].items()
    }
    assert shapes == {
        "codes": ("DT_INT32", ["-1", "2", "3"]),
        "count": ("DT_INT32", ["-1"]),
        "score": ("DT_FLOAT", ["-1", "2"]),
        "text": ("DT_STRING", ["-1", "2"]),
        "error": ("DT_STRING", ["-1"]),
    }
