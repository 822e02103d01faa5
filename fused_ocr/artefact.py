"""What an artefact says of itself, and where it says it.

A `.keras` file carries everything in the configurations of its layers, and its model
card as one more member of the archive. A SavedModel carries
`assets.extra/fused_ocr.json` and `assets.extra/model_card.md`, a `.tflite` file the two
in a zip archive behind the network. Nothing here needs TensorFlow.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fused_ocr._version import __version__
from fused_ocr.config import Config, FusionConfig
from fused_ocr.errors import (
    ArtefactDamagedError,
    ArtefactNotFoundError,
    ArtefactVersionError,
)

__all__ = [
    "CARD",
    "DESCRIPTION",
    "EXTRA",
    "FORMAT_VERSION",
    "Description",
    "check_version",
    "find_artefact",
    "is_tflite",
    "read_card",
    "read_description",
    "refuse_newer",
    "shipped_models",
    "write_card",
]

FORMAT_VERSION = 1
"""Version of the fused model's layers, settings and outputs; newer ones are refused, so
a release with a new one of any of them has a new version."""

EXTRA = "assets.extra"
"""The folder of a SavedModel that TensorFlow leaves to others."""

CARD = "model_card.md"
"""Name of the model card, in the folder `EXTRA` or in the file's archive."""

DESCRIPTION = "fused_ocr.json"
"""Name of the `Description` in the folder `EXTRA`, or behind a `.tflite` network."""

_TFLITE = b"TFL3"
"""What TFLite's files have from the fifth byte on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description(Config):
    """What is inside a fused model."""

    alphabet: str
    """The characters it knows, in order."""
    labels: tuple[str, ...]
    """Names of what it detects, in the order of the label indices."""
    fusion: FusionConfig
    """Frame, thresholds, crop, reading order."""
    format_version: int = FORMAT_VERSION
    """Version of the layers and outputs."""
    library_version: str = __version__
    """Version of the library that wrote the artefact."""


def shipped_models() -> list[str]:
    """Names of the models that come with the library."""
    folder = importlib.resources.files("fused_ocr.weights")
    names = (Path(entry.name) for entry in folder.iterdir())
    return sorted(name.stem for name in names if name.suffix == ".keras")


def find_artefact(name_or_path: str | os.PathLike[str]) -> Path:
    """The path of a shipped model, a `.keras` or `.tflite` file or a SavedModel folder.

    Raises:
        ArtefactNotFoundError: neither a shipped model nor a path that exists.
        ArtefactDamagedError: a path that holds something else.
    """
    name = os.fspath(name_or_path)
    if name in shipped_models():
        # The library is installed as files, so its resources have paths.
        return Path(
            str(importlib.resources.files("fused_ocr.weights") / f"{name}.keras")
        )
    path = Path(name)
    if not path.exists():
        raise ArtefactNotFoundError(
            f"No model {name!r}: it is neither a shipped model "
            f"({', '.join(shipped_models()) or 'none'}) nor an existing path. Give one "
            "of those names, a .keras or .tflite file, or the folder of a SavedModel."
        )
    if path.is_dir():
        if not (path / "saved_model.pb").is_file():
            raise ArtefactDamagedError(
                f"The folder {name!r} is no SavedModel: it has no saved_model.pb. "
                "Export one with `fused-ocr export`."
            )
    elif not zipfile.is_zipfile(path):
        if is_tflite(path):
            raise ArtefactDamagedError(
                f"The file {name!r} does not say what it reads: it is truncated, or a "
                "TFLite network of others. Export one with `fused-ocr export tflite`."
            )
        if path.suffix == ".tflite":
            raise ArtefactDamagedError(
                f"The file {name!r} is no .tflite file: it does not begin like one. "
                "Copy or download it again."
            )
        raise ArtefactDamagedError(
            f"The file {name!r} is no .keras file: it is no zip archive, or a "
            "truncated one. Copy or download it again."
        )
    return path


def is_tflite(path: Path) -> bool:
    """Whether a file begins as a `.tflite` file does."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(8)[4:] == _TFLITE


