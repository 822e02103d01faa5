"""Readings as TF Serving's answers: predictions, status, metadata.

As in an exported SavedModel a photo that cannot be read has a count of 0 and a reason,
its `error`, which is empty for the others, here for pixels as well. If no photo could
be read, the whole answer is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fused_ocr.extras import needed
from fused_ocr.serving.routes import SIGNATURES, RequestError

__all__ = ["dumps", "error_body", "metadata", "predict_body", "status"]

Outputs = Mapping[str, npt.NDArray[Any]]
"""Of one photo, without the batch's axis."""

Shapes = Mapping[str, tuple[str, tuple[int, ...]]]
"""Type and shape of each of them."""

_FILLED = {"codes", "alt_codes", "label"}
"""Outputs with -1 where there is nothing; the others have 0."""

_INPUTS = {
    "image_bytes": ("DT_STRING", (-1,)),
    "images": ("DT_UINT8", (-1, -1, -1, 3)),
    "sizes": ("DT_INT32", (-1, 2)),
}
_DTYPES = {"float32": "DT_FLOAT", "int32": "DT_INT32"}


def predict_body(results: Sequence[Outputs | str], shapes: Shapes, form: str) -> bytes:
    """The body of an answer, JSON.

    Args:
        results: the outputs of each photo, or why it cannot be read.
        shapes: of the outputs, for photos that cannot be read.
        form: `row` or `column`.

    Raises:
        RequestError: none of the photos can be read.
    """
    errors = [one if isinstance(one, str) else "" for one in results]
    if all(errors):
        raise RequestError(400, " ".join(errors), "photo")
    rows = [
        {
            **_with_text(_nothing(shapes) if isinstance(one, str) else one),
            "error": error,
        }
        for one, error in zip(results, errors, strict=True)
    ]
    if form == "row":
        return dumps({"predictions": rows})
    columns = {name: [row[name] for row in rows] for name in sorted(rows[0])}
    return dumps({"outputs": columns})


def error_body(reason: str) -> bytes:
    """The body of an error, as TF Serving has it."""
    return dumps({"error": reason})


def status(states: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
    """The state of versions.

    Args:
        states: the state's name and what is wrong, by version.
    """
    rows = [
        {
            "version": str(version),
            "state": state,
            "status": {
                "error_code": "UNKNOWN" if error else "OK",
                "error_message": error,
            },
        }
        for version, (state, error) in sorted(states.items(), reverse=True)
    ]
    return {"model_version_status": rows}


def metadata(name: str, version: int, shapes: Shapes) -> dict[str, Any]:
    """The signatures of a model.

    Args:
        name: of the model.
        version: that is served.
        shapes: of the outputs of a photo.
    """
    outputs = {
        key: _tensor(_DTYPES[dtype], (-1, *shape), key)
        for key, (dtype, shape) in shapes.items()
    }
    outputs["text"] = _tensor("DT_STRING", (-1, *shapes["score"][1]), "text")
    outputs["error"] = _tensor("DT_STRING", (-1,), "error")
    signatures = {
        signature: {
            "inputs": {i: _tensor(*_INPUTS[i], f"{signature}_{i}:0") for i in inputs},
            "outputs": dict(sorted(outputs.items())),
            "method_name": "tensorflow/serving/predict",
            "defaults": {},
        }
        for signature, inputs in SIGNATURES.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(version)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def dumps(values: Any) -> bytes:
    """JSON; arrays as lists, float32 in as few digits as tell them apart."""
    with needed("The server", "serve"):
        import orjson
    return orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)


def _nothing(shapes: Shapes) -> Outputs:
    """The outputs of a photo without readings."""
    return {
        name: np.full(shape, -1 if name in _FILLED else 0, dtype)
        for name, (dtype, shape) in shapes.items()
    }


def _with_text(outputs: Outputs) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: value if value.ndim else value.item() for name, value in outputs.items()
    }
    row["text"] = [
        "".join(map(chr, codes[codes >= 0].tolist())) for codes in outputs["codes"]
    ]
    return row


def _tensor(dtype: str, shape: Sequence[int], name: str) -> dict[str, Any]:
    dim = [{"size": str(size), "name": ""} for size in shape]
    return {
        "dtype": dtype,
        "tensor_shape": {"dim": dim, "unknown_rank": False},
        "name": name,
    }
