"""Tags an archive: photos in, an index out, on one machine or a cluster."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from typing import Protocol

from fused_ocr.archive.cluster import joined
from fused_ocr.archive.flow import Done, Flow, Predictor
from fused_ocr.archive.index import LARGEST_CHUNK, writing_index
from fused_ocr.archive.listing import Listing
from fused_ocr.images import MAX_PIXELS
from fused_ocr.local_ray import processors_here

__all__ = ["Model", "Progress", "TagSettings", "tag"]

_SMALLEST_CHUNK = 16

_CHUNKS_EACH = 32
"""About, for each reader: at the end the others wait for the last."""


class Model(Protocol):
    """What is asked of a model; `ArchiveModel` is one."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def digest(self) -> str:
        """Two models with the same digest read alike."""

    @property
    def memory(self) -> int:
        """Of a process that reads with it, bytes."""

    def load(self) -> Predictor:
        """Load it, in a worker."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TagSettings:
    """How an archive is read.

    Args:
        batch_size: photos of one size that a reader reads at once.
        workers: readers, each a process; as many as there is room for if left out.
        min_score: readings with a lower score are left out, 0..1.
        max_pixels: refuse larger photos.
        ray_address: of a Ray cluster; None starts Ray on this machine.
        restart: read all photos again.
        retry_errors: read those again that could not be read.
    """

    batch_size: int = 2
    workers: int | None = None
    min_score: float = 0.0
    max_pixels: int = MAX_PIXELS
    ray_address: str | None = None
    restart: bool = False
    retry_errors: bool = False


@dataclasses.dataclass
class Progress:
    """How far a job is.

    Args:
        photos: how many there are to read.
        before: how many the index had already.
        read: how many were read.
        errors: how many of them could not be read.
        workers: who read them, node and process, with the number of photos.
    """

    photos: int
    before: int
    read: int = 0
    errors: int = 0
    workers: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, done: Done) -> None:
        """Count a chunk."""
        self.read += done.photos
        self.errors += done.errors
        self.workers[done.worker] = self.workers.get(done.worker, 0) + done.photos


def tag(
    listing: Listing,
    out: str | os.PathLike[str],
    model: Model,
    settings: TagSettings | None = None,
) -> Iterator[Progress]:
    """Read photos into an index; what it has already is not read again.

    Args:
        listing: the photos.
        out: folder of the index, of this machine alone: workers do not write to it.
        model: what reads them.
        settings: how to read.

    Yields:
        The same `Progress`, before the first chunk and after every one. What is counted
        is safe in the index.

    Raises:
        ArchiveError: the folder is no index, is in use or was made otherwise; Ray does
            not start; or the workers do not.
        MissingDependencyError: a package of the extra is not installed.
        OSError: the index cannot be written.
    """
    settings = settings or TagSettings()
    made_with = {
        "model": model.name,
        "digest": model.digest,
        "min_score": settings.min_score,
        "max_pixels": settings.max_pixels,
    }
    flow = Flow(
        load=model.load,
        options={
            "batch_size": settings.batch_size,
            "min_score": settings.min_score,
            "max_pixels": settings.max_pixels,
        },
        workers=settings.workers,
        memory=model.memory,
    )
    with writing_index(out, made_with, restart=settings.restart) as index:
        offered = settings.workers or processors_here()
        share = listing.sources.num_rows // (_CHUNKS_EACH * offered)
        index.add(listing.sources, min(max(share, _SMALLEST_CHUNK), LARGEST_CHUNK))
        chunks = index.chunks_to_read(retry_errors=settings.retry_errors)
        left = sum(chunk.num_rows for chunk in chunks)
        progress = Progress(left, index.plan().num_rows - left)
        yield progress
        if not chunks:
            return
        with joined(settings.ray_address, offered):
            for done in flow.read(chunks):
                index.write_part(done.chunk, done.part)
                progress.add(done)
                yield progress
