"""The clients against servers in this process, which run the exported SavedModel."""

import base64
import concurrent.futures
import contextlib
import email.utils
import http.server
import importlib
import json
import shutil
import subprocess
import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
import stand_ins
import tensorflow as tf
import yaml
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

import fused_ocr
from fused_ocr.export.warmup import open_session

EXAMPLES = Path(__file__).parents[2] / "examples" / "serving"
READY = {"model_version_status": [{"version": "1", "state": "AVAILABLE"}]}


class Model:
    """What both servers answer with, and what was asked of them.

    Attributes:
        failures: what is answered instead, first to last: a status and a header.
        batches: how many photos were in each request.
    """

    def __init__(self, run):
        self.run = run
        self.reset()

    def reset(self):
        self.failures, self.batches, self.delay = [], [], 0.0
        self.answered = threading.Event()

    def predict(self, files):
        self.batches.append(len(files))
        time.sleep(self.delay)
        self.answered.set()
        return self.run("serving_bytes", {"image_bytes": np.array(files, object)})


class Rest(http.server.BaseHTTPRequestHandler):
    """TF Serving's `:predict` in row format, as its documentation has it."""

    model = None

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        with contextlib.suppress(ConnectionError):  # who asked has gone
            self.end_headers()
            self.wfile.write(data)

    def do_GET(self):
        known = self.path == "/v1/models/squares"
        self.answer(200 if known else 404, READY if known else {"error": "unknown"})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.model.failures:
            self.model.batches.append(len(body["instances"]))
            status, headers, answer = self.model.failures.pop(0)
            return self.answer(status, answer, **headers)
        known = ("/v1/models/squares:predict", "/v1/models/squares/versions/1:predict")
        if self.path not in known:
            return self.answer(404, {"error": "Servable not found for request"})
        assert body["signature_name"] == "serving_bytes"
        files = [base64.b64decode(one["b64"]) for one in body["instances"]]
        found = self.model.predict(files)
        rows = [
            {
                name: np.char.decode(np.array(v[i], bytes)).tolist()
                if v.dtype == object
                else v[i].tolist()
                for name, v in found.items()
            }
            for i in range(len(files))
        ]  # fmt: skip
        return self.answer(200, {"predictions": rows})


class Grpc(prediction_service_pb2_grpc.PredictionServiceServicer):
    """TF Serving's `Predict`."""

    def __init__(self, model):
        self.model = model

    def Predict(self, request, context):
        spec = request.model_spec
        files = tf.make_ndarray(request.inputs["image_bytes"]).tolist()
        if self.model.failures:
            self.model.batches.append(len(files))
            context.abort(*self.model.failures.pop(0))
        if spec.name != "squares" or spec.version.value not in (0, 1):
            context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found for request")
        assert spec.signature_name == "serving_bytes"
        found = self.model.predict(files)
        answer = predict_pb2.PredictResponse()
        for name, value in found.items():
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return answer


@pytest.fixture(scope="module")
def model(served):
    return Model(open_session(served / "squares" / "1"))


@pytest.fixture(scope="module")
def rest_server(model):
    handler = type("Handler", (Rest,), {"model": model})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def grpc_server(model):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Grpc(model), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(None).wait()


@pytest.fixture
def waits(monkeypatch):
    """Seconds the client would have slept."""
    found, sleep = [], time.sleep
    monkeypatch.syspath_prepend(EXAMPLES)
    sending = importlib.import_module("sending")
    fake = type("Time", (), {"sleep": staticmethod(found.append)})
    monkeypatch.setattr(sending, "time", fake)
    assert time.sleep is sleep  # the servers' own
    return found


@pytest.fixture(params=["rest", "grpc"])
def server(request):
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def client(model, server, waits, monkeypatch, capsys):
    """Runs the client's program; returns its exit status, rows and errors."""
    model.reset()
    program = importlib.import_module(
        "rest_client" if server.startswith("http") else "grpc_client"
    )

    def call(*arguments, at=server, name="squares"):
        argv = [name, *map(str, arguments), "--server", at]
        monkeypatch.setattr("sys.argv", [program.__name__, *argv])
        with pytest.raises(SystemExit) as end:
            program.main()
        said = capsys.readouterr()
        rows = [json.loads(line) for line in said.out.splitlines()]
        return end.value.code, rows, said.err

    return call


@pytest.fixture
def photos(tmp_path):
    paths = []
    for i, shape in enumerate([(131, 197), (101, 151), (87, 113), (131, 197)]):
        # JPEGs are decoded a little differently here and there.
        path = tmp_path / f"photo {i}.png"
        Image.fromarray(stand_ins.squares(*shape, seed=i)).save(path)
        paths.append(path)
    return paths


def only(kind, server):
    return server.startswith("http") == (kind == "rest")


def test_readings_are_those_of_python(client, model, served, photos):
    status, rows, errors = client(*photos, "--batch", 3, "--version", 1)
    assert (status, errors, model.batches) == (0, "", [3, 1])
    reader = fused_ocr.load(served / "squares" / "1")
    assert [row["photo"] for row in rows] == list(map(str, photos))
    for row, path in zip(rows, photos, strict=True):
        truth = reader.predict(path)
        assert [one["text"] for one in row["readings"]] == truth.texts != []
        for one, reading in zip(row["readings"], truth, strict=True):
            assert one["score"] == pytest.approx(reading.score, abs=1e-3)
            assert one["box"] == pytest.approx(list(reading.box), abs=0.01)


