"""Requests of which a third are broken: each is told why, the others are answered."""

from __future__ import annotations

import base64
import concurrent.futures
import io
import json
import random
import socket
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator

from server_process import PHOTOS, Server, body_of, server, texts_of

from fused_ocr.reader import load

_CLIENTS = 12
_RECEIVE = 5
"""Seconds that a sender has."""

Answer = tuple[int, bytes]


def abuse(model: str, requests: int) -> Iterator[str]:
    """Lines of what came back, and of memory and processes before and after."""
    files = [path.read_bytes() for path in sorted((PHOTOS / model).glob("*.jpg"))[:5]]
    truth = [found.texts for found in load(model).predict(files)]
    bodies = [body_of(file) for file in files]
    broken = _broken(model, files)
    with server(model, "--receive-timeout", _RECEIVE) as one:
        for i in range(100):  # what is allocated once is there
            one.request(f"/v1/models/{model}:predict", bodies[i % len(bodies)])
        before = one.processes()

        def send(i: int) -> tuple[str, int, str]:
            rng = random.Random(i)
            if i % 3:
                which = rng.randrange(len(files))
                while True:
                    status, data, headers = one.request(
                        f"/v1/models/{model}:predict", bodies[which]
                    )
                    if status != 503:
                        break
                    time.sleep(float(headers["retry-after"]))
                right = status == 200 and texts_of(data) == [truth[which]]
                return "good", status, "" if right else f"wrong: {data[:200]!r}"
            kinds = list(broken)
            # The long ones take seconds of a client's time, so they are rarer.
            kind = rng.choices(kinds, [1 if k in _LONG else 10 for k in kinds])[0]
            while True:
                status, data = broken[kind](one)
                if status != 503:
                    break
                time.sleep(0.5)
            try:
                said = str(json.loads(data)["error"])
            except (ValueError, KeyError, TypeError):
                said = ""
            told = 400 <= status < 500 and said
            return kind, status, "" if told else f"untold: {data[:200]!r}"

        start = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(_CLIENTS) as pool:
            found = list(pool.map(send, range(requests)))
        spent = time.perf_counter() - start
        time.sleep(_RECEIVE + 1)
        after = one.processes()
    counts = Counter((kind, status) for kind, status, _ in found)
    for (kind, status), count in sorted(counts.items()):
        yield f"{kind}: {count} x {status}"
    wrong = [one for one in found if one[2]]
    yield f"{requests} requests in {spent:.0f} s; not as they should be: {len(wrong)}"
    yield from map(str, wrong[:5])
    for name, there in (("before", before), ("after", after)):
        memory = sum(size for _, size in there.values()) / 1e6
        yield f"{name}: {len(there)} processes, {memory:.0f} MB"


_LONG = ("100 MB", "100 MB, no length", "slow body", "slow head")


def _broken(model: str, files: list[bytes]) -> dict[str, Callable[[Server], Answer]]:
    path = f"/v1/models/{model}:predict"

    def body(data: bytes) -> Callable[[Server], Answer]:
        return lambda one: one.request(path, data)[:2]

    def raw(*parts: bytes, wait: float = 0.0) -> Callable[[Server], Answer]:
        def send(one: Server) -> Answer:
            with socket.create_connection(("127.0.0.1", one.port), 60) as client:
                try:
                    for part in parts:
                        client.sendall(part)
                        time.sleep(wait)
                except OSError:  # it had enough
                    pass
                return _answer(client)

        return send

    half = body_of(files[0])
    head = b"POST %b HTTP/1.1\r\nhost: here\r\n" % path.encode()
    large = 100_000_000
    chunk = b"186a0\r\n" + bytes(100_000) + b"\r\n"
    rows = {"b64": base64.b64encode(files[0]).decode()}
    return {
        "no image": body(body_of(b"this is no image")),
        "truncated": body(body_of(files[0][: len(files[0]) // 3])),
        "bomb": body(body_of(_bomb(30_000, 30_000))),
        "half JSON": body(half[: len(half) // 2]),
        "wrong keys": body(json.dumps({"images": [rows]}).encode()),
        "wrong row keys": body(json.dumps({"instances": [{"file": rows}]}).encode()),
        "no base64": body(b'{"instances": [{"b64": "?"}]}'),
        "other model": lambda one: one.request("/v1/models/x:predict", half)[:2],
        "100 MB": raw(
            head + b"content-length: %d\r\n\r\n" % large, *[bytes(10**6)] * 100
        ),
        "100 MB, no length": raw(
            head + b"transfer-encoding: chunked\r\n\r\n", *[chunk] * 1000
        ),
        "slow body": raw(
            head + b"content-length: 1000\r\n\r\n", *[b"{"] * (_RECEIVE + 2), wait=1.0
        ),
        "slow head": raw(*[b"POST / HT"] * 1, wait=_RECEIVE + 1.0),
    }


def _answer(client: socket.socket) -> Answer:
    """The first answer on a connection; the status is 0 if there is none."""
    heard = b""
    try:
        while chunk := client.recv(65536):
            heard += chunk
            head, _, data = heard.partition(b"\r\n\r\n")
            if data and data.endswith(b"}"):
                break
    except OSError:
        pass
    head, _, data = heard.partition(b"\r\n\r\n")
    words = head.split()
    return (int(words[1]) if len(words) > 1 else 0), data


def _bomb(width: int, height: int) -> bytes:
    """A whole PNG of so many pixels, grey, made in a moment."""

    def part(kind: bytes, data: bytes) -> bytes:
        code = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + code

    file, line = io.BytesIO(), bytes(1 + width)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    file.write(b"\x89PNG\r\n\x1a\n")
    file.write(part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)))
    file.write(part(b"IDAT", packed))
    file.write(part(b"IEND", b""))
    return file.getvalue()
