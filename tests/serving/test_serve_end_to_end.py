"""`fused-ocr serve` as a user starts it, with a stand-in that TF Serving could load."""

import base64
import concurrent.futures
import http.client
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import stand_ins
from PIL import Image

from fused_ocr.export.warmup import open_session

pytestmark = pytest.mark.skipif(
    any(not importlib.util.find_spec(one) for one in ("ray.serve", "orjson"))
    if importlib.util.find_spec("ray")
    else True,
    reason="the extra `serve` is not installed",
)

CLIENT = Path(__file__).parents[2] / "examples" / "serving" / "rest_client.py"
MARK = f"fused-ocr-{os.getpid()}"
PREDICT = "/v1/models/squares:predict"


class Server:
    """A process of `fused-ocr serve`."""

    def __init__(self, folder, *options):
        command = [sys.executable, "-c", "from fused_ocr.cli import main; main()"]
        self.process = subprocess.Popen(
            [*command, "serve", str(folder), "--port", "0", *options],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "STARTED_BY": MARK},
        )
        line = self.process.stdout.readline()
        assert line.startswith("Serving squares at http://127.0.0.1:"), line
        self.port = int(line.rsplit(":", 1)[1])

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, path, body=None, method=None, **headers):
        """Status, body (JSON if it is), headers."""
        connection = self.connect()
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method or ("POST" if data else "GET"), path, data, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        is_json = answer.headers["content-type"] == "application/json"
        return answer.status, json.loads(text) if is_json else text, answer.headers


def processes(mark=MARK):
    """Names of the processes that a server started, by number."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"STARTED_BY={mark}".encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_text()
        except OSError:
            continue
    return found


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def png(*shape, seed=0):
    file = io.BytesIO()
    Image.fromarray(stand_ins.squares(*shape, seed=seed)).save(file, "PNG")
    return file.getvalue()


FILES = [png(131, 197), png(101, 151, seed=1), png(131, 197, seed=2)]


def rows_of(*files):
    return {"instances": [{"b64": base64.b64encode(one).decode()} for one in files]}


@pytest.fixture(scope="module")
def folder(served, tmp_path_factory):
    home = tmp_path_factory.mktemp("models") / "squares"
    shutil.copytree(served / "squares", home)
    return home


@pytest.fixture(scope="module")
def server(folder):
    started = Server(
        folder, "--replicas", "1", "--queue", "4", "--max-body", "8000000",
        "--receive-timeout", "1", "--max-pixels", "1000000", "--batch-size", "2",
    )  # fmt: skip
    yield started
    if started.process.poll() is None:
        started.process.send_signal(signal.SIGTERM)
    started.process.wait(60)
    started.process.stdout.close()


@pytest.fixture(scope="module")
def truth(served):
    """What TF Serving would answer: the signature's own outputs."""
    found = open_session(served / "squares" / "1")(
        "serving_bytes", {"image_bytes": np.array(FILES, object)}
    )
    strings = {
        name: np.char.decode(value.astype(bytes))
        for name, value in found.items()
        if value.dtype == object
    }
    return {**found, **strings}


def check(outputs, truth):
    assert sorted(outputs) == sorted(truth)
    for name, value in truth.items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(outputs[name], value, atol=1e-3)
        else:
            np.testing.assert_array_equal(outputs[name], value)


def test_rows_columns_and_pixels_are_those_of_the_signature(server, truth):
    body = {**rows_of(*FILES), "signature_name": "serving_bytes"}
    status, found, headers = server.ask(PREDICT, body)
    assert status == 200 and headers["content-type"] == "application/json"
    rows = found["predictions"]
    check({name: [row[name] for row in rows] for name in rows[0]}, truth)
    assert sum(row["count"] for row in rows) >= 3

    body = {"inputs": {"image_bytes": body["instances"]}}
    status, found, _ = server.ask("/v1/models/squares/versions/1:predict", body)
    assert status == 200
    check(found["outputs"], truth)

    small = stand_ins.squares(131, 197).tolist()
    status, found, _ = server.ask(PREDICT, {"instances": [small]})
    assert (status, found["predictions"][0]["text"]) == (200, list(truth["text"][0]))


def metrics(server):
    """Values by name and labels."""
    text = server.ask("/metrics")[1].decode()
    lines = [line for line in text.splitlines() if line[0] != "#"]
    return {name: float(value) for name, value in (o.rsplit(" ", 1) for o in lines)}


def test_one_bad_photo_of_64_fails_alone(server, truth):
    files = [FILES[0]] * 63
    files.insert(40, b"no image")
    before = metrics(server)
    rows = server.ask(PREDICT, rows_of(*files))[1]["predictions"]
    photos, batches = (
        metrics(server)[name] - before[name]
        for name in (
            'fused_ocr_batch_photos_sum{model="squares"}',
            'fused_ocr_batch_photos_count{model="squares"}',
        )
    )
    assert photos == 63 and 32 <= batches < 42  # of two, most of them
    assert [i for i, row in enumerate(rows) if row["error"]] == [40]
    assert rows[40]["count"] == 0 and rows[40]["text"] == [""] * len(rows[0]["text"])
    assert rows[40]["error"].startswith("photo 40: not an image")
    assert all(row["text"] == list(truth["text"][0]) for row in rows[:40] + rows[41:])


def predict(server, version):
    path = f"/v1/models/squares/versions/{version}:predict"
    return server.ask(path, rows_of(FILES[0]))[0]


