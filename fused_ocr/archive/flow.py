"""The flow through Ray Data: chunks of names in, a Parquet part for each out.

Names alone go to the readers and parts alone come back: a photo is opened, decoded and
read in one process, because its pixels are a thousand times its row. Ray Data hands out
the chunks, replaces readers that are killed, gives their chunks to others, and takes in
nodes that join.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, Protocol

from fused_ocr.archive.cluster import room_for
from fused_ocr.archive.reading import ArchiveReader
from fused_ocr.archive.rows import error_row, part_of
from fused_ocr.errors import ArchiveError, FusedOcrError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Done", "Flow", "Predictor", "Worker"]

_RETRIES = 3
"""How often a chunk is given to another reader when its own is killed."""

_LOST = "reading it ended its worker, twice; it may need more memory than there is"


class Predictor(Protocol):
    """What is asked of a `Reader`."""

    def predict(
        self,
        source: Any,
        *,
        batch_size: int,
        max_pixels: int,
        on_error: Literal["return"],
    ) -> Any:
        """See `fused_ocr.Reader.predict`."""


@dataclasses.dataclass(frozen=True)
class Done:
    """A chunk that was read.

    Args:
        chunk: its number.
        part: its rows, a Parquet file.
        photos: how many it has.
        errors: how many of them could not be read.
        worker: node and process that read it.
    """

    chunk: int
    part: bytes
    photos: int
    errors: int
    worker: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flow:
    """How chunks are read.

    Args:
        load: makes the reader in a worker.
        options: of `ArchiveReader`.
        workers: readers at most; as many as there is room for if left out.
        memory: of a reader, bytes.
    """

    load: Callable[[], Predictor]
    options: dict[str, Any]
    workers: int | None = None
    memory: int

    def read(self, chunks: list[pa.Table]) -> Iterator[Done]:
        """Read chunks, in the order in which they are done.

        A chunk whose readers were all killed is read again photo by photo, and a photo
        whose reader is killed then, too, has that as its error.

        Raises:
            ArchiveError: the model does not load, or readers are killed too often.
        """
        lost = {int(chunk["chunk"][0].as_py()): chunk for chunk in chunks}
        for done in self._run(chunks, retries=_RETRIES, at_once=2):
            lost.pop(done.chunk, None)
            yield done
        for number, chunk in lost.items():
            yield self._one_by_one(number, chunk)

    def _one_by_one(self, number: int, chunk: pa.Table) -> Done:
        photos = [chunk.slice(row, 1) for row in range(chunk.num_rows)]
        found = {}
        # One in a reader at a time: nothing else goes down with it.
        for done in self._run(photos, retries=1, at_once=1):
            rows = _rows_of(done.part)
            found[rows[0]["photo"]] = rows
        names = chunk["photo"].to_pylist()
        rows = [row for n in names for row in found.get(n, [error_row(n, _LOST)])]
        return _done(number, rows, len(names))

    def _run(
        self, blocks: list[pa.Table], *, retries: int, at_once: int
    ) -> Iterator[Done]:
        import ray
        from ray.data import ActorPoolStrategy, DataContext
        from ray.util.annotations import RayDeprecationWarning

        # If more are lost than this, it is not for a photo in them.
        DataContext.get_current().max_errored_blocks = 10 + len(blocks) // 20
        room = min(self.workers or room_for(self.memory), len(blocks))
        pool = ActorPoolStrategy(
            min_size=1,
            # Where nobody says how many, nodes that join later get readers, too.
            max_size=max(room, self.workers or len(blocks)),
            initial_size=room,
            max_tasks_in_flight_per_actor=at_once,
        )
        names = ray.data.from_arrow(blocks)
        with warnings.catch_warnings():
            # The last two are to get another place in Ray 2.64, which the extra leaves
            # out. Without them a photo that kills its reader is tried for ever.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", RayDeprecationWarning)
            read = names.map_batches(
                Worker,
                fn_constructor_args=(self.load, self.options),
                batch_size=None,
                batch_format="pyarrow",
                compute=pool,
                num_cpus=1,
                memory=None if self.workers else self.memory,
                max_restarts=-1,
                max_task_retries=retries,
            )
        with _plain_errors():
            for batch in read.iter_batches(
                batch_size=None, batch_format="pyarrow", prefetch_batches=0
            ):
                for row in batch.to_pylist():
                    yield Done(**row)


class Worker:
    """A reader in a process of its own, on one processor.

    Args:
        load: makes the reader.
        options: of `ArchiveReader`.
    """

    def __init__(self, load: Callable[[], Predictor], options: dict[str, Any]) -> None:
        # Readers of one thread each read more than one of many threads.
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
            os.environ[name] = "1"
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        self._reader = ArchiveReader(load(), **options)

    def __call__(self, chunk: pa.Table) -> pa.Table:
        """Read a chunk: a slice of the plan in, the fields of a `Done` out."""
        import pyarrow as pa

        rows = self._reader.read(chunk.to_pylist())
        done = _done(int(chunk["chunk"][0].as_py()), rows, chunk.num_rows)
        return pa.Table.from_pylist([dataclasses.asdict(done)])


def _done(number: int, rows: list[dict[str, Any]], photos: int) -> Done:
    import ray

    node = ray.get_runtime_context().get_node_id()[:8]
    errors = sum(row.get("error") is not None for row in rows)
    return Done(number, part_of(rows), photos, errors, f"{node}:{os.getpid()}")


def _rows_of(part: bytes) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(pa.BufferReader(part)).to_pylist()
    return rows


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """What a worker raised, without the processes that it came through.

    Raises:
        ArchiveError: in its place, if it is none of ours.
    """
    try:
        yield
    except (FusedOcrError, GeneratorExit):
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None:
            ours = getattr(cause, "cause", None)
            if isinstance(ours, FusedOcrError):
                raise type(ours)(*ours.args) from error
            cause = cause.__cause__
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise ArchiveError(
            f"Ray gave up: {lines[-1] if lines else type(error).__name__}. What was "
            "read is in the index; the same command goes on."
        ) from error
