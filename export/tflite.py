"""One `.tflite` file of builtin operators: a camera frame in, codes and boxes out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from fused_ocr.errors import ArtefactError, CheckFailedError, ConfigError
from fused_ocr.fusion import describe, frozen_flow
from fused_ocr.lite import LiteRuntime, fit
from fused_ocr.runtimes import KerasRuntime
from fused_ocr.tflite_file import with_files

from .check_photos import CheckPhoto, drawn_photos
from .input_pixels import dequantized
from .operators import custom_operators
from .parity import ParityReport, check_alike
from .quantization import quantized
from .tflite_metadata import with_metadata

__all__ = ["convert", "export_tflite"]


_ALIKE = 0.9
"""Part of the check pictures that must be read alike where activations are rounded."""

_LONGEST = 8192
"""Pixels of a frame's side: more than cameras give, and what indices still count."""

_EXACT = ("none", "float16")
"""Quantisations whose boxes are those of the model to a part of a pixel."""


def export_tflite(
    model: keras.Model,
    path: str | os.PathLike[str],
    size_yx: tuple[int, int],
    *,
    quantize: str = "none",
    card: str = "",
    photos: Sequence[CheckPhoto] = (),
) -> ParityReport:
    """Write a `.tflite` file, check it against the Keras model, publish what passes.

    Args:
        model: from `fuse`.
        path: of the file; it is replaced only by a file that is whole and checked.
        size_yx: height and width of the frame that it will take, pixels.
        quantize: see `fused_ocr.export.quantization.QUANTIZATIONS`.
        card: the model card, Markdown, kept inside.
        photos: what to check on, fitted into the frame, besides drawn pictures; and for
            `int8` what to learn the ranges from.

    Returns:
        What was compared.

    Raises:
        CheckFailedError: a string differs, or a box by more than half a pixel; where
            activations are int8, more than one picture in ten has another string, or a
            box that is off by a tenth of its longer side; or nothing was read in any
            picture, or there is an operator that not every interpreter has. Nothing is
            published.
        ArtefactError: the file cannot be written.
        ConfigError: the frame has no pixels or too many, or there is no such
            quantisation.
        MissingDependencyError: LiteRT, or the quantiser, is not installed.
    """
    path, description = Path(path), describe(model)
    photos = [*photos, *drawn_photos(description.alphabet)]
    network = convert(model, size_yx, quantize, photos)
    network = with_metadata(network, description, card)
    foreign = custom_operators(network)
    if foreign:
        raise CheckFailedError(
            f"The file would need {', '.join(foreign)}, which are no builtin operators "
            "of TFLite, so it was not published."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(".tflite", f".{path.stem}-", path.parent)
    except OSError as error:
        raise ArtefactError(f"{path} cannot be written: {error}.") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(with_files(network, description, card))
        report = check_alike(
            KerasRuntime(model),
            LiteRuntime(Path(name)),
            photos,
            rounded=quantize not in _EXACT,
        )
        report.require(1.0 if quantize in _EXACT else _ALIKE)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
    return report


def convert(
    model: keras.Model,
    size_yx: tuple[int, int],
    quantize: str = "none",
    photos: Sequence[CheckPhoto] = (),
) -> bytes:
    """The network alone: images uint8 (1, H, W, 3) to the outputs by name.

    Args:
        model: from `fuse`.
        size_yx: height and width of the frame, pixels.
        quantize: see `fused_ocr.export.quantization.QUANTIZATIONS`.
        photos: for `int8`, which learns the ranges from them.

    Raises:
        ConfigError, MissingDependencyError: see `export_tflite`.
    """
    if not 1 <= min(size_yx) <= max(size_yx) <= _LONGEST:
        raise ConfigError(
            f"A frame has 1 to {_LONGEST} pixels along each side. Received: {size_yx}."
        )
    images = tf.TensorSpec((1, *size_yx, 3), tf.uint8, name="images")
    flow = frozen_flow(model, resize_floats=True)
    function = tf.function(flow, input_signature=[images])
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], model
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    shown = photos if quantize == "int8" else ()
    frames = [fit(photo.image, size_yx)[0][None] for photo in shown]
    return dequantized(quantized(converter.convert(), quantize, frames))
