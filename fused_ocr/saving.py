"""Writing a Keras model as a small `.keras` file, whole or not at all."""

from __future__ import annotations

import inspect
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

_OWN = ("keras.layers", "keras.initializers")
"""Modules of what Keras makes of arguments."""


def save_model(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    card: str = "",
    half: bool = False,
) -> None:
    """Write a model as a `.keras` file that plain Keras reads too, an older one, too.

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
    """The archive for Keras of any version; its weights as compressed float16."""
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
    """A configuration without the arguments of Keras's own that are the usual ones.

    Newer versions write some that those before do not know, and refuse. Initialisers
    ask for all of theirs but those that are None.
    """
    if isinstance(config, list):
        return [_known_to_all(one) for one in config]
    if not isinstance(config, dict):
        return config
    kept = {name: _known_to_all(value) for name, value in config.items()}
    module, arguments = kept.get("module") or "", kept.get("config")
    if module in _OWN and isinstance(arguments, dict):
        own = getattr(keras, module.removeprefix("keras."))
        usual = inspect.signature(getattr(own, kept["class_name"])).parameters
        kept["config"] = {
            name: value
            for name, value in arguments.items()
            if name not in usual
            or usual[name].default != value
            or (module == "keras.initializers" and value is not None)
        }
    return kept


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
