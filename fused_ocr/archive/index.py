"""The folder of an index: which photos, in which chunks, and the part read of each.

The one rule it owns: a photo is in one chunk, for ever, and a chunk has one part, whose
name is the chunk's number. A part takes its place by a rename, so it is there whole or
not at all, and a chunk that is read twice replaces itself. So every photo is in the
index once, however often workers or jobs were killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fused_ocr._version import __version__
from fused_ocr.errors import ArchiveError
from fused_ocr.files import set_aside

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

__all__ = ["LARGEST_CHUNK", "Index", "open_index", "writing_index"]

LARGEST_CHUNK = 256
"""Photos in a chunk at most: what is read again when a worker is killed."""

_MANIFEST = "manifest.json"
_LOCK = "lock"
_PLAN = "plan"
_PARTS = "parts"
_UNFINISHED = ".unfinished"
_OURS = frozenset({_LOCK, _PLAN, _PARTS, _MANIFEST + _UNFINISHED})
"""What may be in the folder of an index whose making was cut short."""

_FORMAT = 1


class Index:
    """An index that is there; from `open_index` or `writing_index`.

    Args:
        folder: of the index.

    Attributes:
        folder: of the index.
        manifest: what it was made with.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _manifest_of(folder)

    def parts(self) -> list[Path]:
        """The Parquet files that are there, by chunk."""
        return sorted((self.folder / _PARTS).glob("*.parquet"))

    def plan(self) -> pa.Table:
        """All photos of the index: `source_schema` and ``chunk``, int32, ascending."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        files = sorted((self.folder / _PLAN).glob("*.parquet"))
        tables = [pq.read_table(file, partitioning=None) for file in files]
        return pa.concat_tables(tables) if tables else _plan_schema().empty_table()

    def add(self, sources: pa.Table, chunk_size: int) -> int:
        """Plan to read the photos that the index has not yet.

        Args:
            sources: by `source_schema`.
            chunk_size: photos in a chunk, at least 1.

        Returns:
            How many photos are new.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        known = self.plan()
        new = sources.filter(
            pc.invert(pc.is_in(sources["photo"], known["photo"].combine_chunks()))
        )
        if new.num_rows:
            first = pc.max(known["chunk"]).as_py()
            first = 0 if first is None else first + 1
            chunks = np.arange(new.num_rows, dtype=np.int32) // chunk_size + first
            new = new.append_column(_plan_schema().field("chunk"), pa.array(chunks))
            path = self.folder / _PLAN / f"plan-{first:09}.parquet"
            with _replacing(path) as temporary:
                pq.write_table(new, temporary, compression="zstd")
        return int(new.num_rows)

    def chunks_to_read(self, *, retry_errors: bool = False) -> list[pa.Table]:
        """The chunks without a part, each a slice of the plan.

        Args:
            retry_errors: also those with photos that could not be read.
        """
        import numpy as np

        done = set()
        for part in self.parts():
            if not (retry_errors and _has_errors(part)):
                done.add(int(part.stem.removeprefix("part-")))
        plan = self.plan().combine_chunks()
        if not plan.num_rows:
            return []
        numbers = plan["chunk"].to_numpy()
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        ends = np.append(starts[1:], len(numbers))
        return [
            plan.slice(start, end - start)
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
            if numbers[start] not in done
        ]

    def errors(self) -> list[tuple[str, str]]:
        """Photos that could not be read, with the reasons.

        Raises:
            ArchiveError: a part is damaged.
        """
        import pyarrow.compute as pc

        with self.reading() as parts:
            failed = pc.field("error").is_valid()
            rows = parts.to_table(["photo", "error"], filter=failed).to_pylist()
        return [(row["photo"], row["error"]) for row in rows]

    @contextlib.contextmanager
    def reading(self, *errors: type[Exception]) -> Iterator[ds.Dataset]:
        """All parts as one table, while it is read.

        Args:
            errors: others that reading it may raise.

        Raises:
            ArchiveError: a part is damaged.
        """
        import pyarrow as pa
        import pyarrow.dataset as ds

        from fused_ocr.archive.rows import row_schema

        files = [str(part) for part in self.parts()]
        try:
            yield ds.dataset(files, row_schema(), format="parquet", partitioning=None)
        except (pa.ArrowException, OSError, *errors) as error:
            raise ArchiveError(
                f"The index {self.folder} cannot be read: {str(error).splitlines()[0]}."
                " Delete the part that is named, and `fused-ocr tag` reads its photos "
                "again."
            ) from error

    def write_part(self, chunk: int, part: bytes) -> None:
        """Put a chunk's part in its place.

        Args:
            chunk: its number.
            part: from `part_of`.
        """
        path = self.folder / _PARTS / f"part-{chunk:09}.parquet"
        with _replacing(path) as temporary:
            temporary.write_bytes(part)


