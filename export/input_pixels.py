"""The frame's pixels become floats in all threads of the interpreter."""

from __future__ import annotations

from .operators import names_of, packed, unpacked

__all__ = ["dequantized"]


def dequantized(network: bytes) -> bytes:
    """A network that takes its frame as integers of scale 1, not as mere numbers.

    XNNPACK turns these into floats in all of its threads, and leaves CAST, which gives
    the same floats, to an operator of one.

    Args:
        network: a `.tflite` file of ours; one without a CAST of its input is returned
            as it is.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = unpacked(network)
    graph, names = model.subgraphs[0], names_of(model)
    for operator in graph.operators:
        if names[operator.opcodeIndex] != "CAST":
            continue
        (first,), (floats,) = operator.inputs, operator.outputs
        kind = graph.tensors[floats].type
        if first in graph.inputs and kind == schema.TensorType.FLOAT32:
            scale = schema.QuantizationParametersT()
            scale.scale, scale.zeroPoint = [1.0], [0]
            graph.tensors[first].quantization = scale
            code = schema.OperatorCodeT()
            code.builtinCode = schema.BuiltinOperator.DEQUANTIZE
            code.deprecatedBuiltinCode = code.builtinCode
            code.version = 1
            operator.opcodeIndex = len(model.operatorCodes)
            operator.builtinOptions = None
            operator.builtinOptionsType = schema.BuiltinOptions.NONE
            model.operatorCodes.append(code)
            return packed(model)
    return network
