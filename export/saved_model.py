"""One SavedModel that takes pixels or JPEGs and returns strings.

Signatures, all with a dynamic batch: `serving_default` (images), `serving_bytes`
(image_bytes: JPEG, PNG, GIF or BMP files of different sizes) and `serving_padded`
(images and sizes, for photos of different sizes that a client has decoded).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from fused_ocr.artefact import CARD, DESCRIPTION, EXTRA
from fused_ocr.errors import ArtefactError
from fused_ocr.fusion import describe, frozen_flow

from .check_photos import CheckPhoto, drawn_photos
from .decoding import decode_files
from .parity import ParityReport, check_saved_model

__all__ = ["OUTPUT_NAMES", "REGION_OUTPUT_NAMES", "export_saved_model"]

OUTPUT_NAMES = (
    "alt_codes",
    "alt_scores",
    "box",
    "char_boxes",
    "char_scores",
    "codes",
    "count",
    "label",
    "score",
    "text",
)
"""The outputs of every signature of a reader of characters: a contract."""

REGION_OUTPUT_NAMES = tuple(sorted([*OUTPUT_NAMES, "agreement", "quad", "readable"]))
"""Those of a reader of regions. `serving_bytes` of both has `error` besides."""

_UNDECODABLE = "This is no JPEG, PNG, GIF or BMP file that can be decoded."


def export_saved_model(
    model: keras.Model,
    folder: str | os.PathLike[str],
    *,
    card: str = "",
    photos: Sequence[CheckPhoto] = (),
) -> ParityReport:
    """Write a SavedModel, check it against the Keras model, publish it if it passes.

    It is written beside the target and takes its place only when whole and checked: a
    run that is killed, or a check that fails, leaves the old one as it was.

    Args:
        model: from `fuse`.
        folder: of the SavedModel.
        card: the model card, Markdown, kept inside.
        photos: what to check on, besides drawn pictures and an empty one.

    Returns:
        What was compared.

    Raises:
        CheckFailedError: a string differs, or a box by more than half a pixel, or
            nothing was read in any picture; nothing is published.
        ArtefactError: the target exists and is no SavedModel, or cannot be written.
        ArtefactDamagedError: the model is not one of `fuse`.
    """
    folder = Path(folder)
    description = describe(model)
    if (
        folder.exists()
        and not (folder / "saved_model.pb").is_file()
        and (not folder.is_dir() or any(folder.iterdir()))
    ):
        raise ArtefactError(
            f"{folder} exists and is no SavedModel. Choose another, or remove it."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise ArtefactError(f"{folder} cannot be written: {error}.") from error
    try:
        made = aside / "model"
        _write(model, made)
        extra = made / EXTRA
        extra.mkdir(exist_ok=True)
        (extra / DESCRIPTION).write_text(description.to_json(), "utf-8")
        if card:
            (extra / CARD).write_text(card, "utf-8")
        report = check_saved_model(
            model, made, [*photos, *drawn_photos(description.alphabet)]
        )
        report.require()
        _publish(made, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return report


def _write(model: keras.Model, folder: Path) -> None:
    read = frozen_flow(model)
    images = tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")
    sizes = tf.TensorSpec((None, 2), tf.int32, name="sizes")
    encoded = tf.TensorSpec((None,), tf.string, name="image_bytes")

    def read_pixels(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return _with_text(read(images))

    def read_padded(images: tf.Tensor, sizes: tf.Tensor) -> dict[str, tf.Tensor]:
        return _with_text(read(images, sizes))

    def read_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        images, sizes, decoded = decode_files(image_bytes)
        outputs = _with_text(read(images, sizes))
        # The black pixel that stands for a bad file has nothing to read.
        return {**outputs, "error": tf.where(decoded, "", _UNDECODABLE)}

    signatures = {
        name: tf.function(function, input_signature=signature)
        for name, function, signature in (
            ("serving_default", read_pixels, [images]),
            ("serving_padded", read_padded, [images, sizes]),
            ("serving_bytes", read_bytes, [encoded]),
        )
    }
    tf.saved_model.save(tf.Module(), str(folder), signatures=signatures)


def _with_text(outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    codes = outputs["codes"]
    lengths = tf.reduce_sum(tf.cast(codes >= 0, tf.int32), -1)
    rows = tf.RaggedTensor.from_tensor(
        tf.reshape(codes, (-1, codes.shape[-1])), tf.reshape(lengths, (-1,))
    )
    text = tf.strings.unicode_encode(rows, "UTF-8")
    return {**outputs, "text": tf.reshape(text, tf.shape(lengths))}


def _publish(made: Path, folder: Path) -> None:
    """Put a new folder where an old one may be: in one step where the system can."""
    if folder.is_dir() and any(folder.iterdir()) and _exchange(made, folder):
        return  # the old one is now aside, and goes with the temporary folder
    if folder.exists():
        old = made.with_name("old")
        os.rename(folder, old)
        try:
            os.rename(made, folder)
        except OSError:
            os.rename(old, folder)
            raise
    else:
        os.rename(made, folder)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step; False where the system cannot (not Linux)."""
    swap: Any = (
        getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    )
    if swap is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(swap(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)
