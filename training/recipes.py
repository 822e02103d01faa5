"""The recipes behind the commands: from folders of material to weights and scores."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from fused_ocr.alphabet import DIGITS, Alphabet
from fused_ocr.artefact import find_artefact
from fused_ocr.config import AnchorConfig, DetectorConfig, RecognizerConfig
from fused_ocr.detection.retinanet import training_model
from fused_ocr.errors import ConfigError
from fused_ocr.fusion import parts_of
from fused_ocr.recognition.flows import FoldedFlow
from fused_ocr.recognition.recognizer import alphabet_of
from fused_ocr.runtimes import load_keras_model
from fused_ocr.saving import save_model

from .anchor_fit import COVERED, best_overlaps
from .annotated import AnnotatedExamples
from .annotations import read_annotations, read_classes
from .augmentation import Augmentation
from .detector import train_detector
from .evaluation import (
    evaluate_recognizer,
    evaluate_scenes,
    save_scores,
    scenes_of,
)
from .examples import Example, SyntheticExamples
from .material import LineScenes, Material, ScatteredScenes
from .mining import mined_pool
from .patches import (
    NOT_DIGITS,
    Pool,
    annotated_pool,
    digit_photo_pool,
    glyph_pool,
    mnist_pool,
    scene_pool,
)
from .pictures import plot_curves
from .recognizer import train_recognizer
from .runs import RunConfig

__all__ = ["detector_recipe", "evaluate_model", "recognizer_recipe"]

_UNSEEN_PART = 5
"""One source of photographed digits in this many is kept out of training."""

_VALIDATION_PART = 20
"""One patch in this many is kept for validation."""

_COVERAGE_EXAMPLES = 64

_WEIGHTS = {
    "mnist": 0.5,
    "glyphs": 0.07,
    "photos": 0.1,
    "scenes": 0.29,
    "mined": 0.02,
    "own": 0.3,
}
"""How often a batch draws from each kind of pool, before normalisation."""

Options = dict[str, Any]


def detector_recipe(
    out: Path, material: Material, run: RunConfig, options: Options
) -> Path:
    """Train a detector on synthetic scenes, annotated photos, or both.

    Args:
        out: the run's folder.
        material: of the scenes.
        run: the run.
        options: those of `fused-ocr train detector`, by name.

    Returns:
        The path of `detector.keras`.
    """
    side = options["side"]
    labels: tuple[str, ...] = ("character",)
    examples: Callable[[int], Example]
    validation: Callable[[int], Example]
    if options["annotations"] is None:
        examples = _synthetic(material, side, options["seed"])
        validation = _synthetic(material, side, options["seed"] + 1)
    else:
        if options["classes"] is None:
            raise ConfigError("--annotations needs --classes, the file of their names.")
        labels = read_classes(options["classes"])
        photos = read_annotations(options["annotations"], labels)
        held = photos[::_UNSEEN_PART]
        kept = [p for i, p in enumerate(photos) if i % _UNSEEN_PART]
        if options["validation"] is not None:
            held, kept = read_annotations(options["validation"], labels), photos
        own = AnnotatedExamples(tuple(kept or photos), side, seed=options["seed"])
        validation = AnnotatedExamples(tuple(held), side, augment=False)
        part = options["synthetic_part"]
        examples = own
        if part:
            label = _label_of_characters(labels)
            scenes = _synthetic(material, side, options["seed"], label)
            examples = _Mixed(own, scenes, part)
    anchors = AnchorConfig()
    if options["anchors"] is not None:
        anchors = AnchorConfig.from_json(options["anchors"].read())
    config = DetectorConfig(
        backbone=options["backbone"],
        alpha=options["alpha"],
        labels=labels,
        anchors=anchors,
    )
    init = options["init"] and training_model(load_keras_model(options["init"]))
    _report_coverage(examples, anchors, side)
    detector = train_detector(
        config,
        run,
        examples,
        validation,
        backbone_weights=options["weights"],
        init=init,
    )
    save_model(detector, out / "detector.keras")
    plot_curves(out / "log.csv", out / "curves.png")
    return out / "detector.keras"


def recognizer_recipe(
    out: Path, material: Material, run: RunConfig, options: Options
) -> tuple[Path, dict[str, float]]:
    """Train a recogniser on every pool that the options name.

    Args:
        out: the run's folder.
        material: of MNIST and the scenes.
        run: the run.
        options: those of `fused-ocr train recognizer`, by name.

    Returns:
        The path of `recognizer.keras`, and its accuracy by pool: MNIST's test set, and
        the unseen sources of digit photos.
    """
    alphabet = Alphabet(material.characters)
    measured = _measured_pools(material, options)
    pools = _pools(material, alphabet, options)
    if not pools:
        raise ConfigError(
            "No training data: give --mnist, --glyphs, --digit-photos, --scenes or "
            "--annotations."
        )
    config = RecognizerConfig(
        arch=options["arch"], alphabet=alphabet.characters, width=options["width"]
    )
    init = options["init"] and load_keras_model(options["init"])
    if init is not None and alphabet_of(init) != alphabet:
        raise ConfigError(
            f"{options['init']} reads {alphabet_of(init).characters!r}, not "
            f"{alphabet.characters!r}; start without --init, or give --characters."
        )
    recognizer = train_recognizer(
        config,
        run,
        [_part(pool, held=False) for pool in pools],
        [_part(pool, held=True) for pool in pools],
        augmentation=Augmentation.of_strength(options["augmentation"]),
        init=init,
        seed=options["seed"],
    )
    save_model(recognizer, out / "recognizer.keras")
    plot_curves(out / "log.csv", out / "curves.png")
    scores = {pool.name: evaluate_recognizer(recognizer, pool) for pool in measured}
    return out / "recognizer.keras", scores


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
        for label, scenes, count in _scene_sets(material, options):
            evaluation = evaluate_scenes(model, scenes, count=count)
            scores[label] = evaluation.scores
            if options["out"] is not None:
                evaluation.save(options["out"] / label)
    elif options["scattered"] or options["lines"] or options["annotations"]:
        raise ConfigError(
            f"{name} is a {model.name}: it reads no pictures. Fuse it first, or "
            "measure single characters with --mnist or --digit-photos."
        )
    if alphabet_of(recognizer).characters != material.characters:
        raise ConfigError(
            f"{name} reads {alphabet_of(recognizer).characters!r}; give that as "
            f"--characters. Received: {material.characters!r}."
        )
    for pool in _measured_pools(material, options):
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


@dataclasses.dataclass(frozen=True)
class _Mixed:
    """Annotated photos and synthetic scenes in one stream."""

    own: Callable[[int], Example]
    synthetic: Callable[[int], Example]
    part: float

    def __call__(self, index: int) -> Example:
        from_scenes = np.random.default_rng([7, index]).random() < self.part
        return (self.synthetic if from_scenes else self.own)(index)


def _label_of_characters(labels: tuple[str, ...]) -> int:
    """The class of synthetic characters among the caller's."""
    if "character" in labels:
        return labels.index("character")
    if len(labels) == 1:
        return 0
    raise ConfigError(
        f"Synthetic scenes show single characters, and none of the classes {labels} is "
        "called 'character'. Name it so, or give --synthetic-part 0."
    )


