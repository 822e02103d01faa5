"""The model of an archive: the same bytes in every worker, and in every job."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import os
from pathlib import Path

from fused_ocr.artefact import check_version, find_artefact, is_tflite, shipped_models
from fused_ocr.errors import ArchiveError, MissingDependencyError
from fused_ocr.reader import Reader, load

__all__ = ["ArchiveModel"]


@dataclasses.dataclass(frozen=True)
class ArchiveModel:
    """Which model reads an archive.

    Args:
        name: a shipped model's name, or an absolute path that all nodes have.
        digest: of its bytes, SHA-256, hexadecimal.
        lite: whether LiteRT runs it.
    """

    name: str
    digest: str
    lite: bool

    @classmethod
    def of(cls, name_or_path: str | os.PathLike[str]) -> ArchiveModel:
        """The model of a name or a path; it is not loaded.

        Raises:
            ArtefactError: there is none, or it is none of ours.
            MissingDependencyError: what runs it is not installed.
        """
        path = find_artefact(name_or_path)
        check_version(path)
        lite = is_tflite(path)
        needs, extra = ("ai_edge_litert", "lite") if lite else ("tensorflow", "tf")
        if importlib.util.find_spec(needs) is None:
            raise MissingDependencyError(
                f"Running {path.name} needs {needs}. Install it with: "
                f"pip install 'fused-ocr[archive,{extra}]'."
            )
        name = os.fspath(name_or_path)
        name = name if name in shipped_models() else os.path.abspath(name)
        return cls(name, _digest(path), lite)

    @property
    def memory(self) -> int:
        """Of a process that reads with it, bytes, with some room."""
        return 400_000_000 if self.lite else 1_500_000_000

    def load(self) -> Reader:
        """Load it, in a worker.

        Raises:
            ArchiveError: there it is another one.
            ArtefactError: it is not there, or does not load.
        """
        if _digest(find_artefact(self.name)) != self.digest:
            raise ArchiveError(
                f"The model {self.name} has other bytes on another node. Install the "
                "same version of fused-ocr, or copy the same file, everywhere."
            )
        return load(self.name, threads=1 if self.lite else None)


def _digest(path: Path) -> str:
    """Of a file, or of all files of a folder with their names."""
    files = (
        sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    )
    total = hashlib.sha256()
    for file in files:
        if file != path:
            total.update(file.relative_to(path).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
