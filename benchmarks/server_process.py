"""A server in processes of its own, direct readers beside it, and clients that load."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"

DIRECT = """
import os, sys, time
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[2]))
import fused_ocr
reader = fused_ocr.load(sys.argv[1])
files = [open(path, "rb").read() for path in sys.argv[3:]]
for _ in range(3):
    reader.predict(files, batch_size=1)
print("ready", flush=True)
for line in sys.stdin:
    end, count = time.perf_counter() + float(line), 0
    while time.perf_counter() < end:
        reader.predict(files[count % len(files)])
        count += 1
    print(count, flush=True)
"""


@dataclasses.dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    port: int
    mark: str

    def request(
        self, path: str, body: bytes | None = None, timeout: float = 90.0
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("POST" if body is not None else "GET", path, body)
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.headers)
        finally:
            connection.close()

    def processes(self) -> dict[int, tuple[str, int]]:
        """Names and resident bytes of all its processes, by number."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, IndexError):
                if f"SERVER={self.mark}".encode() in (folder / "environ").read_bytes():
                    name = (folder / "cmdline").read_text().replace("\0", " ")
                    pages = int((folder / "statm").read_text().split()[1])
                    found[int(folder.name)] = (name, pages * os.sysconf("SC_PAGESIZE"))
        return found


@contextlib.contextmanager
def server(model: str, *options: object) -> Iterator[Server]:
    """`fused-ocr serve`, until the block ends; the drain is awaited."""
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    process = subprocess.Popen(
        [sys.executable, "-c", "from fused_ocr.cli import main; main()", "serve",
         model, "--port", "0", *map(str, options)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "SERVER": mark},
    )  # fmt: skip
    try:
        line = process.stdout.readline() if process.stdout else ""
        if " at http://" not in line:
            raise RuntimeError(f"the server did not start: {line!r}")
        yield Server(process, int(line.rsplit(":", 1)[1]), mark)
    finally:
        process.terminate()
        process.wait(120)


@contextlib.contextmanager
def direct(
    model: str, paths: Sequence[Path], processes: int, threads: int
) -> Iterator[Callable[[float], float]]:
    """Processes that call the model in a loop; called, photos a second of all."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", DIRECT, model, str(threads), *map(str, paths)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(processes)
    ]  # fmt: skip

    def said(process: Any) -> str:
        return str(process.stdout.readline()).strip()

    def measure(seconds: float) -> float:
        for process in started:
            process.stdin.write(f"{seconds}\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        return sum(int(said(process)) for process in started) / seconds

    try:
        for process in started:
            if said(process) != "ready":
                raise RuntimeError("a direct reader did not start")
        yield measure
    finally:
        for process in started:
            process.kill()
            process.communicate()


def body_of(*files: bytes) -> bytes:
    """A request in row format."""
    rows = [{"b64": base64.b64encode(file).decode()} for file in files]
    return json.dumps({"instances": rows}).encode()


def load(
    port: int, model: str, bodies: Sequence[bytes], clients: int, seconds: float
) -> list[tuple[int, int, float, bytes]]:
    """What clients get that send one request after another.

    Returns:
        For each request which body, the status (0 if the connection broke), seconds,
        and the answer.
    """
    found: list[tuple[int, int, float, bytes]] = []
    end = time.perf_counter() + seconds

    def run(client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        which = client
        while time.perf_counter() < end:
            which = (which + 1) % len(bodies)
            start = time.perf_counter()
            try:
                connection.request("POST", f"/v1/models/{model}:predict", bodies[which])
                answer = connection.getresponse()
                status, data = answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                status, data = 0, b""
            found.append((which, status, time.perf_counter() - start, data))
            if status == 503:
                time.sleep(0.2)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def texts_of(answer: bytes) -> list[list[str]]:
    """The readings in an answer, by photo."""
    rows = json.loads(answer)["predictions"]
    return [row["text"][: row["count"]] for row in rows]
