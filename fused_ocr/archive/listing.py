"""What there is to read: folders, patterns, tar shards and object stores as one table.

The one rule it owns: a photo has one name, the same from wherever the index is read. It
is the absolute path, the URI, or `shard.tar::member`; a path whose bytes are no text is
a `file://` URI with the bytes escaped.
"""

from __future__ import annotations

import dataclasses
import glob
import itertools
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fused_ocr.archive.shards import SHARD, members
from fused_ocr.cli_photos import PICTURES

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Listing", "list_photos", "photo_name", "source_schema"]

_Source: TypeAlias = tuple[str, str | None, int | None, int | None]
"""Name, and of a member its shard, offset and size, bytes."""

_ROWS = 50_000
"""Photos that are collected as Python's objects before they go into the table."""


@dataclasses.dataclass(frozen=True)
class Listing:
    """What was found.

    Args:
        sources: a row for each photo, by `source_schema`, sorted by name, none twice.
        skipped: what could not be looked into, each with the reason.
    """

    sources: pa.Table
    skipped: tuple[str, ...]


def source_schema() -> pa.Schema:
    """Columns of `Listing.sources`: photo; of a tar's member shard, offset and size."""
    import pyarrow as pa

    return pa.schema(
        [
            ("photo", pa.string()),
            ("shard", pa.string()),
            ("offset", pa.int64()),
            ("size", pa.int64()),
        ]
    )


def list_photos(photos: Iterable[str]) -> Listing:
    """Find the photos of files, folders, patterns, tar shards and URIs.

    Folders are taken with their subfolders, links followed; a folder that is reached
    twice, as by a link in a circle, is looked into once. Of two members of one name a
    shard's later one counts, as when it is unpacked.

    Args:
        photos: paths, patterns such as `*.jpg`, `.tar` files, or URIs that fsspec
            knows, such as `s3://bucket/folder`, with patterns, too.
    """
    import pyarrow as pa

    skipped: list[str] = []
    found = itertools.chain.from_iterable(
        _uri(one, skipped) if "://" in one else _local(one, skipped) for one in photos
    )
    schema = source_schema()
    batches = []
    while rows := list(itertools.islice(found, _ROWS)):
        columns = [list(column) for column in zip(*rows, strict=True)]
        batches.append(
            pa.RecordBatch.from_arrays(
                list(map(pa.array, columns, schema.types)), schema=schema
            )
        )
    table = pa.Table.from_batches(batches, schema)
    return Listing(_once(table), tuple(skipped))


def photo_name(path: str) -> str:
    r"""The name of a path: itself, absolute, where its bytes are text.

    >>> photo_name("/a/b c.jpg"), photo_name("/a/\udcff.jpg")
    ('/a/b c.jpg', 'file:///a/%FF.jpg')
    """
    path = os.path.abspath(path)
    try:
        path.encode()
    except UnicodeEncodeError:
        return Path(path).as_uri()
    return path


def _once(table: pa.Table) -> pa.Table:
    """Sorted by name; of rows with one name the last."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not table.num_rows:
        return table
    table = table.sort_by([("photo", "ascending"), ("offset", "ascending")])
    names = table["photo"].combine_chunks()
    last = pc.not_equal(names[:-1], names[1:])
    return table.filter(pa.concat_arrays([last, pa.array([True])])).combine_chunks()


def _local(place: str, skipped: list[str]) -> Iterator[_Source]:
    try:
        mode = os.stat(place).st_mode
    except OSError as error:
        if glob.has_magic(place):
            yield from _pattern(place, skipped)
        else:
            skipped.append(f"{place}: {error.strerror}")
        return
    except ValueError as error:  # a null byte
        skipped.append(f"{place!r}: {error}")
        return
    if stat.S_ISDIR(mode):
        yield from _folder(place, skipped)
    elif not stat.S_ISREG(mode):
        skipped.append(f"{place}: neither a file nor a folder")
    else:
        yield from _file(place, skipped)


def _pattern(pattern: str, skipped: list[str]) -> Iterator[_Source]:
    matches = glob.glob(pattern, recursive=True)
    if not matches:
        skipped.append(f"{pattern}: nothing matches")
    for match in matches:
        # `**` gives folders beside all that is in them.
        if os.path.isdir(match) and "**" in pattern:
            continue
        if "**" not in pattern or match.lower().endswith((*PICTURES, SHARD)):
            yield from _local(match, skipped)


def _file(path: str, skipped: list[str]) -> Iterator[_Source]:
    if path.lower().endswith(SHARD):
        name = photo_name(path)
        try:
            with open(path, "rb") as file:
                yield from members(file, name, skipped)
        except OSError as error:
            skipped.append(f"{path}: {error.strerror or error}")
    else:
        yield photo_name(path), None, None, None


def _folder(top: str, skipped: list[str]) -> Iterator[_Source]:
    """What is in a folder and those below; no recursion, they may be nested deeply."""
    seen: set[tuple[int, int]] = set()
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            status = os.stat(folder)
            identity = (status.st_dev, status.st_ino)
            if identity in seen:
                skipped.append(f"{folder}: a link to a folder that is read already")
                continue
            seen.add(identity)
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            skipped.append(f"{folder}: {error.strerror}")
            continue
        for entry in inside:
            if _is_folder(entry):
                folders.append(entry.path)
            elif entry.name.lower().endswith((*PICTURES, SHARD)) and _is_photo(entry):
                yield from _file(entry.path, skipped)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_photo(entry: os.DirEntry[str]) -> bool:
    """A file, or a link that leads nowhere: a photo that cannot be read is told of."""
    try:
        return entry.is_file() or (
            entry.is_symlink() and not os.path.exists(entry.path)
        )
    except OSError:
        return True


def _uri(uri: str, skipped: list[str]) -> Iterator[_Source]:
    """What an object store has; what goes wrong there has no common base class."""
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    try:
        store, path = url_to_fs(uri)
    except Exception as error:
        skipped.append(f"{uri}: {error}")
        return
    if isinstance(store, LocalFileSystem):
        yield from _local(path, skipped)
        return
    try:
        names = sorted(_store_files(store, path))
    except Exception as error:
        skipped.append(f"{uri}: {error or type(error).__name__}")
        return
    if not names:
        skipped.append(f"{uri}: nothing is there")
    for name in names:
        whole = store.unstrip_protocol(name)
        if name.lower().endswith(SHARD):
            try:
                with store.open(name, "rb") as file:
                    yield from members(file, whole, skipped)
            except Exception as error:
                skipped.append(f"{whole}: {error or type(error).__name__}")
        elif name == path or name.lower().endswith(PICTURES):
            yield whole, None, None, None


def _store_files(store: Any, path: str) -> Iterator[str]:
    if not glob.has_magic(path) or store.exists(path):
        yield from store.find(path)
        return
    for match, facts in store.glob(path, detail=True).items():
        if facts["type"] == "directory":
            yield from store.find(match)
        else:
            yield match
