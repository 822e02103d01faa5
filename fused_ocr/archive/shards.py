"""Photos in tar shards, where they lie: no shard is unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO

from fused_ocr.cli_photos import PICTURES

__all__ = ["SHARD", "members"]

SHARD = ".tar"
"""Ending of a shard. Compressed ones cannot be read from their middle."""

_BLOCK = 512
"""Bytes; one of zeros is the end."""


def members(
    file: IO[bytes], shard: str, skipped: list[str]
) -> Iterator[tuple[str, str, int, int]]:
    """The photos in a shard: name, shard, offset and size of each, bytes.

    Args:
        file: the shard, open.
        shard: its name.
        skipped: takes what is wrong with the shard, in words; the members before are
            given all the same.
    """
    count, fault = 0, ""
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            while (member := archive.next()) is not None:
                # Kept, though nobody asks for them again.
                archive.members.clear()  # type: ignore[attr-defined]
                count += 1
                name = f"{shard}::{_text(member.name)}"
                if not member.isreg() or not member.name.lower().endswith(PICTURES):
                    continue
                if member.sparse is not None:
                    skipped.append(f"{name}: stored sparsely")
                else:
                    yield name, shard, member.offset_data, member.size
            # Behind the first member `tarfile` takes a damaged header for the end.
            file.seek(archive.offset)
            if file.read(_BLOCK) != bytes(_BLOCK):
                fault = "no end marker"
    except (tarfile.TarError, OSError, ValueError) as error:
        fault = str(error)
    if fault:
        skipped.append(
            f"{shard}: damaged or truncated after {count} members: {fault}. Those "
            "before are read"
        )


def _text(name: str) -> str:
    """A member's name; bytes that are no text are shown escaped."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
