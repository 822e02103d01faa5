"""Paths and bodies of TF Serving's REST interface: understood, or refused with why."""

import base64
import json

import numpy as np
import pytest

from fused_ocr.serving.routes import RequestError, Target, parse_predict, target_of

pytest.importorskip("orjson", reason="the extra `serve` is not installed")

FILE = b"\xff\xd8some file\x00"
B64 = {"b64": base64.b64encode(FILE).decode()}
PIXELS = [[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]  # (1, 3, 3)


def parsed(body, most=4):
    return parse_predict(json.dumps(body).encode(), most)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/models/a.b", Target("a.b", None, "status")),
        ("HEAD", "/v1/models/m", Target("m", None, "status")),
        ("GET", "/v1/models/m/versions/3", Target("m", 3, "status")),
        ("GET", "/v1/models/m/metadata", Target("m", None, "metadata")),
        ("GET", "/v1/models/m/versions/3/metadata", Target("m", 3, "metadata")),
        ("POST", "/v1/models/m:predict", Target("m", None, "predict")),
        ("POST", "/v1/models/m/versions/12:predict", Target("m", 12, "predict")),
        ("GET", "/v1/models/", None),
        ("GET", "/v1/models/m/", None),
        ("GET", "/v2/models/m", None),
    ],
)
def test_paths(method, path, expected):
    assert target_of(method, path) == expected


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("POST", "/v1/models/m/labels/stable:predict", 404, "no label 'stable'"),
        ("GET", "/v1/models/m/versions/new", 400, "'new' is no number"),
        ("POST", "/v1/models/m:classify", 400, "'classify' is not served"),
        ("GET", "/v1/models/m:predict", 405, "takes POST, not GET"),
        ("POST", "/v1/models/m", 405, "takes GET, not POST"),
        ("GET", "/v1/models/m/versions/" + "9" * 20, 400, "no number"),
    ],
)
def test_paths_that_are_refused(method, path, status, said):
    with pytest.raises(RequestError, match=said) as found:
        target_of(method, path)
    assert found.value.status == status


@pytest.mark.parametrize("signature", [None, "", "serving_bytes"])
@pytest.mark.parametrize(
    ("body", "form"),
    [
        ({"instances": [B64, B64]}, "row"),
        ({"instances": [{"image_bytes": B64}, B64]}, "row"),
        ({"inputs": [B64, B64]}, "column"),
        ({"inputs": {"image_bytes": [B64, B64]}}, "column"),
    ],
)
def test_files(body, form, signature):
    asked = parsed({**body, "signature_name": signature})
    assert (asked.photos, asked.form) == ((FILE, FILE), form)


def test_a_single_file_in_columns():
    assert parsed({"inputs": B64}).photos == (FILE,)
    assert parsed({"inputs": {"image_bytes": B64}}).photos == (FILE,)


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [PIXELS]},
        {"instances": [{"images": PIXELS}], "signature_name": "serving_default"},
        {"inputs": [PIXELS], "signature_name": "serving_default"},
        {"inputs": {"images": [PIXELS]}},
    ],
)
def test_pixels(body):
    (photo,) = parsed(body).photos
    assert photo.dtype == np.uint8
    assert photo.tolist() == PIXELS


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [{"images": PIXELS, "sizes": [1, 2]}]},
        {
            "inputs": {"images": [PIXELS], "sizes": [[1, 2]]},
            "signature_name": "serving_padded",
        },
    ],
)
def test_padding_is_cut_off(body):
    (photo,) = parsed(body).photos
    assert photo.tolist() == [[[1, 2, 3], [4, 5, 6]]]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "One of 'instances'"),
        ({"instances": [B64], "inputs": [B64]}, "One of 'instances'"),
        ({"instances": [B64], "images": 1}, r"unknown keys: \['images'\]"),
        ({"instances": B64}, "must be a list of photos"),
        ({"instances": []}, r"must be a list of photos. Received: \[\]"),
        ({"instances": [B64], "signature_name": "predict"}, "Received: 'predict'"),
        ({"instances": [B64], "signature_name": ["serving_bytes"]}, "signature_name"),
        ({"instances": [B64, {"b65": "aaaa"}]}, r"row 1 has unknown keys: \['b65'\]"),
        ({"instances": [{}]}, "row 0 has no 'image_bytes'"),
        ({"instances": [{"image_bytes": {"b64": B64}}]}, "'b64' must be a text"),
        ({"instances": [{"image_bytes": {"b64": "a", "x": 1}}]}, "unknown keys"),
        ({"instances": [B64, {"b64": "abc"}]}, "row 1 is no base64"),
        ({"instances": [B64, {"b64": "ab*="}]}, "row 1 is no base64"),
        ({"instances": [{"b64": "ä"}]}, "row 0 is no base64"),
        ({"instances": ["text"]}, "must be a file"),
        ({"instances": [None]}, "must be a file"),
        ({"instances": [7], "signature_name": "serving_default"}, "must be pixels"),
        ({"instances": [PIXELS], "signature_name": "serving_bytes"}, "must be a file"),
        ({"instances": [B64], "signature_name": "serving_default"}, "must be pixels"),
        ({"instances": [[[[1, 2, 3], [4, 5]]]]}, "rows differ"),
        ({"instances": [[[1, 2, 3]]]}, r"Received: int64 \(1, 3\)"),
        ({"instances": [[[[1, 2, 300]]]]}, "Received: 1..300"),
        ({"instances": [[[[0.5, 0.5, 0.5]]]]}, "Received: float64"),
        ({"instances": [{"images": PIXELS, "sizes": [2, 3]}]}, "at most 1, 3"),
        ({"instances": [{"images": PIXELS, "sizes": [1, True]}]}, "at most 1, 3"),
        (
            {"instances": [{"images": PIXELS}], "signature_name": "serving_padded"},
            "has no 'sizes'",
        ),
        ({"inputs": {"images": [PIXELS], "sizes": []}}, "must be a list of photos"),
        (
            {"inputs": {"images": [PIXELS], "sizes": [[1, 2], [1, 2]]}},
            "different lengths",
        ),
        ({"inputs": {"image": [B64]}}, r"unknown keys: \['image'\]"),
    ],
)
def test_bodies_that_are_refused(body, said):
    with pytest.raises(RequestError, match=said) as found:
        parsed(body)
    assert found.value.status == 400
    assert len(str(found.value)) < 400  # nobody's photo comes back as an error


@pytest.mark.parametrize("form", ["instances", "inputs"])
def test_too_many_photos(form):
    with pytest.raises(RequestError, match="has 5 photos; at most 4") as found:
        parsed({form: [B64] * 5})
    assert found.value.status == 413


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"),
        (b'{"instances": [}', "line 1 column 16"),
        (b'{"instances": "\xff"}', "no JSON"),
        (b"[]", "is a list, not an object"),
        (b"{" * 100_000, "no JSON"),
        (b'{"a":' + b"[" * 100_000, "no JSON"),
    ],
)
def test_no_json(body, said):
    with pytest.raises(RequestError, match=said) as found:
        parse_predict(body, 4)
    assert found.value.status == 400
