"""Whether a `.tflite` file is well: what it is made of, and how it runs here."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fused_ocr.artefact import check_version
from fused_ocr.lite import LiteRuntime, fit

from .check_photos import full_photo
from .delegates import of_open_shape, taken_by_xnnpack
from .operators import Part, custom_operators, operators, parts
from .profiling import part_milliseconds

__all__ = ["Diagnosis", "Run", "diagnose"]

_RUNS = 5
"""Of each frame, after one that warms up."""


@dataclasses.dataclass(frozen=True)
class Run:
    """A frame that was read.

    Attributes:
        name: what was shown.
        readings: how many came out.
        milliseconds: the median of a few runs.
    """

    name: str
    readings: int
    milliseconds: float


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        frame_yx: height and width of the frame it takes, pixels.
        megabytes: of the file.
        parts: stages of the graph.
        milliseconds: of each stage, for the frame with the most readings.
        delegated: how many operators of each stage XNNPACK takes, the CPU's delegate.
        open_shape: how many operators of each stage have shapes that depend on what is
            found; delegates for GPUs and NPUs want fixed ones.
        operators: how often each occurs.
        runs: of an empty frame, and of others.
        faults: one line for each; none if the file is well.
    """

    frame_yx: tuple[int, int]
    megabytes: float
    parts: tuple[Part, ...]
    milliseconds: dict[str, float]
    delegated: Counter[str]
    open_shape: Counter[str]
    operators: Counter[str]
    runs: tuple[Run, ...]
    faults: tuple[str, ...]


def diagnose(
    path: Path,
    photos: dict[str, npt.NDArray[np.uint8]],
    *,
    threads: int | None = None,
) -> Diagnosis:
    """Look at a file, and read with it.

    An empty frame, one of noise and one full of words are read besides the photos: a
    file must stand finding nothing, and more than it has room for.

    Args:
        path: of the file.
        photos: uint8 (H, W, 3) by name.
        threads: that run it.

    Raises:
        ArtefactError: it cannot be loaded, or is none of ours.
        MissingDependencyError: LiteRT is not installed.
    """
    check_version(path)
    runtime, network = LiteRuntime(path, threads), path.read_bytes()
    faults = [f"{name} is no builtin operator" for name in custom_operators(network)]
    runs = []
    noise = np.random.default_rng(0).integers(0, 256, (*runtime.frame_yx, 3), np.uint8)
    shown = {
        "an empty frame": np.full((*runtime.frame_yx, 3), 127, np.uint8),
        "noise": noise,
        "a full frame": full_photo(runtime.description.alphabet, runtime.frame_yx),
        **photos,
    }
    for name, photo in shown.items():
        try:
            runs.append(_run(runtime, name, photo))
        except (RuntimeError, ValueError) as error:
            faults.append(f"{name} is not read: {str(error).splitlines()[0]}")
    busiest = max(runs, key=lambda run: run.readings, default=None)
    return Diagnosis(
        runtime.frame_yx,
        len(network) / 1e6,
        tuple(parts(network)),
        _times(network, shown[busiest.name], runtime, threads) if busiest else {},
        taken_by_xnnpack(network),
        of_open_shape(network),
        operators(network),
        tuple(runs),
        tuple(faults),
    )


def _times(
    network: bytes,
    photo: npt.NDArray[np.uint8],
    runtime: LiteRuntime,
    threads: int | None,
) -> dict[str, float]:
    frame, _ = fit(photo, runtime.frame_yx)
    return part_milliseconds(network, frame, threads=threads)


def _run(runtime: LiteRuntime, name: str, photo: npt.NDArray[np.uint8]) -> Run:
    spent = []
    for _ in range(_RUNS + 1):
        start = time.perf_counter()
        outputs = runtime.run(photo[None])
        spent.append(1000 * (time.perf_counter() - start))
    return Run(name, int(outputs["count"][0]), statistics.median(spent[1:]))
