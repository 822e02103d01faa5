"""How much of a `.tflite` file XNNPACK takes, and what has no fixed shape.

    python benchmarks/delegated.py plates.tflite ...

The interpreter keeps the operators that a delegate took and adds one for each group, so
what leads from a group's inputs to its outputs was taken.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from fused_ocr.artefact import check_version, find_artefact
from fused_ocr.errors import ArtefactError
from fused_ocr.export.operators import stages_of, unpacked


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Print the tables."""
    for file in files:
        try:
            check_version(find_artefact(file))
        except ArtefactError as error:
            raise click.ClickException(str(error)) from error
        graph = unpacked(file.read_bytes()).subgraphs[0]
        stages = stages_of(graph)
        operators, groups = taken(file, len(graph.operators))
        inside = Counter(stages[index] for index in operators)
        print(f"{file.name}: {len(groups)} groups\n")
        free = Counter(
            stage
            for stage, one in zip(stages, graph.operators, strict=True)
            if any(
                _is_open(graph.tensors[i])
                for i in (*one.inputs, *one.outputs)
                if i >= 0
            )
        )
        print("| stage | operators | taken | of open shape |\n|---|---|---|---|")
        for stage, count in Counter(stages).most_common():
            print(f"| {stage} | {count} | {inside[stage]} | {free[stage]} |")
        print(f"| all | {len(stages)} | {len(operators)} | {free.total()} |\n")


def _is_open(tensor: Any) -> bool:
    """Whether a tensor's shape is known only when something was found."""
    return tensor.shapeSignature is not None and min(tensor.shapeSignature) < 0


def taken(file: Path, count: int) -> tuple[dict[int, str], list]:
    """What XNNPACK took: names of operators by their index, and its groups.

    Args:
        file: a `.tflite` file.
        count: of its operators; those that the interpreter has besides are groups.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file), num_threads=1)
    interpreter.allocate_tensors()
    details = interpreter._get_ops_details()
    plain, groups = details[:count], details[count:]
    makers = {place: i for i, one in enumerate(plain) for place in one["outputs"]}
    found: dict[int, str] = {}
    for group in groups:
        given, wanted = set(group["inputs"]), list(group["outputs"])
        while wanted:
            place = wanted.pop()
            maker = makers.get(place)
            if place not in given and maker is not None and maker not in found:
                found[maker] = plain[maker]["op_name"]
                wanted += list(plain[maker]["inputs"])
    return found, groups


if __name__ == "__main__":
    main()
