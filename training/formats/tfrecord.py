"""TFRecords of tf.train.Example, with the names of the TF Object Detection API.

Besides its names there are `image/object/text` (strings), `image/object/quad` (eight
numbers a box, x1, y1, ... x4, y4 clockwise from the text's top left, NaN where unknown)
and `image/object/unreadable` (0 or 1). Places are parts of width and height.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from fused_ocr.errors import AnnotationError
from fused_ocr.files import write_atomically

from ..dependencies import needed_for
from .parsing import files_below, number
from .records import Finding, Item, PhotoRecord, Region, rectangle

__all__ = ["read_tfrecord"]

_SHARD = "-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]"
_EDGES = ("xmin", "ymin", "xmax", "ymax")
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "GIF": ".gif", "BMP": ".bmp"}


def read_tfrecord(source: Path, photos: Path) -> Iterator[Item]:
    """Read a TFRecord file, or all of a folder, and write the photos out.

    Args:
        source: the file, or a folder with files that end in `.tfrecord`, `.tfrecords`
            or `.record`, or are shards (`-00000-of-00010`).
        photos: folder that the photos are written to, as they are encoded.

    Yields:
        A record for each example, and findings. A damaged example is skipped; behind a
        damaged length nothing more of a file can be read.

    Raises:
        AnnotationError: there is no TFRecord file.
        MissingDependencyError: TensorFlow is not installed.
    """
    with needed_for("TFRecords"):
        import google_crc32c  # noqa: F401 - before any record is read
        import tensorflow as tf
    if source.is_dir():
        shards = sorted({p for p in source.rglob(f"*{_SHARD}") if p.is_file()})
        ends = (".tfrecord", ".tfrecords", ".record")
        files = shards or files_below(source, ends)
    else:
        files = [source]
    photos.mkdir(parents=True, exist_ok=True)
    used: set[str] = set()
    for path in files:
        for i, found in enumerate(_examples(path, tf), 1):
            if isinstance(found, Finding):
                yield found
                continue
            place = f"{path}, record {i}"
            try:
                yield _photo(found, place, photos, used)
            except AnnotationError as error:
                yield Finding("malformed", place, str(error))


def _examples(path: Path, tf: Any) -> Iterator[dict[str, list[Any]] | Finding]:
    """Features of each example by name, and findings in the places of damaged ones."""
    for i, data in enumerate(_records(path), 1):
        if isinstance(data, str):
            yield Finding("malformed", f"{path}, record {i}", data)
            continue
        try:
            example = tf.train.Example.FromString(data)
        except Exception as error:  # protobuf's, whose class is nowhere public
            reason = f"not a tf.train.Example ({error})"
            yield Finding("malformed", f"{path}, record {i}", reason)
        else:
            features = example.features.feature.items()
            yield {key: _values(feature) for key, feature in features}


def _records(path: Path) -> Iterator[bytes | str]:
    """The bytes of each record, or what is wrong with it.

    A record is its length, the length's sum, the bytes, and their sum.
    """
    rest = "the rest of the file cannot be read"
    total = path.stat().st_size
    with open(path, "rb") as file:
        while head := file.read(12):
            if head[:2] == b"\x1f\x8b" and file.tell() == 12:
                yield "compressed by gzip; unpack it first (gunzip)"
                return
            length, check = struct.unpack("<QI", head.ljust(12, b"\0"))
            if len(head) < 12 or _checksum(head[:8]) != check:
                yield f"its length is damaged, or this is no TFRecord; {rest}"
                return
            left = total - file.tell()
            if left < length + 4:
                yield f"cut off: {left} of {length + 4} bytes are there"
                return
            data = file.read(length)
            good = _checksum(data) == int.from_bytes(file.read(4), "little")
            yield data if good else f"its {length} bytes are damaged; skipped"


def _checksum(data: bytes) -> int:
    """CRC-32C as TFRecords have it: rotated by 15 bits, and a constant added.

    TensorFlow checks it, too, but gives up a file at the first damaged record.
    """
    import google_crc32c

    crc = int(google_crc32c.value(data))
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _values(feature: Any) -> list[Any]:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


def _photo(
    features: dict[str, list[Any]], place: str, photos: Path, used: set[str]
) -> PhotoRecord:
    regions = tuple(_regions(features))
    encoded = features.get("image/encoded", [])
    if len(encoded) != 1 or not isinstance(encoded[0], bytes):
        raise AnnotationError(
            "image/encoded must be one string of bytes. The record has: "
            f"{sorted(features)[:20]}."
        )
    try:
        with Image.open(io.BytesIO(encoded[0])) as image:
            suffix = _SUFFIXES.get(
                image.format or "", f".{(image.format or '').lower()}"
            )
    except Exception as error:  # damaged photos make Pillow raise almost anything
        raise AnnotationError("image/encoded is no image Pillow reads.") from error
    names = features.get("image/filename") or [b""]
    name = _free_name(_string(names[0], "image/filename"), suffix, used)
    write_atomically(photos / name, encoded[0])
    size = [features.get(f"image/{side}", []) for side in ("height", "width")]
    height, width = (v[0] if v and isinstance(v[0], int) else 0 for v in size)
    return PhotoRecord(
        (name,),
        photos,
        place,
        regions,
        (height, width) if height > 0 and width > 0 else None,
        relative=True,
    )


def _free_name(written: str, suffix: str, used: set[str]) -> str:
    """A file name of its own: records of one name may be different photos."""
    stem = PurePosixPath(written.replace("\\", "/")).stem.strip(". ") or "photo"
    stem = "".join(c if c.isprintable() else "_" for c in stem)[:100]
    name, number_ = f"{stem}{suffix}", 1
    while name.casefold() in used:
        number_ += 1
        name = f"{stem}-{number_}{suffix}"
    used.add(name.casefold())
    return name


def _regions(features: dict[str, list[Any]]) -> Iterator[Region]:
    edges = [features.get(f"image/object/bbox/{edge}", []) for edge in _EDGES]
    n = len(edges[0])
    optional = {
        name: features.get(f"image/object/{name}") or [default] * (n * each)
        for name, default, each in (
            ("class/text", b"", 1),
            ("class/label", 0, 1),
            ("text", b"", 1),
            ("quad", np.nan, 8),
            ("unreadable", 0, 1),
        )
    }
    sizes = dict(zip(_EDGES, map(len, edges), strict=True))
    sizes |= {name: len(values) for name, values in optional.items()}
    if any(size != n * (8 if name == "quad" else 1) for name, size in sizes.items()):
        raise AnnotationError(
            "every box needs four edges and one value (quad: eight) of each feature "
            f"that is there. Received: {sizes}."
        )
    for i in range(n):
        box = [number(edges[j][i], f"{_EDGES[j]} {i}") for j in range(4)]
        values = optional["quad"][8 * i : 8 * i + 8]
        known = not all(isinstance(v, float) and math.isnan(v) for v in values)
        quad = [number(value, f"quad {i}") for value in values if known]
        label = _string(optional["class/text"][i], f"class/text {i}")
        yield Region(
            np.reshape(quad, (4, 2))[:, ::-1] if known else rectangle(*box),
            label or str(optional["class/label"][i]),
            _string(optional["text"][i], f"text {i}"),
            f"object {i + 1}",
            ordered=known,
            readable=not optional["unreadable"][i],
        )


def _string(value: Any, name: str) -> str:
    try:
        if isinstance(value, bytes):
            return value.decode()
    except UnicodeDecodeError:
        pass
    raise AnnotationError(f"{name} must be a string in UTF-8. Received: {value!r}.")
