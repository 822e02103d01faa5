"""What a `.tflite` file of ours says of itself: files packed behind the network.

TFLite's convention for associated files is a zip archive behind the FlatBuffer: any
unzip tool lists them, and interpreters do not look at it. Nothing here needs TensorFlow
or an interpreter.
"""

from __future__ import annotations

import io
import zipfile

from fused_ocr.artefact import CARD, DESCRIPTION, Description

__all__ = ["ALPHABET", "LABELS", "with_files"]

ALPHABET = "alphabet.txt"
"""The characters in order, one a line."""

LABELS = "labels.txt"
"""Names of what is found, one a line, in the order of the label indices."""


def with_files(flatbuffer: bytes, description: Description, card: str) -> bytes:
    """A network with what it says of itself behind it.

    Args:
        flatbuffer: the network.
        description: of the reader.
        card: the model card, Markdown; empty for none.
    """
    files = {
        DESCRIPTION: description.to_json(),
        ALPHABET: "\n".join(description.alphabet) + "\n",
        LABELS: "\n".join(description.labels) + "\n",
        **({CARD: card} if card else {}),
    }
    whole = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            # Without the time of day the same model is the same file.
            archive.writestr(zipfile.ZipInfo(name), text)
    return whole.getvalue()