def open_index(folder: str | os.PathLike[str]) -> Index:
    """Open an index to look into it; another job may be writing it.

    Raises:
        ArchiveError: it is no index, or none that this version reads.
    """
    return Index(Path(folder))


@contextlib.contextmanager
def writing_index(
    folder: str | os.PathLike[str],
    settings: dict[str, Any],
    *,
    restart: bool = False,
) -> Iterator[Index]:
    """Open an index to write it, or make it; no other job can meanwhile.

    Args:
        folder: of the index; new, empty, or an index.
        settings: what its readings depend on, JSON's values.
        restart: forget what is in it.

    Raises:
        ArchiveError: the folder holds something else; another job writes it; or it was
            made with other settings.
        OSError: it cannot be written.
    """
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise ArchiveError(f"{path} is a file. Expected the folder of an index.")
    path.mkdir(parents=True, exist_ok=True)
    if not (path / _MANIFEST).exists():
        strange = sorted(set(os.listdir(path)) - _OURS)
        if strange:
            raise ArchiveError(
                f"The folder {path} is not empty and no index: it has {strange[0]!r}. "
                "Give a new or empty folder, or that of an index."
            )
    with _locked(path):
        _check_settings(path, settings, restart=restart)
        for name in (_PLAN, _PARTS):
            (path / name).mkdir(exist_ok=True)
            for stale in (path / name).glob(f"*{_UNFINISHED}"):
                stale.unlink()
        yield Index(path)


def _check_settings(path: Path, settings: dict[str, Any], *, restart: bool) -> None:
    """Settle that the index has these settings, or that there is none."""
    if (path / _MANIFEST).exists():
        if not restart:
            made = _manifest_of(path)["settings"]
            names = sorted({*made, *settings})
            # A model is its bytes, whatever its path.
            other = [
                n for n in names if made.get(n) != settings.get(n) and n != "model"
            ]
            if "digest" in other:
                other.insert(0, "model")
            if other:
                came = "; ".join(
                    f"{n} {made.get(n)!r}, now {settings.get(n)!r}" for n in other
                )
                raise ArchiveError(
                    f"The index {path} was made otherwise: {came}. Use the same model "
                    "and settings, another folder, or --restart to read all again."
                )
            return
        (path / _MANIFEST).unlink()
    for name in (_PLAN, _PARTS):  # of an index without a manifest there is nothing
        shutil.rmtree(path / name, ignore_errors=True)
    values = {"fused_ocr_index": _FORMAT, "library": __version__, "settings": settings}
    with _replacing(path / _MANIFEST) as temporary:
        temporary.write_text(json.dumps(values, indent=2) + "\n", "utf-8")


def _manifest_of(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    try:
        values = json.loads(path.read_text("utf-8"))
        version = values["fused_ocr_index"]
        values["settings"].items()
    except FileNotFoundError as error:
        raise ArchiveError(
            f"{folder} is no index: it has no {_MANIFEST}. Make one with "
            "`fused-ocr tag PHOTOS --out INDEX`."
        ) from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ArchiveError(
            f"{path} is damaged or none of ours ({error}). Give the folder of an index."
        ) from error
    if version != _FORMAT:
        raise ArchiveError(
            f"The index {folder} has format {version!r}; this library ({__version__}) "
            f"reads {_FORMAT}. Upgrade fused-ocr, or tag the photos anew."
        )
    found: dict[str, Any] = values
    return found


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the index; the system lets go of it when the process ends, however."""
    import fcntl

    # Appending: who holds it is in the file until the next one has it.
    with open(folder / _LOCK, "a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise ArchiveError(
                f"Another job writes the index {folder} ({file.read().strip()}). Wait "
                "for it, or give another folder."
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def _replacing(path: Path) -> contextlib.AbstractContextManager[Path]:
    """A place beside a file; what is written there takes the file's place, whole."""
    return set_aside(path, path.with_name(path.name + _UNFINISHED))


def _has_errors(part: Path) -> bool:
    import pyarrow.parquet as pq

    errors = pq.read_table(part, columns=["error"], partitioning=None)["error"]
    return bool(errors.null_count < len(errors))


def _plan_schema() -> pa.Schema:
    import pyarrow as pa

    from fused_ocr.archive.listing import source_schema

    return source_schema().append(pa.field("chunk", pa.int32()))
