"""Writing a Keras model as a small `.keras` file, whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from fused_ocr.artefact import write_card
from fused_ocr.errors import ConfigError

__all__ = ["save_model"]


def save_model(
    model: keras.Model,
    path: str | os.PathLike[str],
    *,
    card: str = "",
    half: bool = False,
) -> None:
    """Write a model as a `.keras` file that plain Keras reads too.

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
        data = write_card(plain.read_bytes(), card)
        if half:
            data = _halved(data)
        aside = Path(folder) / "whole.keras"
        with open(aside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)


def _halved(archive: bytes) -> bytes:
    """The archive with its float32 weights as compressed float16."""
    copy = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new,
    ):
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename.endswith(".h5"):
                data = _halved_weights(data)
            new.writestr(entry.filename, data)
    return copy.getvalue()


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
