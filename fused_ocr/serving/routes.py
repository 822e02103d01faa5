"""TF Serving's REST routes and bodies, understood: what is asked of which model."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import re
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fused_ocr.extras import needed

__all__ = [
    "SIGNATURES",
    "Asked",
    "Photo",
    "Request",
    "RequestError",
    "Target",
    "parse_predict",
    "target_of",
]

_ROUTE = re.compile(
    r"/v1/models/(?P<name>[^/:]+)"
    r"(?:/versions/(?P<version>[^/:]+)|/labels/(?P<label>[^/:]+))?"
    r"(?:(?P<metadata>/metadata)|:(?P<verb>[a-z]+))?"
)

SIGNATURES = {
    "serving_bytes": ("image_bytes",),
    "serving_default": ("images",),
    "serving_padded": ("images", "sizes"),
}
"""Inputs of the signatures, those of an exported SavedModel."""

Photo = bytes | npt.NDArray[np.uint8]

Request = tuple[tuple[Photo, ...], int | None]
"""Photos, and the version that shall read them; None for the newest."""


class RequestError(Exception):
    """A request that cannot be answered.

    Args:
        status: of HTTP.
        reason: what is wrong, and where.
        kind: a word for it, for the metrics.
        retry_after: when to come back, seconds.
    """

    def __init__(
        self, status: int, reason: str, kind: str, retry_after: int | None = None
    ) -> None:
        super().__init__(reason)
        self.status, self.kind, self.retry_after = status, kind, retry_after


@dataclasses.dataclass(frozen=True)
class Target:
    """What a path means.

    Attributes:
        name: of the model.
        version: the one asked for, or None for the newest.
        verb: `predict`, `status` or `metadata`.
    """

    name: str
    version: int | None
    verb: str


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a body asks to be read.

    Attributes:
        photos: files, or pixels uint8 (H, W, 3).
        form: whether to answer in rows or in columns.
    """

    photos: tuple[Photo, ...]
    form: Literal["row", "column"]


def target_of(method: str, path: str) -> Target | None:
    """What a path under `/v1/models` means; None if it is no such path.

    Raises:
        RequestError: there is no such method, version or label.
    """
    found = _ROUTE.fullmatch(path)
    if not found:
        return None
    name, verb = found["name"], found["verb"]
    if found["label"]:
        raise RequestError(
            404, f"Model {name} has no label {found['label']!r}; none are set.", "route"
        )
    version = found["version"]
    if version is not None and not re.fullmatch("[0-9]{1,19}", version):
        raise RequestError(400, f"Version {version!r} is no number.", "route")
    if verb not in (None, "predict"):
        raise RequestError(400, f"Method {verb!r} is not served; :predict is.", "route")
    wanted = "POST" if verb else "GET"
    if method not in (wanted, "HEAD" if wanted == "GET" else wanted):
        raise RequestError(405, f"{path} takes {wanted}, not {method}.", "route")
    number = None if version is None else int(version)
    return Target(name, number, verb or ("metadata" if found["metadata"] else "status"))


def parse_predict(body: bytes | bytearray, max_photos: int) -> Asked:
    """The photos of a body in row or column format.

    Without `signature_name` the inputs tell which signature is meant.

    Args:
        body: JSON.
        max_photos: that it may have.

    Raises:
        RequestError: it is no JSON, has other keys, too many photos, or none.
    """
    values = _json(body)
    _only(values, {"instances", "inputs", "signature_name"}, "the request")
    signature = values.get("signature_name") or None
    if signature is not None and signature not in list(SIGNATURES):
        raise _bad(
            f"signature_name is one of {', '.join(SIGNATURES)}. Received: "
            f"{_short(signature)}."
        )
    if ("instances" in values) == ("inputs" in values):
        raise _bad("One of 'instances' (rows) and 'inputs' (columns) is needed.")
    if "instances" in values:
        rows, form = _list(values["instances"], "instances", max_photos), "row"
    else:
        rows, form = _rows(values["inputs"], signature, max_photos), "column"
    photos = tuple(_photo(row, signature, f"{form} {i}") for i, row in enumerate(rows))
    return Asked(photos, form)  # type: ignore[arg-type]


def _json(body: bytes | bytearray) -> dict[str, Any]:
    with needed("The server", "serve"):
        import orjson
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"The body is no JSON: {error}.", "json") from None
    if not isinstance(values, dict):
        raise RequestError(
            400, f"The body is a {type(values).__name__}, not an object.", "json"
        )
    return values


