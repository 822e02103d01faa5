"""How long each part of a `.tflite` network takes.

The interpreter tells no times of its own. But operators run in the order in which they
are written, so a network that ends after some of them takes as long as they do, and
the difference of two such networks is the time of what lies between.
"""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt

from .operators import packed, stages_of, unpacked

__all__ = ["part_milliseconds"]

_LEAST = 4
"""Fewer operators between two stages are counted with the stage before."""

_WARM_UP = 2


def part_milliseconds(
    network: bytes,
    frame: npt.NDArray[np.uint8],
    *,
    threads: int | None = None,
    runs: int = 9,
) -> dict[str, float]:
    """Milliseconds of each stage for a frame, in the order of the graph.

    Args:
        network: a `.tflite` file of ours.
        frame: uint8 (H, W, 3), of the size that it takes.
        threads: that run it.
        runs: of each part; the least time counts.

    """
    model = unpacked(network)
    ends = _ends(stages_of(model.subgraphs[0]))
    networks = [_Beginning(model, end, frame, threads) for _, end in ends]
    spent: list[list[float]] = [[] for _ in ends]
    for _ in range(_WARM_UP + runs):
        # In turn, so that a busy moment of the machine falls on all.
        for times, one in zip(spent, networks, strict=True):
            times.append(one())
    taken: dict[str, float] = defaultdict(float)
    before = 0.0
    for (stage, _), times in zip(ends, spent, strict=True):
        now = min(times[_WARM_UP:])  # others only waited longer
        taken[stage] += 1000 * (now - before)
        before = now
    return dict(taken)


def _ends(stages: list[str]) -> list[tuple[str, int]]:
    """Runs of operators of one stage: its name, and the index after its last."""
    ends: list[tuple[str, int]] = []
    start = 0
    for index, stage in enumerate(stages):
        last = index + 1 == len(stages)
        if not last and stages[index + 1] == stage:
            continue
        if ends and (index + 1 - start < _LEAST or ends[-1][0] == stage):
            ends[-1] = (ends[-1][0], index + 1)
        else:
            ends.append((stage, index + 1))
        start = index + 1
    return ends


class _Beginning:
    """A network's first operators; called, the seconds that they take."""

    def __init__(
        self, model: Any, end: int, frame: npt.NDArray[np.uint8], threads: int | None
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._run = Interpreter(model_content=_cut(model, end), num_threads=threads)
        self._run.allocate_tensors()
        self._place = self._run.get_input_details()[0]["index"]
        self._frame = frame[None]

    def __call__(self) -> float:
        self._run.set_tensor(self._place, self._frame)
        start = time.perf_counter()
        self._run.invoke()
        return time.perf_counter() - start


def _cut(model: Any, end: int) -> bytes:
    """The network up to an operator; what was to be used later is put out."""
    graph = model.subgraphs[0]
    short = copy.copy(graph)
    short.operators = graph.operators[:end]
    made = {i for one in short.operators for i in one.outputs}
    later = {i for one in graph.operators[end:] for i in one.inputs}
    short.outputs = sorted(made & (later | set(graph.outputs)))
    whole = copy.copy(model)
    whole.subgraphs = [short, *model.subgraphs[1:]]
    whole.signatureDefs = []
    return packed(whole)
