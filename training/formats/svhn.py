"""SVHN: house numbers with a box a digit (`digitStruct.mat`), or cropped digits.

Class 10 is the digit 0 in the first, and 0 itself in tensorflow-datasets' second.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fused_ocr.errors import AnnotationError, ConfigError
from fused_ocr.files import write_atomically

from ..dependencies import needed_for
from .parsing import files_below, number
from .records import Finding, Item, PhotoRecord, Region, rectangle

__all__ = ["read_svhn", "read_svhn_cropped"]

_EDGES = ("left", "top", "width", "height")


def read_svhn(source: Path) -> Iterator[Item]:
    """Read `digitStruct.mat`, a MATLAB 7.3 file, which is HDF5.

    Args:
        source: the file, or a folder with it in its tree.

    Yields:
        A record for each photo, with a region for each digit whose class is `1`..`10`,
        and findings.

    Raises:
        AnnotationError: there is no such file.
        MissingDependencyError: h5py is not installed.
    """
    with needed_for("digitStruct.mat", extra="tf"):
        import h5py
    for path in files_below(source, ("digitStruct.mat",)):
        try:
            with h5py.File(path, "r") as file:
                yield from _photos(path, file)
        except AnnotationError as error:
            yield Finding("malformed", str(path), str(error))
        except (OSError, RuntimeError) as error:  # h5py raises either
            reason = f"not a MATLAB 7.3 (HDF5) file, or a damaged one ({error})"
            yield Finding("malformed", str(path), reason)


def read_svhn_cropped(split: str, photos: Path, data_dir: str | None) -> Iterator[Item]:
    """Read `svhn_cropped` of tensorflow-datasets, as far as it is prepared already.

    Args:
        split: `train`, `test` or `extra`.
        photos: folder that the pictures are written to, as PNG of 32x32.
        data_dir: where tensorflow-datasets keeps its data; None for its default.

    Yields:
        A record for each picture; the whole of it is one digit.

    Raises:
        MissingDependencyError: tensorflow-datasets is not installed.
        ConfigError: another split, or the data is not there.
    """
    if split not in ("train", "test", "extra"):
        raise ConfigError(f"SVHN has train, test and extra. Received: {split!r}.")
    with needed_for("svhn_cropped"):
        import tensorflow_datasets as tfds
    try:
        # Nothing is downloaded: that is for who has read its licence.
        builder = tfds.builder("svhn_cropped", data_dir=data_dir)
        examples = tfds.as_numpy(builder.as_dataset(split=split))
    except Exception as error:  # tensorflow-datasets raises whatever its source raised
        raise ConfigError(
            f"svhn_cropped is not in {data_dir or 'the default folder'} ({error}). "
            "Prepare it with tensorflow-datasets, or give --data-dir the folder in "
            "which that was done."
        ) from error
    photos.mkdir(parents=True, exist_ok=True)
    for i, example in enumerate(examples):
        name = f"{split}-{i:06}.png"
        encoded = io.BytesIO()
        Image.fromarray(np.asarray(example["image"], np.uint8)).save(encoded, "PNG")
        write_atomically(photos / name, encoded.getvalue())
        region = Region(None, "character", str(int(example["label"])))
        yield PhotoRecord((name,), photos, f"{split}, example {i}", (region,))


def _photos(path: Path, file: Any) -> Iterator[Item]:
    try:
        group = file["digitStruct"]
        names, boxes = group["name"], group["bbox"]
        count = len(names)
        if len(boxes) != count:
            raise AnnotationError(f"{count} names, but {len(boxes)} entries of boxes.")
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(
            f"expected digitStruct with `name` and `bbox`. The file has: {list(file)}."
        ) from error
    for i in range(count):
        place = f"{path}, record {i + 1}"
        # h5py says what is damaged by almost any exception.
        try:
            name = _name(file, names[i])
            regions = _regions(file, boxes[i])
        except Exception as error:
            yield Finding("malformed", place, f"{type(error).__name__}: {error}")
            continue
        yield PhotoRecord((name,), path.parent, place, regions)


def _name(file: Any, row: Any) -> str:
    name = "".join(map(chr, np.asarray(file[row[0]]).ravel().tolist()))
    if not name:
        raise AnnotationError("the name of the photo is empty.")
    return name


def _regions(file: Any, row: Any) -> tuple[Region, ...]:
    group = file[row[0]]
    columns = {key: _values(file, group[key]) for key in (*_EDGES, "label")}
    sizes = {key: len(values) for key, values in columns.items()}
    if len(set(sizes.values())) != 1:
        raise AnnotationError(f"as many edges as labels are needed. Received: {sizes}.")
    regions = []
    for i, label in enumerate(columns["label"]):
        left, top, width, height = (columns[key][i] for key in _EDGES)
        if label != int(label):
            raise AnnotationError(f"a label is 1..10. Received: {label}.")
        points = rectangle(left, top, left + width, top + height)
        regions.append(Region(points, str(int(label)), place=f"digit {i + 1}"))
    return tuple(regions)


def _values(file: Any, values: Any) -> list[float]:
    """One number lies there itself, several as references to one each."""
    if values.dtype == object:
        found = [np.asarray(file[one]).item() for one in np.ravel(values[()])]
    else:
        found = np.ravel(values[()]).tolist()
    return [number(value, values.name) for value in found]
