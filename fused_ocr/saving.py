"""Writing a Keras model as a small `.keras` file, whole or not at all."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from fused_ocr.artefact import write_card
from fused_ocr.errors import ConfigError

__all__ = ["save_model"]

_NEWER: dict[str, Any] = {
    "input_axes": None,
    "output_axes": None,
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}
"""Arguments of layers and initialisers that Keras 3.12 does not know, and what they are
where nobody asked for them."""


def save_model(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    card: str = "",
    half: bool = False,
) -> None:
    """Write a model as a `.keras` file that plain Keras reads too, from 3.12 on.

    Args:
        model: a detector, a recogniser or a fused reader.
        path: of the file; an old one is replaced when the new one is whole.
        card: the model card, Markdown, kept inside.
        half: keep the weights as float16: half the size; they are float32 again when
            loaded. What is too large for float16 stays float32.

    Raises:
        ConfigError: the file's name does not end in `.keras`.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise ConfigError(
            f"A model's file must end in .keras. Received: {str(path)!r}."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".saving-") as folder:
        plain = Path(folder) / "model.keras"
        model.save(plain)
        data = _rewritten(write_card(plain.read_bytes(), card), half=half)
        aside = Path(folder) / "whole.keras"
        with open(aside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)


def _rewritten(archive: bytes, *, half: bool) -> bytes:
    """The archive for Keras from 3.12 on; `half`: with compressed float16 weights."""
    copy = io.BytesIO()
    packing = zipfile.ZIP_DEFLATED if half else zipfile.ZIP_STORED
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(copy, "w", packing, compresslevel=9) as new,
    ):
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename == "config.json":
                data = json.dumps(_known_to_all(json.loads(data))).encode()
            elif half and entry.filename.endswith(".h5"):
                data = _halved_weights(data)
            new.writestr(entry.filename, data)
    return copy.getvalue()


def _known_to_all(config: Any) -> Any:
    """A configuration without those arguments that Keras 3.12 refuses, if it can be."""
    if isinstance(config, list):
        return [_known_to_all(one) for one in config]
    if not isinstance(config, dict):
        return config
    return {
        name: _known_to_all(value)
        for name, value in config.items()
        if not (name in _NEWER and value == _NEWER[name])
    }


def _halved_weights(data: bytes) -> bytes:
    copy = io.BytesIO()
    with h5py.File(io.BytesIO(data), "r") as old, h5py.File(copy, "w") as new:
        for key, value in old.attrs.items():
            new.attrs[key] = value

        def carry(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                made = new.require_group(name)
            else:
                values = item[()]
                if values.dtype == np.float32:
                    halved = values.astype(np.float16)
                    values = halved if np.isfinite(halved).all() else values
                made = new.create_dataset(name, data=values)
            for key, value in item.attrs.items():
                made.attrs[key] = value

        old.visititems(carry)
    return copy.getvalue()