def _rows(inputs: Any, signature: str | None, most: int) -> list[Any]:
    """Columns as rows; a single input may stand without its name."""
    if not isinstance(inputs, dict) or set(inputs) == {"b64"}:
        return _list(inputs if isinstance(inputs, list) else [inputs], "inputs", most)
    _only(inputs, set(_inputs_of(inputs, signature)), "inputs")
    columns = {
        key: _list(v if isinstance(v, list) else [v], f"inputs.{key}", most)
        for key, v in inputs.items()
    }
    lengths = {key: len(column) for key, column in columns.items()}
    if len(set(lengths.values())) != 1:
        raise _bad(f"The inputs have different lengths: {lengths}.")
    values = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in values]


def _photo(row: Any, signature: str | None, place: str) -> Photo:
    if isinstance(row, dict) and set(row) != {"b64"}:
        names = _inputs_of(row, signature)
        _only(row, set(names), place)
        if missing := [name for name in names if name not in row]:
            raise _bad(f"{place} has no {missing[0]!r}.")
        value, sizes = row[names[0]], row.get("sizes")
    else:
        value, sizes = row, None
    if isinstance(value, dict) and signature in (None, "serving_bytes"):
        _only(value, {"b64"}, place)
        return _decoded(value.get("b64"), place)
    if isinstance(value, list) and signature != "serving_bytes":
        return _cut(_pixels(value, place), sizes, signature, place)
    wanted = (
        'a file, {"b64": "..."}' if signature in (None, "serving_bytes") else "pixels"
    )
    raise _bad(f"{place} must be {wanted}. Received: {_short(value)}.")


def _inputs_of(row: dict[str, Any], signature: str | None) -> tuple[str, ...]:
    if signature is None:
        signature = next(
            (s for s, names in SIGNATURES.items() if set(names) == set(row)),
            "serving_default" if "images" in row else "serving_bytes",
        )
    return SIGNATURES[signature]


def _decoded(text: Any, place: str) -> bytes:
    if not isinstance(text, str):
        raise _bad(f"{place}: 'b64' must be a text. Received: {_short(text)}.")
    try:
        # Lenient decoding would skip what is wrong, and give other bytes.
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _bad(f"{place} is no base64: {error}.") from None


def _pixels(value: list[Any], place: str) -> npt.NDArray[np.uint8]:
    try:
        pixels = np.array(value)
    except ValueError:
        raise _bad(f"{place}: the pixels are no array: rows differ.") from None
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype.kind not in "iu":
        raise _bad(
            f"{place} must be whole numbers of shape (H, W, 3). Received: "
            f"{pixels.dtype} {pixels.shape}."
        )
    if pixels.size and (pixels.min() < 0 or pixels.max() > 255):
        raise _bad(f"{place} must be 0..255. Received: {pixels.min()}..{pixels.max()}.")
    return pixels.astype(np.uint8)


def _cut(
    pixels: npt.NDArray[np.uint8], sizes: Any, signature: str | None, place: str
) -> npt.NDArray[np.uint8]:
    """A padded photo without its padding."""
    if sizes is None:
        if signature == "serving_padded":
            raise _bad(f"{place} has no 'sizes'.")
        return pixels
    whole = isinstance(sizes, list) and all(type(one) is int for one in sizes)
    height, width = pixels.shape[:2]
    if (
        not whole
        or len(sizes) != 2
        or not (0 <= sizes[0] <= height and 0 <= sizes[1] <= width)
    ):
        raise _bad(
            f"{place}: 'sizes' are height and width, at most {height}, {width}. "
            f"Received: {_short(sizes)}."
        )
    return pixels[: sizes[0], : sizes[1]]


def _list(value: Any, place: str, most: int) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise _bad(f"{place!r} must be a list of photos. Received: {_short(value)}.")
    if len(value) > most:
        raise RequestError(
            413,
            f"{place!r} has {len(value)} photos; at most {most} are read.",
            "photos",
        )
    return value


def _only(values: dict[str, Any], known: set[str], place: str) -> None:
    if unknown := sorted(set(values) - known):
        raise _bad(
            f"{place} has unknown keys: {_short(unknown)}. Known: {sorted(known)}."
        )


def _bad(reason: str) -> RequestError:
    return RequestError(400, reason, "format")


def _short(value: object) -> str:
    text = repr(value[:80]) if isinstance(value, (str, list)) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
