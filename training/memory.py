"""Freed memory stays with the process: every step needs again what the last one had."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt(3)."""


def keep_freed_memory() -> bool:
    """Ask the C library not to give large blocks back to the system.

    TensorFlow asks for each tensor anew. glibc maps a large one as fresh pages, which
    the kernel fills with zeros, and unmaps it at the end of the step: that can take
    half of a training's processor time.

    Returns:
        Whether the C library is glibc and has agreed.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False  # musl
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, -1))
