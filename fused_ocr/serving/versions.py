"""Which versions of a model there are: whole ones, and what is wrong with the others.

A folder of versions has a folder for each, named by its number. One that appears by a
rename is whole at once; one that is copied is not until nothing in it changes.
"""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

from fused_ocr.artefact import (
    DESCRIPTION,
    EXTRA,
    check_version,
    find_artefact,
    shipped_models,
)
from fused_ocr.errors import ArtefactError, ArtefactNotFoundError, ConfigError

__all__ = ["ServedModel", "find_models", "fingerprint", "problem_of", "versions_of"]

_NUMBER = re.compile("0|[1-9][0-9]{0,18}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """A model to serve.

    Attributes:
        name: in the routes.
        path: a shipped model's name, an artefact, or the folder of its versions.
        version: of an artefact; None for a folder of versions, which is watched.
    """

    name: str
    path: str
    version: int | None

    def versions(self) -> dict[int, Path]:
        """Where its versions are that can be read, ascending."""
        if self.version is not None:
            return {self.version: find_artefact(self.path)}
        return versions_of(Path(self.path))[0]


def find_models(
    model: str, name: str | None = None
) -> tuple[tuple[ServedModel, ...], tuple[str, ...]]:
    """The models that a name or a path means, and what is wrong beside them.

    Args:
        model: a shipped model's name, a `.keras` or `.tflite` file, the folder of a
            SavedModel, of a model's versions, or of several such models.
        name: in the routes, of a single model; else from the path.

    Raises:
        ArtefactError: there is nothing that can be served; the message says why.
        ConfigError: the name cannot be in a route, or there are several models.
    """
    path = Path(model)
    if model in shipped_models():
        return (_named(name or model, model, 1),), ()
    if not path.is_dir() or _is_saved_model(path):
        check_version(find_artefact(model))
        return (_of_artefact(path.absolute(), name),), ()
    homes = (
        [path] if _has_versions(path) else sorted(filter(_has_versions, path.iterdir()))
    )
    if not homes:
        raise ArtefactNotFoundError(
            f"The folder {model!r} has no version of a model: it is no SavedModel, and "
            f"neither {path / '1'} nor {path / 'NAME' / '1'} is there. Publish one "
            "with `fused-ocr export serving`."
        )
    if name is not None and len(homes) > 1:
        raise ConfigError(
            f"--name is for one model. {model!r} has {len(homes)}: "
            f"{', '.join(home.name for home in homes)}."
        )
    warnings: list[str] = []
    for home in homes:
        whole, wrong = versions_of(home)
        if not whole:
            raise ArtefactError(
                f"{home} has no version that can be served: {'; '.join(wrong.values())}"
            )
        warnings += [f"{text} It is not served." for text in wrong.values()]
    found = [_named(name or h.absolute().name, str(h.absolute()), None) for h in homes]
    return tuple(found), tuple(warnings)


def versions_of(home: Path) -> tuple[dict[int, Path], dict[int, str]]:
    """A folder's versions: where the whole ones are, and what the others lack.

    Raises:
        ArtefactError: the folder cannot be read.
    """
    try:
        numbers = sorted(int(e.name) for e in home.iterdir() if _is_version(e))
    except OSError as error:
        raise ArtefactError(f"{home} cannot be read: {error}.") from error
    wrong = {n: problem_of(home / str(n)) for n in numbers}
    whole = {n: home / str(n) for n in numbers if not wrong[n]}
    return whole, {n: text for n, text in wrong.items() if text}


def problem_of(folder: Path) -> str:
    """What a version's folder lacks, as far as its files tell; empty if nothing."""
    needed = ["saved_model.pb", "variables/variables.index"]
    missing = [name for name in needed if not (folder / name).is_file()]
    missing += _missing_shards(folder / "variables")
    if missing:
        return f"{folder} is not whole: it has no {', no '.join(missing)}."
    if not (folder / EXTRA / DESCRIPTION).is_file():
        return (
            f"{folder} is of another library, or not copied whole: it has no "
            f"{EXTRA}/{DESCRIPTION}, which `fused-ocr export` writes."
        )
    try:
        check_version(folder)
    except ArtefactError as error:
        return str(error)
    return ""


def fingerprint(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes while a folder is written: names, sizes, times of its files."""
    found = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(found)


def _missing_shards(variables: Path) -> list[str]:
    """`variables.data-00000-of-00002` tells how many there must be."""
    shards = [p.name for p in variables.glob("variables.data-*-of-*")]
    if not shards:
        return ["variables/variables.data-*"]
    count = int(shards[0].rsplit("-", 1)[1])
    wanted = (f"variables.data-{i:05}-of-{count:05}" for i in range(count))
    return [f"variables/{name}" for name in wanted if name not in shards]


def _is_saved_model(path: Path) -> bool:
    return (path / "saved_model.pb").is_file()


def _is_version(path: Path) -> bool:
    return bool(_NUMBER.fullmatch(path.name)) and path.is_dir()


def _has_versions(path: Path) -> bool:
    try:
        return path.is_dir() and any(map(_is_version, path.iterdir()))
    except OSError:
        return False


def _of_artefact(path: Path, name: str | None) -> ServedModel:
    if _is_version(path):  # DIR/NAME/3: that version, and no other
        return _named(name or path.parent.name, str(path), int(path.name))
    return _named(name or path.name.removesuffix(path.suffix), str(path), 1)


def _named(name: str, path: str, version: int | None) -> ServedModel:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "A model's name in routes is letters, digits, '_', '-' and '.', at most "
            f"100. Received: {name!r}. Give another with --name."
        )
    return ServedModel(name, os.fspath(path), version)
