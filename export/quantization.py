"""Smaller weights for `.tflite` networks: those of convolutions and dense layers alone.

TFLite's own converter makes every constant smaller, the anchors among them, and an
anchor in float16 is off by a quarter of a pixel.
"""

from __future__ import annotations

import contextlib
import io

from fused_ocr.errors import ConfigError, MissingDependencyError

__all__ = ["QUANTIZATIONS", "quantized"]

QUANTIZATIONS = ("none", "float16", "dynamic")
"""Weights as float32; as float16, computed in float32; as int8, multiplied in int8 by
activations that are rounded as they come."""

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def quantized(network: bytes, how: str) -> bytes:
    """A network with smaller weights.

    Args:
        network: a `.tflite` file with float32 weights.
        how: one of `QUANTIZATIONS`.

    Raises:
        ConfigError: there is no such quantisation.
        MissingDependencyError: the quantiser is not installed.
    """
    if how not in QUANTIZATIONS:
        raise ConfigError(
            f"Quantisations: {', '.join(QUANTIZATIONS)}. Received: {how!r}."
        )
    if how == "none":
        return network
    try:
        from ai_edge_quantizer import Quantizer, qtyping
        from ai_edge_quantizer.algorithm_manager import AlgorithmName
    except ImportError as error:
        raise MissingDependencyError(
            f"Quantising needs ai-edge-quantizer ({error}). Install it with: "
            "pip install 'fused-ocr[export]'."
        ) from error
    if how == "float16":
        weights = qtyping.TensorQuantizationConfig(
            num_bits=16, dtype=qtyping.TensorDataType.FLOAT
        )
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=weights,
            compute_precision=qtyping.ComputePrecision.FLOAT,
        )
        algorithm = AlgorithmName.FLOAT_CASTING
    else:
        weights = qtyping.TensorQuantizationConfig(
            num_bits=8, granularity=qtyping.QuantGranularity.CHANNELWISE
        )
        config = qtyping.OpQuantizationConfig(
            weight_tensor_config=weights,
            compute_precision=qtyping.ComputePrecision.INTEGER,
        )
        algorithm = AlgorithmName.MIN_MAX_UNIFORM_QUANT
    quantizer = Quantizer(bytearray(network))
    for name in _WEIGHTED:
        quantizer.update_quantization_recipe(
            ".*", qtyping.TFLOperationName[name], config, algorithm
        )
    # A part of it draws its bars whatever it is told.
    with contextlib.redirect_stderr(io.StringIO()):
        done = quantizer.quantize(
            enable_progress_bar=False, enable_progress_report=False
        )
    return bytes(done.quantized_model)
