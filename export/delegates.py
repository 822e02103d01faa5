"""What of a `.tflite` network delegates can take.

XNNPACK, which runs on every CPU, is asked: the interpreter keeps the operators that a
delegate took, and adds one for each group of them. Delegates for GPUs and NPUs are not
here to be asked; what they want is fixed shapes.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from .operators import stages_of, unpacked

__all__ = ["of_open_shape", "taken_by_xnnpack"]


def taken_by_xnnpack(network: bytes) -> Counter[str]:
    """How many operators of each stage XNNPACK takes.

    Args:
        network: a `.tflite` file of ours.
    """
    from ai_edge_litert.interpreter import Interpreter

    stages = stages_of(unpacked(network).subgraphs[0])
    interpreter = Interpreter(model_content=network, num_threads=1)
    interpreter.allocate_tensors()
    details = interpreter._get_ops_details()
    plain, groups = details[: len(stages)], details[len(stages) :]
    makers = {place: i for i, one in enumerate(plain) for place in one["outputs"]}
    taken = set()
    for group in groups:
        # What leads from a group's inputs to its outputs was taken.
        given, wanted = set(group["inputs"]), list(group["outputs"])
        while wanted:
            place = wanted.pop()
            maker = makers.get(place)
            if place not in given and maker is not None and maker not in taken:
                taken.add(maker)
                wanted += list(plain[maker]["inputs"])
    return Counter(stages[index] for index in taken)


def of_open_shape(network: bytes) -> Counter[str]:
    """How many operators of each stage have shapes that depend on what is found.

    Args:
        network: a `.tflite` file of ours.
    """
    graph = unpacked(network).subgraphs[0]
    return Counter(
        stage
        for stage, one in zip(stages_of(graph), graph.operators, strict=True)
        if any(
            _is_open(graph.tensors[index])
            for index in (*one.inputs, *one.outputs)
            if index >= 0
        )
    )


def _is_open(tensor: Any) -> bool:
    signature = tensor.shapeSignature
    return signature is not None and min(signature, default=1) < 0
