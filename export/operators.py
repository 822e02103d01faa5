"""The operators of a `.tflite` network: how many of which, and of which part."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from typing import Any

import flatbuffers
import numpy as np

__all__ = [
    "Part",
    "custom_operators",
    "names_of",
    "operators",
    "packed",
    "parts",
    "stages_of",
    "unpacked",
]

_STAGES = {
    "letterbox": "letterbox",
    "octaves": "letterbox",
    "detector": "detector",
    "heads": "heads",
    "select": "select",
    "cut": "refine",
    "look": "refiner",
    "crop": "crop",
    "recognize": "recognizer",
    "multiflow": "recognizer",
    "assemble": "assemble",
}
"""Stages by the layers in front of their tensors' names, `detector_1/block_3/add`."""

_LAYER = re.compile(r"([a-z]+)(?:_\d+)?/")


@dataclasses.dataclass(frozen=True)
class Part:
    """A stage of the graph.

    Attributes:
        name: of the stage; `other` where nothing carries a name.
        operators: how many it has.
        megabytes: of its constants, each counted where it is first used.
    """

    name: str
    operators: int
    megabytes: float


def operators(network: bytes) -> Counter[str]:
    """How often each operator occurs, builtin ones by their names in capitals."""
    found: Counter[str] = Counter()
    model = unpacked(network)
    names = names_of(model)
    for graph in model.subgraphs:
        found.update(names[operator.opcodeIndex] for operator in graph.operators)
    return found


def custom_operators(network: bytes) -> list[str]:
    """Names of the operators that are not builtin, sorted."""
    return sorted(name for name in operators(network) if name != name.upper())


def parts(network: bytes) -> list[Part]:
    """The stages, the largest first."""
    model = unpacked(network)
    count: Counter[str] = Counter()
    size: dict[str, int] = defaultdict(int)
    counted = set()
    for graph in model.subgraphs:
        for operator, stage in zip(graph.operators, stages_of(graph), strict=True):
            count[stage] += 1
            for index in operator.inputs:
                buffer = graph.tensors[index].buffer if index >= 0 else 0
                if buffer not in counted:
                    counted.add(buffer)
                    data = model.buffers[buffer].data
                    size[stage] += 0 if data is None else len(data)
    made = [Part(name, count[name], size[name] / 1e6) for name in count]
    return sorted(made, key=lambda part: (-part.megabytes, -part.operators))


def stages_of(graph: Any) -> list[str]:
    """The stage of every operator of a subgraph, in the order in which they run.

    What carries no name is of the stage of who takes it, or else of what follows.

    Args:
        graph: a `SubGraphT` of `unpacked`.
    """
    used = {i: op for op in reversed(graph.operators) for i in op.inputs}
    stages: list[str] = []
    after = "other"
    for operator in reversed(graph.operators):
        takers = [used[i] for i in operator.outputs if i in used]
        named = filter(None, (_stage(graph, one) for one in (operator, *takers)))
        after = next(named, after)
        stages.append(after)
    return stages[::-1]


def unpacked(network: bytes) -> Any:
    """A `.tflite` file as the `ModelT` of LiteRT's schema, all constants in it."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(network, 0)
    for buffer in model.buffers:
        if buffer.data is None and buffer.size:  # the quantiser puts them behind it
            buffer.data = np.frombuffer(network, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def names_of(model: Any) -> list[str]:
    """The names of a model's operator codes, builtin ones in capitals."""
    from ai_edge_litert import schema_py_generated as schema

    known = {
        value: name
        for name, value in vars(schema.BuiltinOperator).items()
        if not name.startswith("_")
    }
    return [
        code.customCode.decode()
        if code.customCode
        # Old files have the code in a byte.
        else known[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for code in model.operatorCodes
    ]


def packed(model: Any) -> bytes:
    """A `.tflite` file of a `ModelT`."""
    size = sum(len(one.data) for one in model.buffers if one.data is not None)
    builder = _Aligned(size + (1 << 16))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class _Aligned(flatbuffers.Builder):  # type: ignore[misc]
    """Constants start at multiples of 16 bytes, as TFLite's schema asks for them."""

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:
        """See `flatbuffers.Builder`."""
        data = elemSize == 1 and numElems >= 16
        return super().StartVector(elemSize, numElems, 16 if data else alignment)


def _stage(graph: Any, operator: Any) -> str | None:
    """Which stage an operator is of, by the names of what it gives."""
    for index in operator.outputs:
        # What was made of several operators has the names of all.
        for name in reversed(graph.tensors[index].name.decode().split(";")):
            found = _LAYER.match(name)
            if found and found[1] in _STAGES:
                return _STAGES[found[1]]
    return None
