"""What the extra `serve` installs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fused_ocr.errors import MissingDependencyError

__all__ = ["needed"]


@contextlib.contextmanager
def needed() -> Iterator[None]:
    """Names the extra where an import inside fails.

    Raises:
        MissingDependencyError: one of its packages is not installed.
    """
    try:
        yield
    except MissingDependencyError:
        raise
    except ImportError as error:
        raise MissingDependencyError(
            f"The server needs more packages ({error}). Install them with: "
            "pip install 'fused-ocr[serve]'."
        ) from error