def test_bad_photos_fail_alone(client, model, photos, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    (tmp_path / "empty.jpg").touch()
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes(2_000_000))
    status, rows, errors = client(
        photos[0], bad, photos[1], "gone.jpg", tmp_path / "empty.jpg", large,
        photos[2], tmp_path, "--megabytes", 1,
    )  # fmt: skip
    assert status == 1
    assert [row["photo"] for row in rows] == [str(photos[i]) for i in range(3)]
    said = dict(line[7:].split(": ", 1) for line in errors.splitlines())
    assert said[str(bad)].startswith("This is no JPEG, PNG, GIF or BMP file")
    assert "No such file" in said["gone.jpg"]
    assert said[str(tmp_path / "empty.jpg")] == "the file is empty"
    assert "2.0 MB are more than --megabytes" in said[str(large)]
    assert "directory" in said[str(tmp_path)]
    assert model.batches == [3, 1]  # missing ones count for --batch


def test_batches_are_limited_in_bytes(client, model, photos):
    most = 2.5 * max(path.stat().st_size for path in photos) / 1e6
    assert client(*photos, "--megabytes", most)[0] == 0
    assert sum(model.batches) == 4 and max(model.batches) < 4
    assert len(model.batches) >= 2


def busy(server, count):
    if server.startswith("http"):
        return [(503, {}, {"error": "queue full"})] * count
    return [(grpc.StatusCode.UNAVAILABLE, "queue full")] * count


def test_waits_longer_and_longer(client, model, server, waits, photos):
    model.failures = busy(server, 3)
    status, rows, _ = client(photos[0])
    assert status == 0 and len(rows) == 1
    assert len(waits) == 3
    for attempt, wait in enumerate(waits):
        assert 0.1 * 2**attempt <= wait <= 0.2 * 2**attempt


def test_gives_up_in_the_end(client, model, server, waits, photos):
    model.failures = busy(server, 9)
    status, rows, errors = client(*photos[:3], "--batch", 1, "--retries", 2)
    assert (status, rows, len(waits)) == (1, [], 2)
    assert "queue full; 3 photos were not read" in errors
    assert "Traceback" not in errors


def test_nobody_there(client, server, waits, photos):
    nobody = "http://127.0.0.1:9" if server.startswith("http") else "127.0.0.1:9"
    status, rows, errors = client(photos[0], "--retries", 1, at=nobody)
    assert (status, rows, len(waits)) == (1, [], 1)
    assert nobody in errors and "1 photos were not read" in errors


def test_a_slow_server(client, model, photos):
    model.delay = 1.0
    status, rows, errors = client(photos[0], "--retries", 0, "--timeout", 0.2)
    assert (status, rows) == (1, [])
    assert "timed out" in errors or "DEADLINE_EXCEEDED" in errors
    assert model.answered.wait(30)  # or the next test would meet it


def test_no_such_model(client, waits, photos):
    status, rows, errors = client(*photos, name="other")
    assert (status, rows, waits) == (1, [], [])
    assert "Servable not found" in errors and "4 photos were not read" in errors


@pytest.fixture
def rest_client(rest_server, waits):
    return importlib.import_module("rest_client")


@pytest.mark.parametrize("server", ["rest"], indirect=True)
def test_comes_back_when_it_is_told_to(client, model, waits, photos):
    date = email.utils.formatdate(time.time() + 20, usegmt=True)
    model.failures = [
        (503, {"Retry_After": "7"}, {"error": "full"}),
        (429, {"Retry_After": date}, b"<html>"),
        (503, {"Retry_After": "86400"}, b""),
        (502, {"Retry_After": "soon"}, b""),
    ]
    assert client(photos[0])[0] == 0
    seconds, until, capped, backoff = waits
    assert seconds == 7.0
    assert 15 < until <= 20
    assert capped == 30.0
    assert backoff <= 1.6


@pytest.mark.parametrize("server", ["rest"], indirect=True)
@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>hello</html>", "is no TF Serving"),
        (200, {"predictions": []}, "0 answers for 1 photos"),
        (200, {"outputs": {}}, "is no TF Serving"),
        (500, b"<html>", "500, Internal Server Error"),
        (403, {"error": "not you"}, "403, not you"),
    ],
)
def test_what_is_no_answer(client, model, photos, status, body, said):
    model.failures = [(status, {}, body)]
    code, rows, errors = client(photos[0])
    assert (code, rows) == (1, [])
    assert said in errors and "Traceback" not in errors


@pytest.mark.skipif(not shutil.which("bash"), reason="the image's health check is bash")
def test_the_health_check_of_the_container(rest_server, served):
    text = (served / "docker-compose.yml").read_text()
    command = yaml.safe_load(text)["services"]["tf-serving"]["healthcheck"]["test"]
    assert command[0] == "CMD"
    host, port = rest_server.removeprefix("http://").split(":")
    here = command[-1].replace("127.0.0.1/8501", f"{host}/{port}")
    assert here != command[-1]
    gone = here.replace("models/squares", "models/other")
    assert subprocess.run(["bash", "-c", here], check=False).returncode == 0
    assert subprocess.run(["bash", "-c", gone], check=False).returncode == 1