def check_version(path: Path) -> None:
    """Refuse what is no fused reader, or a newer one, before anything is loaded.

    Raises:
        ArtefactVersionError: it is newer.
        ArtefactDamagedError: it cannot be read, or is none of ours.
    """
    if not refuse_newer(path):
        raise ArtefactDamagedError(
            f"{path} is not a fused reader: it does not say its format version. Make "
            "one with fuse() or `fused-ocr fuse`."
        )


def refuse_newer(path: Path) -> bool:
    """Whether an artefact says its format version, which only fused readers do.

    Raises:
        ArtefactVersionError: it is newer than this library's.
        ArtefactDamagedError: it cannot be read.
    """
    apart = path.is_dir() or is_tflite(path)  # and not in the layers' configurations
    data = _extra(path, DESCRIPTION if apart else "config.json")
    numbers = [v for v in _versions(_json(data, path)) if isinstance(v, int)]
    if numbers and max(numbers) > FORMAT_VERSION:
        raise ArtefactVersionError(
            f"{path} has format version {max(numbers)}; this library "
            f"({__version__}) reads up to {FORMAT_VERSION}. Upgrade fused-ocr."
        )
    return bool(numbers)


def read_description(path: Path) -> Description:
    """What a SavedModel or a `.tflite` file says of itself.

    Raises:
        ArtefactDamagedError: it says nothing, or nothing that can be understood.
    """
    values = _json(_extra(path, DESCRIPTION), path)
    try:
        return Description.from_dict(values)
    except (TypeError, ValueError) as error:
        raise ArtefactDamagedError(
            f"{DESCRIPTION} in {path} is damaged: {error} Export it again."
        ) from error


def read_card(path: Path) -> str:
    """The model card of an artefact, or an empty text where it has none."""
    try:
        data = _extra(path, CARD)
    except ArtefactDamagedError:
        return ""
    return data.decode("utf-8", "replace")


def write_card(archive: bytes, card: str) -> bytes:
    """A `.keras` archive with another model card.

    Args:
        archive: the bytes of a `.keras` file.
        card: Markdown; empty for none.
    """
    copy = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(copy, "w") as new:
        for entry in old.infolist():
            if entry.filename != CARD:
                new.writestr(entry, old.read(entry))
        if card:
            new.writestr(CARD, card)
    return copy.getvalue()


def _extra(path: Path, name: str) -> bytes:
    """What lies beside the network: in a SavedModel's folder, or a file's archive."""
    if not path.is_dir():
        return _member(path, name)
    try:
        return (path / EXTRA / name).read_bytes()
    except OSError as error:
        raise ArtefactDamagedError(
            f"The SavedModel {path} has no {EXTRA}/{name} ({error}). It was not made "
            "by `fused-ocr export`, or not copied whole."
        ) from error


def _member(path: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except Exception as error:  # zipfile raises whatever it met in a damaged file
        raise ArtefactDamagedError(
            f"{path} is no whole {path.suffix} file: {error}. Copy or download it "
            "again."
        ) from error


def _json(data: bytes, path: Path) -> dict[str, Any]:
    try:
        values = json.loads(data)
    except ValueError as error:
        raise ArtefactDamagedError(
            f"{path} is damaged: its configuration is no JSON ({error})."
        ) from error
    if not isinstance(values, dict):
        raise ArtefactDamagedError(
            f"{path} is damaged: its configuration is a {type(values).__name__}, "
            "not an object."
        )
    return values


def _versions(values: Any) -> Iterator[Any]:
    """Every `format_version` in nested dictionaries and lists."""
    if isinstance(values, dict):
        if "format_version" in values:
            yield values["format_version"]
        for value in values.values():
            yield from _versions(value)
    elif isinstance(values, list):
        for value in values:
            yield from _versions(value)
