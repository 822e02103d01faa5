"""What common tools show of a `.tflite` file: TFLite's model metadata.

A FlatBuffer of its own inside the network, after the schema of tflite-support
(metadata_schema.fbs, identifier M001). It names the tensors, and the files behind the
network, which `fused_ocr.tflite_file` puts there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np

from fused_ocr.artefact import CARD, DESCRIPTION, Description
from fused_ocr.tflite_file import ALPHABET, LABELS

from .operators import packed, unpacked

__all__ = ["FIELD", "with_metadata"]

FIELD = "TFLITE_METADATA"
"""The name under which tools look for it."""

_IDENTIFIER, _PARSER = b"M001", "1.0.0"
_AXIS_LABELS = 2  # AssociatedFileType.TENSOR_AXIS_LABELS

_ABOUT = (
    "Finds numbers and short codes in a photo and reads them: detection, suppression, "
    "crops from the whole frame, recognition and reading order in one network."
)
_FILES = (
    (DESCRIPTION, "Alphabet, labels, sizes, thresholds, versions", 0),
    (ALPHABET, "The characters in the order of the network, one a line", 0),
    (LABELS, "Names of what is found, in the order of `label`", _AXIS_LABELS),
)
_TENSORS = {
    "images": "RGB 0..255, upright; a photo at the top left, 127 around it",
    "count": "How many readings there are; further rows are padding",
    "codes": "Unicode code points of each reading, -1 behind the last",
    "score": "0..1, of each reading",
    "label": "What each reading is of, -1 padding",
    "box": "y1, x1, y2, x2 of each reading, pixels of the frame",
    "quad": "y and x of corners, clockwise from the text's top left, pixels",
    "char_scores": "0..1, of each character",
    "char_boxes": "y1, x1, y2, x2 of each character, pixels of the frame",
    "alt_codes": "The next-best characters, -1 where there are fewer",
    "alt_scores": "0..1, of these",
    "readable": "0..1, whether what was found can be read",
    "agreement": "0..1, how well a string agrees with the length that was told",
}


def with_metadata(network: bytes, description: Description, card: str) -> bytes:
    """A network that tells tools what it is.

    Args:
        network: a `.tflite` network, nothing behind it.
        description: of the reader.
        card: the model card, empty for none; tools are told that there is one.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = unpacked(network)
    (signature,) = model.signatureDefs
    graph = model.subgraphs[signature.subgraphIndex]
    names = {
        one.tensorIndex: one.name.decode()
        for one in (*signature.inputs, *signature.outputs)
    }
    told = _metadata(
        description,
        [names[index] for index in graph.inputs],
        [names[index] for index in graph.outputs],
        (*_FILES, *([(CARD, "The model card", 0)] if card else [])),
    )
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(told, np.uint8)
    entry.name, entry.buffer = FIELD, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or ()), entry]
    return packed(model)


def _metadata(
    description: Description,
    inputs: Sequence[str],
    outputs: Sequence[str],
    files: Sequence[tuple[str, str, int]],
) -> bytes:
    """The FlatBuffer, of the tables ModelMetadata, SubGraphMetadata and below."""
    builder = flatbuffers.Builder(4096)

    def table(*fields: Any) -> int:
        """A table of strings, offsets and bytes by their places; None is left out."""
        placed = [
            builder.CreateString(one) if isinstance(one, str) else one for one in fields
        ]
        builder.StartObject(len(placed))
        for place, (given, value) in enumerate(zip(fields, placed, strict=True)):
            if isinstance(given, _Byte):
                builder.PrependInt8Slot(place, given.value, 0)
            elif value is not None:
                builder.PrependUOffsetTRelativeSlot(place, value, 0)
        return int(builder.EndObject())

    def vector(tables: Sequence[int]) -> int:
        builder.StartVector(4, len(tables), 4)
        for one in reversed(tables):
            builder.PrependUOffsetTRelative(one)
        return int(builder.EndVector())

    def tensors(names: Sequence[str]) -> int:
        return vector([table(name, _TENSORS.get(name)) for name in names])

    told = [table(name, about, _Byte(kind)) for name, about, kind in files]
    graph = table("reader", None, tensors(inputs), tensors(outputs))
    whole = table(
        "fused_ocr", _ABOUT, description.library_version, vector([graph]), None, None,
        vector(told), _PARSER,
    )  # fmt: skip
    builder.Finish(whole, _IDENTIFIER)
    return bytes(builder.Output())


class _Byte:
    """A byte, where a table would take a number for a place."""

    def __init__(self, value: int) -> None:
        self.value = value