def _report_coverage(
    examples: Callable[[int], Example], anchors: AnchorConfig, side: int
) -> None:
    """Say how many boxes the anchors reach: uncovered ones are learnt badly."""
    boxes = np.concatenate([examples(i).boxes_yxyx for i in range(_COVERAGE_EXAMPLES)])
    if len(boxes):
        covered = (best_overlaps(boxes, anchors, (side, side)) >= COVERED).mean()
        Console(stderr=True).print(
            f"The anchors cover {covered:.1%} of {len(boxes)} boxes (IoU {COVERED}); "
            "`fused-ocr check-data` suggests others."
        )


def _synthetic(
    material: Material, side: int, seed: int, label: int = 0
) -> SyntheticExamples:
    digits = material.characters == DIGITS
    return SyntheticExamples(
        material.sources("train"),
        material.mnist("train") if digits else None,
        side,
        material.backgrounds("train"),
        characters=material.characters,
        distractors=NOT_DIGITS if digits else "",
        label=label,
        seed=seed,
    )


def _pools(material: Material, alphabet: Alphabet, options: Options) -> list[Pool]:
    pools = []
    if options["mnist"] > 0 and alphabet.characters == DIGITS:
        weight = _WEIGHTS["mnist"] * options["mnist"]
        pools.append(mnist_pool("train", material.data_dir, weight))
    if options["glyphs"] is not None:
        pools.append(glyph_pool(options["glyphs"], alphabet, _WEIGHTS["glyphs"]))
    for path in options["digit_photos"]:
        pools.append(digit_photo_pool(path, _seen, _WEIGHTS["photos"]))
    if options["scenes"]:
        make = LineScenes(
            material.sources("train"),
            options["seed"] + 6,
            (448, 448),
            material.backgrounds("train"),
            alphabet.characters,
        )
        pools.append(
            scene_pool(
                make,
                options["scenes"],
                alphabet,
                _WEIGHTS["scenes"],
                workers=options["workers"],
            )
        )
    if options["mine"] is not None:
        detector = load_keras_model(options["mine"])
        photos_without = material.backgrounds("train")
        pools.append(mined_pool(detector, photos_without, alphabet, _WEIGHTS["mined"]))
    if options["annotations"] is not None:
        if options["classes"] is None:
            raise ConfigError("--annotations needs --classes, the file of their names.")
        photos = read_annotations(
            options["annotations"], read_classes(options["classes"])
        )
        pools.append(annotated_pool(photos, alphabet, _WEIGHTS["own"]))
    return pools


def _measured_pools(material: Material, options: Options) -> list[Pool]:
    pools = []
    if options["mnist"] and material.characters == DIGITS:
        pools.append(mnist_pool("test", material.data_dir, 1.0))
    pools += [digit_photo_pool(path, _unseen, 1.0) for path in options["digit_photos"]]
    return pools


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
    if options["annotations"] is not None:
        if options["classes"] is None:
            raise ConfigError("--annotations needs --classes, the file of their names.")
        photos = read_annotations(
            options["annotations"], read_classes(options["classes"])
        )
        sets.append(("annotations", scenes_of(photos), len(photos)))
    return sets


def _part(pool: Pool, *, held: bool) -> Pool:
    """The patches of a pool that are kept for validation, or the others."""
    keep = (np.arange(len(pool.labels)) % _VALIDATION_PART == 0) == held
    if not keep.any():
        keep[:] = True  # a pool of a few patches is its own validation
    return dataclasses.replace(
        pool, patches=pool.patches[keep], labels=pool.labels[keep]
    )


def _seen(source: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    return np.asarray(source % _UNSEEN_PART != 0)


def _unseen(source: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    return np.asarray(source % _UNSEEN_PART == 0)
