"""Requests that TF Serving replays: what it looks for, in its format."""

import sys

import numpy as np
import pytest
import stand_ins
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from fused_ocr.errors import CheckFailedError, MissingDependencyError
from fused_ocr.export.check_photos import CheckPhoto
from fused_ocr.export.warmup import WARMUP_FILE, open_session, replay, write_warmup


def requests(saved):
    assert WARMUP_FILE == "assets.extra/tf_serving_warmup_requests"
    for record in tf.data.TFRecordDataset(str(saved / WARMUP_FILE)).as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        yield log.predict_log.request


def test_each_signature_and_batch_size(served):
    found = list(requests(served / "squares" / "1"))
    assert {one.model_spec.name for one in found} == {"squares"}
    by = {
        (one.model_spec.signature_name, tf.make_ndarray(value).shape[0]): one
        for one in found
        for value in one.inputs.values()
    }
    signatures = ("serving_bytes", "serving_default", "serving_padded")
    assert set(by) == {(name, size) for name in signatures for size in (1, 3)}
    files = tf.make_ndarray(by["serving_bytes", 3].inputs["image_bytes"])
    shapes = {tf.io.decode_jpeg(file).shape[:2] for file in files}
    assert shapes == {(131, 197), (101, 151)}
    pixels = tf.make_ndarray(by["serving_default", 3].inputs["images"])
    assert pixels.shape == (3, 101, 151, 3) and pixels.dtype == np.uint8


def test_a_server_answers_them_all(served):
    saved = served / "squares" / "1"
    run = open_session(saved)
    answers = []
    # What warms up nothing but an empty picture leaves the recogniser cold.
    assert replay(saved, lambda *request: answers.append(run(*request))) == 6
    assert all((one["count"] >= 2).all() for one in answers)


def test_a_request_that_is_not_answered(served, tmp_path):
    photo = CheckPhoto("", stand_ins.squares(23, 31))
    write_warmup(tmp_path, "x", [photo], [2])
    run = open_session(served / "squares" / "1")

    def broken(signature, inputs):
        if signature == "serving_padded":
            inputs = {**inputs, "sizes": inputs["sizes"][:1]}  # of two photos
        return run(signature, inputs)

    with pytest.raises(CheckFailedError, match="request 3 to 'serving_padded'"):
        replay(tmp_path, broken)


def test_without_the_messages(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with pytest.raises(MissingDependencyError, match=r"fused-ocr\[serving\]"):
        write_warmup(tmp_path, "x", [], [1])
