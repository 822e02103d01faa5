"""A new version of a model, in the folder that TF Serving watches.

`FOLDER/NAME/<version>/` appears by one rename, whole, checked and with its warm-up
requests. Until then it lies in a folder beside it whose name is no number, which the
server does not take for a version. Versions that are there are not touched.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras

from fused_ocr.artefact import DESCRIPTION, EXTRA
from fused_ocr.errors import ArtefactError, ConfigError
from fused_ocr.fusion import describe

from .check_photos import CheckPhoto, drawn_photos
from .parity import ParityReport
from .saved_model import export_saved_model
from .server_files import allowed_batch_sizes, server_files, write_server_files
from .warmup import replay, require_serving_api, write_warmup

__all__ = ["ServerSettings", "ServingVersion", "export_serving", "versions"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""What stands in URLs, in paths and between quotes as it is."""

_LARGEST = 2**63 - 1
"""TF Serving's versions are int64."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """How the server will run.

    Attributes:
        batch_sizes: photos that run together; those of the `batching.config` that is
            there if None, or else `BATCH_SIZES`.
        cores: of the server, for a new `batching.config`; this machine's if None.
        keep: remove all but so many of the newest versions afterwards; none if None.
    """

    batch_sizes: tuple[int, ...] | None = None
    cores: int | None = None
    keep: int | None = None


@dataclasses.dataclass(frozen=True)
class ServingVersion:
    """What was published.

    Attributes:
        folder: of the version.
        report: what was compared.
        requests: how many warm-up requests it has.
        written: the server's files that were written.
        removed: versions that are gone.
    """

    folder: Path
    report: ParityReport
    requests: int
    written: tuple[Path, ...]
    removed: tuple[int, ...]


def export_serving(
    model: keras.Model,
    folder: str | os.PathLike[str],
    name: str,
    *,
    version: int | None = None,
    server: ServerSettings = ServerSettings(),
    card: str = "",
    photos: Sequence[CheckPhoto] = (),
) -> ServingVersion:
    """Publish a model as the next version for TF Serving, with the server's files.

    Args:
        model: from `fuse`.
        folder: with the models, `models.config`, `batching.config`, and
            `docker-compose.yml`; what is missing is written.
        name: of the model in requests, and of its folder.
        version: its number; one more than the largest there if None.
        server: how the server will run.
        card: the model card, Markdown, kept inside.
        photos: what to check on and warm up with, besides drawn pictures.

    Raises:
        CheckFailedError: see `export_saved_model`; nothing is published.
        ArtefactError: the version is there already, a folder is not what it should be,
            or cannot be written.
        ConfigError: the name or the batch sizes cannot be.
        MissingDependencyError: tensorflow-serving-api is not installed.
        ArtefactDamagedError: the model is not one of `fuse`.
    """
    require_serving_api()
    folder, drawn = Path(folder), drawn_photos(describe(model).alphabet)
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"A model's name is letters, digits, '_', '-' and '.', at most 100, and "
            f"does not begin with '.' or '-'. Received: {name!r}."
        )
    sizes = allowed_batch_sizes(folder, server.batch_sizes)
    cores = server.cores or os.cpu_count() or 1
    server_files(folder, name, sizes, cores)  # what is wrong there is said at once
    home = folder / name
    _choose(home, version)
    try:
        home.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".export-", dir=home))
    except OSError as error:
        raise ArtefactError(f"{home} cannot be written: {error}.") from error
    try:
        made = aside / "model"
        report = export_saved_model(model, made, card=card, photos=photos)
        requests = write_warmup(made, name, [*photos, *drawn[1:]], sizes)
        replay(made)
        _flush(made)
        published = _publish(made, home, version)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    # The server looks for a model as soon as it is named, so it is named last.
    texts = server_files(folder, name, sizes, cores)
    write_server_files(texts)
    removed = _remove_all_but(home, server.keep) if server.keep else ()
    return ServingVersion(published, report, requests, tuple(texts), removed)


def versions(home: Path) -> list[int]:
    """The versions in a model's folder, ascending.

    Args:
        home: the folder that has versions as its folders.

    Raises:
        ArtefactError: it holds something else, or a version of another library.
    """
    if not home.exists():
        return []
    try:
        entries = [one for one in home.iterdir() if not one.name.startswith(".")]
    except OSError as error:
        raise ArtefactError(f"{home} is no folder of versions: {error}.") from error
    for one in entries:
        if not re.fullmatch("0|[1-9][0-9]*", one.name):
            raise ArtefactError(
                f"{home} holds {one.name!r}, which is no version. Choose another "
                "folder or --name."
            )
        if not (one / EXTRA / DESCRIPTION).is_file():
            raise ArtefactError(
                f"{one} was not made by `fused-ocr export`, or not copied whole, and a "
                "new version would take its place. Choose another --name, or remove it."
            )
    return sorted(int(one.name) for one in entries)


def _choose(home: Path, version: int | None) -> int:
    there = versions(home)
    if version is None:
        version = there[-1] + 1 if there else 1
    if version in there:
        raise ArtefactError(
            f"Version {version} is in {home} already, and versions do not change. "
            f"Leave --version out for {there[-1] + 1}."
        )
    if not 0 <= version <= _LARGEST:
        raise ConfigError(
            f"A version is a number from 0 to {_LARGEST}. Received: {version}."
        )
    return version


def _publish(made: Path, home: Path, version: int | None) -> Path:
    """Rename a whole version into its place, the next one if another export took it."""
    while True:
        place = home / str(_choose(home, version))
        try:
            os.rename(made, place)
        except OSError as error:
            if place.exists():  # a rename never replaces a folder that holds something
                continue
            raise ArtefactError(f"{place} cannot be written: {error}.") from error
        return place


def _remove_all_but(home: Path, keep: int) -> tuple[int, ...]:
    old = versions(home)[:-keep]
    for version in old:
        # Out of the server's sight first, so that it never sees half of one.
        gone = home / f".removed-{version}"
        shutil.rmtree(gone, ignore_errors=True)  # of a job that was killed here
        os.rename(home / str(version), gone)
        shutil.rmtree(gone)
    return tuple(old)


def _flush(folder: Path) -> None:
    """Have the files on the disk before the name is: a power cut keeps that order."""
    for path in (*folder.rglob("*"), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
