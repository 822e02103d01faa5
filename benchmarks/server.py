"""`fused-ocr serve` against direct calls, without batching, and against its enemies.

    python benchmarks/server.py [--model digits ...] [--rounds 5] [--seconds 8]
    python benchmarks/server.py --abuse 10000
    python benchmarks/server.py --kill --publish [--seconds 20]

The sides of a comparison run in turn, each a few seconds, and the median of the ratios
is printed, so that a machine whose speed drifts does not decide it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from server_abuse import abuse
from server_process import PHOTOS, Server, body_of, direct, load, server, texts_of

from fused_ocr.artefact import find_artefact, shipped_models
from fused_ocr.reader import load as load_model

_CLIENTS = 16


@click.command()
@click.option(
    "--model", "models", multiple=True, type=click.Choice(shipped_models()),
    default=("digits",),
)  # fmt: skip
@click.option("--rounds", default=5, show_default=True)
@click.option("--seconds", default=8.0, show_default=True, help="Of one measurement.")
@click.option(
    "--batch-size", default=8, show_default=True, help="Of one replica that batches."
)
@click.option("--abuse", "requests", type=int, help="So many requests, a third broken.")
@click.option("--kill", is_flag=True, help="Kill a replica under load.")
@click.option("--publish", is_flag=True, help="Publish a new version under load.")
def main(
    models: tuple[str, ...],
    rounds: int,
    seconds: float,
    batch_size: int,
    requests: int | None,
    *,
    kill: bool,
    publish: bool,
) -> None:
    """Print the rows."""
    if requests:
        for line in abuse(models[0], requests):
            print(line, flush=True)
    if kill:
        print(_kill(models[0], seconds))
    if publish:
        print(_publish(models[0], seconds))
    if requests or kill or publish:
        return
    for model in models:
        for line in _throughput(model, rounds, seconds, batch_size):
            print(line, flush=True)


def _paths(model: str) -> list[Path]:
    return sorted((PHOTOS / model).glob("*.jpg"))[:5]


def _throughput(model: str, rounds: int, seconds: float, batch: int) -> Iterator[str]:
    """Rows of each comparison. Only its own sides run: an idle server is not free."""
    cores = os.cpu_count() or 1
    alone: tuple[object, ...] = ("--batch-size", 1)
    one: tuple[object, ...] = ("--replicas", 1)
    yield f"`{model}`, {_CLIENTS} clients, one photo a request, {rounds} rounds"
    yield from _compared(
        model, rounds, seconds, 0.8, {"served": ()}, ((1, cores), (cores, 1))
    )
    for sides in (
        {"batches": (), "not batched": alone},
        {
            "one replica": (*one, "--batch-size", batch),
            "one, not batched": (*one, *alone),
        },
    ):
        yield from _compared(model, rounds, seconds, 1.3, sides)


def _compared(
    model: str,
    rounds: int,
    seconds: float,
    bar: float,
    servers: dict[str, tuple[object, ...]],
    loops: Sequence[tuple[int, int]] = (),
) -> Iterator[str]:
    """The first server against the others and against loops, in turn.

    Args:
        model: shipped name.
        rounds: how often each side runs.
        seconds: how long it runs each time.
        bar: of the ratios.
        servers: options by name.
        loops: processes that call the model themselves, and the threads of each.
    """
    bodies = [body_of(path.read_bytes()) for path in _paths(model)]
    rates: dict[str, list[float]] = {}
    delays: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(server(model, *options))
            for name, options in servers.items()
        }
        direct_loops = {
            f"direct, {processes} x {threads} thread{'s' * (threads > 1)}": (
                stack.enter_context(direct(model, _paths(model), processes, threads))
            )
            for processes, threads in loops
        }
        first = _first(next(iter(running.values())), model, bodies)
        for _ in range(rounds):
            for name, one in running.items():
                start = time.perf_counter()
                answers = load(one.port, model, bodies, _CLIENTS, seconds)
                spent = time.perf_counter() - start
                good = [delay for _, status, delay, _ in answers if status == 200]
                rates.setdefault(name, []).append(len(good) / spent)
                delays.setdefault(name, []).extend(good)
            for name, measure in direct_loops.items():
                rates.setdefault(name, []).append(measure(seconds))
    for name, found in rates.items():
        line = f"  {name}: {statistics.median(found):.1f} photos/s"
        if name in delays:
            ordered = sorted(delays[name])
            middle, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
            line += f", median {1000 * middle:.0f} ms, p99 {1000 * late:.0f} ms"
        yield line
    above, *others = rates
    yield f"  {above}, first request / median of 40 one by one: {first:.1f} (bar 3)"
    for below in others:
        pairs = zip(rates[above], rates[below], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
        missed = "" if ratio >= bar else ", missed"
        yield f"  {above} / {below}: {ratio:.2f} (bar {bar}{missed})"


def _first(one: Server, model: str, bodies: list[bytes]) -> float:
    spent = []
    for i in range(41):
        start = time.perf_counter()
        one.request(f"/v1/models/{model}:predict", bodies[i % len(bodies)])
        spent.append(time.perf_counter() - start)
    return spent[0] / statistics.median(spent[1:])


def _kill(model: str, seconds: float) -> str:
    with server(model) as one:
        replicas = [p for p, (n, _) in one.processes().items() if "ServeReplica" in n]

        def end() -> None:
            os.kill(replicas[0], signal.SIGKILL)

        said = _under_load(one, model, model, seconds, end)
    return f"one of {len(replicas)} replicas killed: {said}"


def _publish(model: str, seconds: float) -> str:
    from fused_ocr.export.saved_model import export_saved_model
    from fused_ocr.runtimes import load_keras_model

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / model
        export_saved_model(load_keras_model(find_artefact(model)), home / "1")
        with server(str(home)) as one:

            def appear() -> None:
                shutil.copytree(home / "1", home / ".aside")
                os.rename(home / ".aside", home / "2")

            said = _under_load(one, model, str(home / "1"), seconds, appear)
            states = one.request(f"/v1/models/{model}")[1].decode()
    return f"version 2 published: {said}; then {states}"


def _under_load(
    one: Server, model: str, artefact: str, seconds: float, event: Any
) -> str:
    """What clients got while something happened after a third of the time."""
    files = [path.read_bytes() for path in _paths(model)]
    truth = [found.texts for found in load_model(artefact).predict(files)]
    timer = threading.Timer(seconds / 3, event)
    timer.start()
    found = load(one.port, model, [body_of(file) for file in files], 8, seconds)
    timer.join()
    statuses = dict(Counter(status for _, status, _, _ in found))
    wrong = sum(
        texts_of(data) != [truth[which]]
        for which, status, _, data in found
        if status == 200
    )
    slowest = max(delay for _, _, delay, _ in found)
    return f"{statuses} by status, {wrong} wrong, slowest {slowest:.1f} s"


if __name__ == "__main__":
    main()
