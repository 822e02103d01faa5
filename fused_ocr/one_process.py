"""TensorFlow stays in the process that loaded it.

A fork has its memory and none of its threads, for which it would wait for ever; and a
fork is what Linux gives who asks `multiprocessing` for another process.
"""

from __future__ import annotations

import os

from fused_ocr.errors import ArtefactError

__all__ = ["in_this_process"]

_home: list[int] = []
"""The process in which this was first asked; its forks know it, too."""


def in_this_process() -> None:
    """To be called before TensorFlow is used.

    Raises:
        ArtefactError: this is a fork of a process in which we have used TensorFlow.
    """
    if not _home:
        _home.append(os.getpid())
    if _home[0] != os.getpid():
        raise ArtefactError(
            "TensorFlow was loaded before this process was forked, and does not run in "
            "a fork. Start processes with multiprocessing.get_context('spawn'), load "
            "models in them alone, or use a .tflite file."
        )
