"""The recipe behind `fused-ocr evaluate`: from a model and material to scores."""

from __future__ import annotations

from typing import Any

from fused_ocr.artefact import find_artefact
from fused_ocr.errors import ConfigError
from fused_ocr.fusion import parts_of
from fused_ocr.recognition.flows import FoldedFlow
from fused_ocr.recognition.recognizer import alphabet_of, reads_strings
from fused_ocr.runtimes import load_keras_model

from .evaluation import (
    evaluate_recognizer,
    evaluate_scenes,
    save_scores,
    scenes_of,
)
from .material import LineScenes, Material, ScatteredScenes
from .recipes import Options, annotated_sets, measured_pools
from .region_evaluation import evaluate_regions, region_photos, scene_photo

__all__ = ["evaluate_model"]

_REGION_KINDS = ("plates", "houses", "bibs", "meters")
_PICTURES = ("scattered", "lines", *_REGION_KINDS)
_REGION_SCENE = (480, 640)
"""Height and width of synthetic scenes that are measured on."""


def evaluate_model(
    name: str, material: Material, options: Options
) -> dict[str, dict[str, float]]:
    """Measure a fused reader, or a recogniser on single characters.

    Args:
        name: a shipped model's name or a `.keras` file.
        material: of the scenes; only its unseen half is used.
        options: those of `fused-ocr evaluate`, by name.

    Returns:
        Scores by set of data, see `evaluate_scenes`.
    """
    path = find_artefact(name)
    if path.is_dir():
        raise ConfigError(
            f"{name} is a SavedModel; measure the .keras file it was exported from."
        )
    model = load_keras_model(path)
    scores: dict[str, dict[str, float]] = {}
    recognizer = model
    if model.name == "fused_ocr":
        recognize = parts_of(model).recognize
        recognizer = (
            recognize.recognizer
            if isinstance(recognize, FoldedFlow)
            else recognize.layers[-1]
        )
        regions = reads_strings(recognizer)
        for label in _REGION_KINDS if not regions else ("scattered", "lines"):
            if options[label]:
                raise ConfigError(
                    f"--{label} is not for {name}: it reads "
                    f"{'whole regions' if regions else 'single characters'}."
                )
        evaluate = evaluate_regions if regions else evaluate_scenes
        sets = _region_sets if regions else _scene_sets
        for label, pictures, count in sets(material, options):
            evaluation = evaluate(model, pictures, count=count)
            scores[label] = evaluation.scores
            if options["out"] is not None:
                evaluation.save(options["out"] / label)
    elif any(options[label] for label in (*_PICTURES, "annotations")):
        raise ConfigError(
            f"{name} is a {model.name}: it reads no pictures. Fuse it first, or "
            "measure single characters with --mnist or --digit-photos."
        )
    if alphabet_of(recognizer).characters != material.characters:
        raise ConfigError(
            f"{name} reads {alphabet_of(recognizer).characters!r}; give that as "
            f"--characters. Received: {material.characters!r}."
        )
    pools = measured_pools(material, options)
    if pools and reads_strings(recognizer):
        raise ConfigError(
            f"{name} reads whole strings; --mnist and --digit-photos are of single "
            "characters. Give --annotations, --plates, --houses, --bibs or --meters."
        )
    for pool in pools:
        scores[f"{pool.name}, single characters"] = {
            "characters": float(len(pool.labels)),
            "right": evaluate_recognizer(recognizer, pool),
            "right if the blank is left out": evaluate_recognizer(
                recognizer, pool, with_blank=False
            ),
        }
    if options["out"] is not None and scores:
        save_scores(options["out"] / "scores.json", scores)
    return scores


def _region_sets(material: Material, options: Options) -> list[tuple[str, Any, int]]:
    sets: list[tuple[str, Any, int]] = []
    for kind in _REGION_KINDS:
        if count := options[kind]:
            scenes = material.region_scenes(
                kind, "unseen", options["seed"], size_yx=_REGION_SCENE
            )
            sets.append((kind, map(scene_photo, map(scenes, range(count))), count))
    if options["annotations"]:
        photos = [p for photos in annotated_sets(options)[1] for p in photos]
        sets.append(("annotations", region_photos(photos), len(photos)))
    return sets


def _scene_sets(material: Material, options: Options) -> list[tuple[str, Any, int]]:
    sets: list[tuple[str, Any, int]] = []
    seed = options["seed"]
    if options["scattered"]:
        scattered = ScatteredScenes(material.mnist("unseen"), seed)
        sets.append(
            (
                "scattered",
                map(scattered, range(options["scattered"])),
                options["scattered"],
            )
        )
    if options["lines"]:
        lines = LineScenes(
            material.sources("unseen"),
            seed + 1,
            photos=material.backgrounds("unseen"),
            characters=material.characters,
        )
        sets.append(("lines", map(lines, range(options["lines"])), options["lines"]))
    if options["annotations"]:
        photos = [p for photos in annotated_sets(options)[1] for p in photos]
        sets.append(("annotations", scenes_of(photos), len(photos)))
    return sets
