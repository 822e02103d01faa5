"""Packages of an extra, imported where they are needed, and missed with a hint."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fused_ocr.errors import MissingDependencyError

__all__ = ["needed_for"]


@contextlib.contextmanager
def needed_for(purpose: str, *, extra: str = "train") -> Iterator[None]:
    """Around imports: who lacks the package is told what for, and how to get it.

    Args:
        purpose: what needs the package.
        extra: of this library that brings it.

    Raises:
        MissingDependencyError: the package is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(
            f"A package for {purpose} is missing ({error}). Install it with: "
            f"pip install 'fused-ocr[{extra}]'."
        ) from error
