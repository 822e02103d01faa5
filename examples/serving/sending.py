"""What the two clients share: photos in batches, sent again when a server is busy.

A file that is no image has its own error in the answer; those beside it are read.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

LONGEST_WAIT = 30.0
"""Before a request is sent again, seconds."""

Ask = Callable[[list[bytes]], list[dict]]
"""Sends files, returns a row of outputs for each."""


class Busy(Exception):
    """The server cannot answer now; `after`: when it asks to come back, seconds."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class Refused(Exception):
    """The server can answer, but not to this request: it is too large, or all bad."""


def arguments(doc: str, server: str) -> argparse.ArgumentParser:
    """The command line of both; `server` is the default address."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("model", help="name of the model at the server")
    parser.add_argument("photos", nargs="+", metavar="PHOTO")
    parser.add_argument("--server", default=server)
    parser.add_argument("--version", type=int, help="of the model; else the newest")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds")
    parser.add_argument("--retries", type=int, default=5, help="of a request")
    parser.add_argument(
        "--batch", type=int, default=4, help="photos a request; see batching.config"
    )
    parser.add_argument("--megabytes", type=float, default=16.0, help="of a request")
    return parser


def run(options: argparse.Namespace, ask: Ask) -> int:
    """Print a line of JSON for each photo; return the exit status."""
    failed = done = 0
    try:
        for path, answer in read(options.photos, ask, options):
            done += 1
            if isinstance(answer, str):
                failed += 1
                print(f"Error: {path}: {' '.join(answer.split())}", file=sys.stderr)
            else:
                print(json.dumps({"photo": path, "readings": answer}), flush=True)
    except (Busy, RuntimeError) as error:
        left = len(options.photos) - done
        print(f"Error: {error}; {left} photos were not read.", file=sys.stderr)
        return 1
    return 1 if failed else 0


def read(
    paths: Iterable[str], ask: Ask, options: argparse.Namespace
) -> Iterator[tuple[str, list[dict] | str]]:
    """The readings of each photo, or why there are none; in order within a request."""
    most = int(options.megabytes * 1e6)
    for batch in batches(paths, options.batch, most):
        good = [(path, data) for path, data in batch if isinstance(data, bytes)]
        yield from ((path, why) for path, why in batch if isinstance(why, str))
        try:
            rows = patiently(ask, [data for _, data in good], options.retries)
        except Refused as error:
            yield from ((path, str(error)) for path, _ in good)
        else:
            for (path, _), row in zip(good, rows, strict=True):
                yield path, readings(row)


def batches(
    paths: Iterable[str], photos: int, most: int
) -> Iterator[list[tuple[str, bytes | str]]]:
    """So many files, or bytes, at a time; instead of a bad file's bytes, what it is."""
    batch: list[tuple[str, bytes | str]] = []
    size = 0
    for path in paths:
        data: bytes | str
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            data = error.strerror or str(error)
        if not data:
            data = "the file is empty"
        elif len(data) > most:
            data = f"{len(data) / 1e6:.1f} MB are more than --megabytes"
        length = len(data) if isinstance(data, bytes) else 0
        if batch and (len(batch) == photos or size + length > most):
            yield batch
            batch, size = [], 0
        batch.append((path, data))
        size += length
    if batch:
        yield batch


def patiently(ask: Ask, files: list[bytes], retries: int) -> list[dict]:
    """Ask again while the server is busy, after the time it names or ever longer ones.

    The random part keeps many clients from coming back all at once. Reading changes
    nothing at the server, so that it does no harm to ask twice.
    """
    for attempt in range(retries + 1):
        try:
            rows = ask(files) if files else []
        except Busy as error:
            if attempt == retries:
                raise
            wait = error.after
            if wait is None:
                wait = random.uniform(0.5, 1) * 0.2 * 2**attempt
            time.sleep(min(wait, LONGEST_WAIT))
        else:
            if len(rows) != len(files):
                raise RuntimeError(f"{len(rows)} answers for {len(files)} photos")
            return rows
    raise AssertionError  # the last attempt returns or raises


def readings(row: dict) -> list[dict] | str:
    """The readings of a photo: outputs have unused rows behind the first `count`."""
    if row["error"]:
        return row["error"]
    return [
        {"text": row["text"][i], "score": row["score"][i], "box": row["box"][i]}
        for i in range(int(row["count"]))
    ]