def bomb():
    file = io.BytesIO()
    Image.new("L", (2000, 1000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"no json", 400, "no JSON"),
        ({"instance": []}, 400, "unknown keys: ['instance']"),
        (rows_of(b"no image"), 400, "not an image"),
        (rows_of(FILES[0][:-200]), 400, "damaged or truncated"),
        (rows_of(bomb()), 400, "2000 x 1000 (width x height) is 2000000 pixels"),
        (rows_of(*FILES * 22), 413, "has 66 photos; at most 64"),
        (b" " * 8_000_001, 413, "more than 8000000 bytes"),
    ],
)
def test_bad_requests_are_told_why(server, body, status, said):
    found = server.ask(PREDICT, body)
    assert found[0] == status
    assert said in found[1]["error"]


def test_bodies_without_a_length_are_cut(server):
    connection = server.connect()
    body = iter([b"x" * 100_000] * 160)
    connection.request("POST", PREDICT, body, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.status == 413 and b"8000000" in answer.read()
    connection.close()


SLOW = f"POST {PREDICT} HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\n{{".encode()


@pytest.mark.parametrize("sent", [b"", b"POST / HT", SLOW])
def test_slow_senders_are_let_go(server, sent):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(sent)
        heard = b""
        while chunk := client.recv(1000):
            heard += chunk
            if b"1 bytes came in 1 s" in heard:
                break
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert json.loads(heard.split(b"\r\n\r\n")[1])["error"]


def test_other_routes(server):
    status, found, _ = server.ask("/v1/models/squares")
    assert status == 200
    (one,) = found["model_version_status"]
    assert (one["version"], one["state"]) == ("1", "AVAILABLE")
    assert server.ask("/v1/models/squares/versions/1")[0] == 200
    assert server.ask("/v1/models/squares/versions/2")[0] == 404
    assert server.ask("/v1/models/squares/metadata")[1]["model_spec"]["version"] == "1"
    assert server.ask("/v1/models/other:predict", rows_of(FILES[0]))[0] == 404
    assert predict(server, 7) == 404
    assert server.ask("/v1/models")[1] == {"models": ["squares"]}
    assert server.ask("/healthz")[0] == 200
    status, page, headers = server.ask("/")
    assert status == 200 and b"Drop a photo" in page
    assert headers["content-type"].startswith("text/html")
    status, found, _ = server.ask("/admin")
    assert status == 404 and "nothing at '/admin'" in found["error"]


def test_it_listens_on_loopback_alone(server):
    wanted = f"{server.port:04X}"
    table = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    own = [line[1] for line in table if line[3] == "0A" and line[1].endswith(wanted)]
    assert own == [f"0100007F:{wanted}"]  # 127.0.0.1


def test_the_client_of_tf_serving(server, tmp_path):
    paths = []
    for i, data in enumerate([*FILES, b"no image"]):
        paths.append(tmp_path / f"{i}.png")
        paths[-1].write_bytes(data)
    done = subprocess.run(
        [sys.executable, CLIENT, "squares", *map(str, paths),
         "--server", f"http://127.0.0.1:{server.port}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["photo"] for row in rows] == list(map(str, paths[:3]))
    assert all(row["readings"] for row in rows)
    assert done.returncode == 1 and "not an image" in done.stderr


def test_overload_is_turned_away(server):
    body = json.dumps(rows_of(*FILES * 20)).encode()

    def send(_):
        return server.ask(PREDICT, body)

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        found = list(pool.map(send, range(12)))
    busy = [one for one in found if one[0] == 503]
    assert busy and {one[0] for one in found} == {200, 503}
    for _, said, headers in busy:
        assert "wait already" in said["error"]
        assert 1 <= int(headers["retry-after"]) <= 30


def test_a_killed_replica_loses_nothing(server, truth):
    def replicas():
        return [i for i, name in processes().items() if "ServeReplica" in name]

    def send(i):
        return server.ask(PREDICT, rows_of(FILES[i % 3]))

    (old,) = replicas()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(send, i) for i in range(30)]
        asked[5].result()
        os.kill(old, signal.SIGKILL)
        found = [one.result() for one in asked]
    for i, (status, said, _) in enumerate(found):
        assert status == 200, said
        assert said["predictions"][0]["text"] == list(truth["text"][i % 3])
    assert old not in replicas() and len(replicas()) == 1


def test_a_new_version_without_a_break(server, folder):
    shutil.copytree(folder / "1", folder / ".aside")
    os.rename(folder / ".aside", folder / "2")
    statuses = []

    def served():
        statuses.append(server.ask(PREDICT, rows_of(FILES[0]))[0])
        status, found, _ = server.ask("/v1/models/squares/versions/2")
        return status == 200 and "AVAILABLE" in str(found)

    assert wait_for(served)
    assert set(statuses) == {200}
    assert (predict(server, 2), predict(server, 1)) == (200, 404)


def test_metrics(server):
    values = metrics(server)
    assert values['fused_ocr_photos_total{model="squares",result="read"}'] > 60
    assert values['fused_ocr_photos_total{model="squares",result="bad"}'] >= 1
    for reason in ("body", "format", "json", "overload", "photo", "slow"):
        labels = f'{{model="squares",reason="{reason}"}}'
        assert values[f"fused_ocr_errors_total{labels}"] >= 1
    assert values['fused_ocr_photos_inside{model="squares"}'] == 0
    assert values['fused_ocr_version{model="squares"}'] == 2


def test_what_was_taken_is_answered_at_the_end(server):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(server.ask, PREDICT, rows_of(*FILES * 20))
        inside = b'fused_ocr_photos_inside{model="squares"} 60.0'
        assert wait_for(lambda: inside in server.ask("/metrics")[1])
        server.process.send_signal(signal.SIGTERM)
        status, found, _ = asked.result()
    assert status == 200 and len(found["predictions"]) == 60
    assert server.process.wait(60) == 0
    assert wait_for(lambda: not processes())
    with pytest.raises(ConnectionRefusedError):
        server.ask("/healthz")
