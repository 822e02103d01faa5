"""The recipe behind `fused-ocr evaluate`: from a model and material to scores."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from fused_ocr.alphabet import DIGITS
from fused_ocr.artefact import find_artefact, is_tflite
from fused_ocr.errors import ConfigError, ImageError
from fused_ocr.fusion import parts_of, recognizer_of
from fused_ocr.parts import is_fused
from fused_ocr.recognition.recognizer import alphabet_of, reads_strings
from fused_ocr.runtimes import load_keras_model

from .evaluation import (
    evaluate_recognizer,
    evaluate_scenes,
    save_scores,
    scenes_of,
)
from .material import LineScenes, Material, ScatteredScenes
from .recipes import Options, annotated_photos, measured_pools
from .region_evaluation import evaluate_regions, region_photos, scene_photo

__all__ = ["evaluate_model"]

_REGION_KINDS = ("plates", "houses", "bibs", "meters")
_PICTURES = ("scattered", "lines", *_REGION_KINDS)
_REGION_SCENE = (480, 640)
"""Height and width of synthetic scenes that are measured on."""


def evaluate_model(
    name: str,
    material: Material,
    options: Options,
    failed: list[ImageError],
) -> dict[str, dict[str, float]]:
    """Measure a fused reader, or a recogniser on single characters.

    Args:
        name: a shipped model's name or a `.keras` file.
        material: of the scenes; only its unseen half is used.
        options: those of `fused-ocr evaluate`, by name.
        failed: gets an error for each annotated photo that cannot be read and is left
            out.

    Returns:
        Scores by set of data, see `evaluate_scenes`.
    """
    path = find_artefact(name)
    if path.is_dir() or is_tflite(path):
        raise ConfigError(
            f"{name} is exported: it can only read. Measure the .keras file that it "
            "was exported from."
        )
    model = load_keras_model(path)
    fused = is_fused(model)
    recognizer = recognizer_of(model) if fused else model
    material = _in_its_alphabet(name, alphabet_of(recognizer).characters, material)
    _refuse_what_does_not_fit(name, options, fused=fused, recognizer=recognizer)
    pools = measured_pools(material, options)
    scores: dict[str, dict[str, float]] = {}
    if fused:
        regions = reads_strings(recognizer)
        evaluate = evaluate_regions if regions else evaluate_scenes
        of_lines = partial(_scene_sets, parts_of(model).assemble)
        sets = _region_sets if regions else of_lines
        for label, pictures, count in sets(material, options, failed):
            evaluation = evaluate(model, pictures, count=count)
            scores[label] = evaluation.scores
            if options["out"] is not None:
                evaluation.save(options["out"] / label)
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


def _in_its_alphabet(name: str, alphabet: str, material: Material) -> Material:
    """Material of what the model reads; of digits only if that is asked for."""
    if material.characters == DIGITS:  # the default of the option
        return dataclasses.replace(material, characters=alphabet)
    foreign = [c for c in material.characters if c not in alphabet]
    if foreign:
        raise ConfigError(
            f"{name} reads {alphabet!r}; give no other --characters. "
            f"Received: {''.join(foreign)!r} among them."
        )
    return material


def _refuse_what_does_not_fit(
    name: str, options: Options, *, fused: bool, recognizer: Any
) -> None:
    strings = reads_strings(recognizer)
    asked = [label for label in _PICTURES if options[label]]
    if not fused and (asked or options["annotations"]):
        raise ConfigError(
            f"{name} is a {recognizer.name}: it reads no pictures. Fuse it first, or "
            "measure single characters with --mnist or --digit-photos."
        )
    wrong = [label for label in asked if (label in _REGION_KINDS) != strings]
    if wrong:
        raise ConfigError(
            f"--{wrong[0]} is not for {name}: it reads "
            f"{'whole regions' if strings else 'single characters'}."
        )
    alphabet = alphabet_of(recognizer).characters
    if (options["mnist"] or options["digit_photos"]) and (
        strings or alphabet != DIGITS
    ):
        raise ConfigError(
            f"--mnist and --digit-photos are of single digits; {name} reads "
            f"{'strings of ' if strings else ''}{alphabet!r}. Give --annotations, or "
            "synthetic scenes."
        )


def _region_sets(
    material: Material, options: Options, failed: list[ImageError]
) -> list[tuple[str, Any, int]]:
    sets: list[tuple[str, Any, int]] = []
    for kind in _REGION_KINDS:
        if count := options[kind]:
            scenes = material.region_scenes(
                kind, "unseen", options["seed"], size_yx=_REGION_SCENE
            )
            sets.append((kind, map(scene_photo, map(scenes, range(count))), count))
    if options["annotations"]:
        photos = annotated_photos(options)
        sets.append(("annotations", region_photos(photos, failed), len(photos)))
    return sets


def _scene_sets(
    assemble: Any, material: Material, options: Options, failed: list[ImageError]
) -> list[tuple[str, Any, int]]:
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
        photos = annotated_photos(options)
        sets.append(("annotations", scenes_of(photos, assemble, failed), len(photos)))
    return sets
