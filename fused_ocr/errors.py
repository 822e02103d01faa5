"""Every error a caller can be expected to meet, in one tree.

::

    FusedOcrError
    ├── ImageError
    │   ├── ImageDecodeError
    │   ├── ImageFormatError
    │   └── ImageTooLargeError
    ├── ArtefactError
    │   ├── ArtefactDamagedError
    │   ├── ArtefactNotFoundError
    │   └── ArtefactVersionError
    ├── AnnotationError
    ├── ArchiveError
    ├── CheckFailedError
    ├── ConfigError
    ├── MissingDependencyError
    └── TrainingFailedError

Each message says what came, what was expected, and what to do. `ImageError`s name
the input they are about in `source`.
"""

from __future__ import annotations

__all__ = [
    "AnnotationError",
    "ArchiveError",
    "ArtefactDamagedError",
    "ArtefactError",
    "ArtefactNotFoundError",
    "ArtefactVersionError",
    "CheckFailedError",
    "ConfigError",
    "FusedOcrError",
    "ImageDecodeError",
    "ImageError",
    "ImageFormatError",
    "ImageTooLargeError",
    "MissingDependencyError",
    "TrainingFailedError",
]


class FusedOcrError(Exception):
    """Base of all errors of this library."""


class ImageError(FusedOcrError):
    """One input image cannot be read; the others of its batch can.

    Args:
        message: what came, what was expected, what to do.
        source: a short name of the input: its path, or its place in the batch.
    """

    def __init__(self, message: str, source: str = "image") -> None:
        super().__init__(message, source)  # all arguments, so that it can be pickled
        self.source = source

    def __str__(self) -> str:
        return f"{self.source}: {self.args[0]}"


class ImageDecodeError(ImageError):
    """The bytes or the file are not an image, or a truncated or damaged one."""


class ImageFormatError(ImageError):
    """The array or object has a type, shape or range that is not an image's."""


class ImageTooLargeError(ImageError):
    """The image has more pixels than the limit allows."""


class ArtefactError(FusedOcrError):
    """A model artefact (shipped name, `.keras` file, SavedModel) cannot be used."""


class ArtefactNotFoundError(ArtefactError):
    """There is no artefact of this name or at this path."""


class ArtefactDamagedError(ArtefactError):
    """The artefact is there but incomplete, corrupt, or not one of ours."""


class ArtefactVersionError(ArtefactError):
    """The artefact was written by a newer version of this library."""


class AnnotationError(FusedOcrError):
    """A line of an annotation or class file is wrong; the message names the line."""


class ArchiveError(FusedOcrError):
    """An archive's index cannot be used, or the workers that read it cannot."""


class CheckFailedError(FusedOcrError):
    """A parity or accuracy check missed, so nothing was published."""


class ConfigError(FusedOcrError, ValueError):
    """An argument or a configuration value is out of its range, or unknown."""


class MissingDependencyError(FusedOcrError, ImportError):
    """An optional package is needed; the message names the extra to install."""


class TrainingFailedError(FusedOcrError):
    """A training cannot go on: its loss is no number any more."""
