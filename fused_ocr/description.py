"""What is inside an artefact, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fused_ocr.artefact import is_tflite, read_card
from fused_ocr.errors import ArtefactDamagedError
from fused_ocr.lite import LiteRuntime
from fused_ocr.runtimes import KerasRuntime, load_keras_model, open_runtime

__all__ = ["describe_artefact", "show"]


def describe_artefact(path: Path) -> dict[str, Any]:
    """What an artefact holds, as plain values.

    Args:
        path: of a SavedModel or a `.tflite` file, or of a `.keras` file: a fused
            reader, a detector or a recogniser.

    Raises:
        ArtefactError: it cannot be read, or is none of these.
    """
    size = sum(
        file.stat().st_size
        for file in (path.rglob("*") if path.is_dir() else [path])
        if file.is_file()
    )
    values: dict[str, Any] = {"path": str(path), "megabytes": round(size / 1e6, 2)}
    if path.is_dir() or is_tflite(path):
        runtime = open_runtime(path)
        if isinstance(runtime, LiteRuntime):
            values["kind"] = "fused reader, TFLite"
            values["input_size_yx"] = list(runtime.frame_yx)
        else:
            values["kind"] = "fused reader, SavedModel"
        return {**values, **runtime.description.to_dict(), "card": bool(runtime.card)}
    model = load_keras_model(path)
    values["parameters"] = int(model.count_params())
    return {**values, **_kind(model), "card": bool(read_card(path))}


def show(values: dict[str, Any]) -> str:
    """The values as indented lines of text."""
    return "\n".join(_lines(values, 0))


def _kind(model: Any) -> dict[str, Any]:
    from fused_ocr.detection.retinanet import decoding_of
    from fused_ocr.recognition.cut_as import cut_of
    from fused_ocr.recognition.recognizer import alphabet_of
    from fused_ocr.refinement import need_refiner

    if model.name == "fused_ocr":
        description = KerasRuntime(model).description
        return {"kind": "fused reader, Keras", **description.to_dict()}
    if model.name == "detector":
        decoding = decoding_of(model)
        return {
            "kind": "detector, Keras",
            "labels": list(decoding.labels),
            "anchors": decoding.anchors.to_dict(),
        }
    if model.name == "recognizer":
        return {
            "kind": "recogniser, Keras",
            "alphabet": alphabet_of(model).characters,
            "size_yx": list(model.input_shape[1:3]),
        }
    if model.name == "refiner":
        need_refiner(model)
        crop = cut_of(model)
        return {
            "kind": "refiner, Keras",
            "size_yx": list(crop.size_yx),
            "grow": crop.grow,
        }
    raise ArtefactDamagedError(
        f"The model {model.name!r} is neither a fused reader, nor a detector, a "
        "recogniser or a refiner of this library."
    )


def _lines(values: dict[str, Any], depth: int) -> list[str]:
    lines = []
    for key, value in values.items():
        head = "  " * depth + key.replace("_", " ")
        if isinstance(value, dict):
            lines += [f"{head}:", *_lines(value, depth + 1)]
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            lines.append(f"{head}: {text}")
    return lines
