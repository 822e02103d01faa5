"""Packages that only some commands need: an import that fails names what to install."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fused_ocr.errors import MissingDependencyError

__all__ = ["needed"]


@contextlib.contextmanager
def needed(what: str, extras: str) -> Iterator[None]:
    """Names the extra where an import inside fails.

    Args:
        what: needs more packages.
        extras: that install them, separated by commas.

    Raises:
        MissingDependencyError: one of the packages is not installed.
    """
    try:
        yield
    except MissingDependencyError:
        raise
    except ImportError as error:
        raise MissingDependencyError(
            f"{what} needs more packages ({error}). Install them with: "
            f"pip install 'fused-ocr[{extras}]'."
        ) from error
