"""Smaller weights for `.tflite` networks, and arithmetic in integers where it pays.

TFLite's own converter makes every constant smaller, the anchors among them, and an
anchor in float16 is off by a quarter of a pixel. Here it is the weights of convolutions
and dense layers alone.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fused_ocr.errors import ConfigError, MissingDependencyError

__all__ = ["QUANTIZATIONS", "quantized"]

QUANTIZATIONS = ("none", "float16", "dynamic", "int8")
"""Weights as float32; as float16, computed in float32; as int8, multiplied in int8 by
activations that are rounded as they come; or so, and most of the detector in int8
throughout, by ranges that photos have shown. Depthwise layers keep float16."""

_SIGNATURE = "serving_default"
"""Of the network, as TensorFlow's converter calls it."""

_MULTIPLIED = ("CONV_2D", "FULLY_CONNECTED")
_WEIGHTED = (*_MULTIPLIED, "DEPTHWISE_CONV_2D")

_NETWORKS = r".*(detector|heads|refiner|recognizer).*"
"""The grey of a crop is a product, too, of three numbers at many places: in integers it
is slower, and what is to be read is rounded."""

_SHORTCUTS = r".*detector.*(block_\d+_add|_merged).*"
"""Sums of the backbone and of the pyramid; those that make boxes hold no steps."""

_FIRST = r".*detector.*/(Conv1|expanded_conv_).*"
"""Everything that follows sees what these lose."""

_SHIFTS = r".*heads/.*"
"""Where edges and corners are: 256 steps of a shift are too few to say, and few anchors
are asked about."""

_CLASSES = r".*pyramid_classification.*"
"""A score of a plate far away is a small part of the largest in the ranges."""


def quantized(
    network: bytes, how: str, frames: Sequence[npt.NDArray[np.uint8]] = ()
) -> bytes:
    """A network with smaller weights.

    Args:
        network: a `.tflite` file with float32 weights.
        how: one of `QUANTIZATIONS`.
        frames: uint8 (1, H, W, 3), at least one for `int8`: they show the ranges.

    Raises:
        ConfigError: there is no such quantisation, or there are no frames for it.
        MissingDependencyError: the quantiser is not installed.
    """
    if how not in QUANTIZATIONS:
        raise ConfigError(
            f"Quantisations: {', '.join(QUANTIZATIONS)}. Received: {how!r}."
        )
    if how == "int8" and not frames:
        raise ConfigError("int8 needs frames that show the ranges. Received: none.")
    if how == "none":
        return network
    try:
        from ai_edge_quantizer import Quantizer, qtyping
        from ai_edge_quantizer.algorithm_manager import AlgorithmName
        from ai_edge_quantizer.calibrator import CalibrationMode
        from ai_edge_quantizer.recipe_manager import RecipeManager
    except ImportError as error:
        raise MissingDependencyError(
            f"Quantising needs ai-edge-quantizer ({error}). Install it with: "
            "pip install 'fused-ocr[export]'."
        ) from error
    half = qtyping.OpQuantizationConfig(
        weight_tensor_config=qtyping.TensorQuantizationConfig(
            num_bits=16, dtype=qtyping.TensorDataType.FLOAT
        ),
        compute_precision=qtyping.ComputePrecision.FLOAT,
    )
    rounded = qtyping.OpQuantizationConfig(
        weight_tensor_config=qtyping.TensorQuantizationConfig(
            num_bits=8, granularity=qtyping.QuantGranularity.CHANNELWISE
        ),
        compute_precision=qtyping.ComputePrecision.INTEGER,
    )
    names = qtyping.TFLOperationName
    recipe = RecipeManager()

    def as_half(where: str) -> None:
        for name in _WEIGHTED:
            recipe.add_quantization_config(
                where, names[name], half, AlgorithmName.FLOAT_CASTING
            )

    def as_it_comes(where: str) -> None:
        for name in _MULTIPLIED:
            recipe.add_quantization_config(
                where, names[name], rounded, AlgorithmName.MIN_MAX_UNIFORM_QUANT
            )

    def by_ranges(where: str, *operators: str) -> None:
        for name in operators:
            recipe.add_static_config(where, names[name], 8, 8)

    # What is said last holds.
    as_half(_NETWORKS)
    if how != "float16":
        as_it_comes(_NETWORKS)
    if how == "int8":
        by_ranges(".*detector.*", "CONV_2D", "DEPTHWISE_CONV_2D")
        by_ranges(_SHORTCUTS, "ADD")
        as_it_comes(_CLASSES)
        as_it_comes(_SHIFTS)
        as_half(_FIRST)
    quantizer = Quantizer(bytearray(network), recipe.get_quantization_recipe())
    # A part of it draws its bars whatever it is told, another warns of memory.
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        ranges = None
        if how == "int8":
            # The other way of calibration cannot look at graphs with dynamic shapes.
            ranges = quantizer.calibrate(
                {_SIGNATURE: [{"images": frame} for frame in frames]},
                mode=CalibrationMode.CALIBRATION_PROFILER_BASED,
            )
        done = quantizer.quantize(
            ranges, enable_progress_bar=False, enable_progress_report=False
        )
    return bytes(done.quantized_model)
