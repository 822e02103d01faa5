"""The recipes behind the commands: from folders of material to weights and scores."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from fused_ocr.alphabet import DIGITS, Alphabet
from fused_ocr.config import AnchorConfig, DetectorConfig, RecognizerConfig
from fused_ocr.errors import ConfigError
from fused_ocr.parts import Part, load_part

from .anchor_fit import COVERED, best_overlaps
from .annotated import AnnotatedExamples
from .annotations import AnnotatedPhoto, read_annotations, read_classes
from .augmentation import Augmentation
from .detector import train_detector
from .evaluation import (
    evaluate_recognizer,
)
from .examples import Example, SyntheticExamples
from .material import LineScenes, Material
from .mining import mined_pool
from .mixture import Mixture, shares_of
from .outcome import leave
from .patches import (
    NOT_DIGITS,
    Pool,
    annotated_pool,
    digit_photo_pool,
    glyph_pool,
    mnist_pool,
    scene_pool,
)
from .recognizer import train_recognizer
from .runs import RunConfig

__all__ = [
    "Options",
    "annotated_photos",
    "annotated_sets",
    "detector_recipe",
    "initial",
    "measured_pools",
    "recognizer_recipe",
]

_UNSEEN_PART = 5
"""One source of photographed digits in this many is kept out of training."""

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
) -> tuple[Path, dict[str, float]]:
    """Train a detector on synthetic scenes, annotated photos, or both.

    Args:
        out: the run's folder.
        material: of the scenes.
        run: the run.
        options: those of `fused-ocr train detector`, by name.

    Returns:
        The path of `detector.keras`; and no scores, since they are those of a fused
        model.
    """
    side, init = options["side"], initial(options, "detector")
    labels: tuple[str, ...] = ("character",)
    examples: Callable[[int], Example]
    validation: Callable[[int], Example]
    if not options["annotations"]:
        examples = _synthetic(material, side, options["seed"])
        validation = _synthetic(material, side, options["validation_seed"])
    else:
        labels, sets = annotated_sets(options)
        held = [p for photos in sets for p in photos[::_UNSEEN_PART]]
        kept = [[p for i, p in enumerate(s) if i % _UNSEEN_PART] or s for s in sets]
        if options["validation"] is not None:
            held, kept = read_annotations(options["validation"], labels), sets
        # A validation looks at the first of them: some of every set.
        held = [held[i] for i in np.random.default_rng(0).permutation(len(held))]
        validation = AnnotatedExamples(tuple(held), side, augment=False)
        if options["corners"] and not any(
            np.isfinite(photo.quads_yx).all((1, 2)).any() for s in kept for photo in s
        ):
            raise ConfigError(
                "--corners needs annotations with corners, and none of the boxes has "
                "any. Synthetic regions have: fused-ocr synth --kind plates."
            )
        sources: list[Callable[[int], Example]] = [
            AnnotatedExamples(
                tuple(photos),
                side,
                zoom=options["zoom"],
                close=options["close"],
                seed=options["seed"] + 10 * i,
            )
            for i, photos in enumerate(kept)
        ]
        shares = shares_of(list(map(len, kept)), options["share"])
        part = options["synthetic_part"]
        if part is None:  # synthetic scenes show characters
            part = 0.5 if "character" in labels else 0.0
        if part:
            label = _label_of_characters(labels)
            sources.append(_synthetic(material, side, options["seed"], label))
            shares = [(1 - part) * share / sum(shares) for share in shares] + [part]
        examples = Mixture(tuple(sources), tuple(shares), options["seed"])
    anchors = AnchorConfig()
    if options["anchors"] is not None:
        anchors = AnchorConfig.from_json(options["anchors"])
    config = DetectorConfig(
        backbone=options["backbone"],
        alpha=options["alpha"],
        labels=labels,
        anchors=anchors,
        corners=options["corners"],
    )
    _report_coverage(examples, anchors, side)
    detector = train_detector(
        config,
        run,
        examples,
        validation,
        backbone_weights=options["weights"],
        init=init,
    )
    return leave(detector, out / "detector.keras", run, {})


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
    init = initial(options)
    alphabet = Alphabet(material.characters)
    measured = measured_pools(material, options)
    pools = _pools(material, alphabet, options)
    if not pools:
        raise ConfigError(
            "No training data: give --mnist, --glyphs, --digit-photos, --scenes or "
            "--annotations."
        )
    config = RecognizerConfig(
        arch=options["arch"], alphabet=alphabet.characters, width=options["width"]
    )
    recognizer = train_recognizer(
        config,
        run,
        [pool.part(held=False) for pool in pools],
        [pool.part(held=True) for pool in pools],
        augmentation=Augmentation.of_strength(options["augmentation"]),
        init=init,
        seed=options["seed"],
    )
    scores = {
        pool.name: functools.partial(evaluate_recognizer, recognizer, pool)
        for pool in measured
    }
    return leave(recognizer, out / "recognizer.keras", run, scores)


def initial(options: Options, part: Part = "recognizer") -> Any:
    """The part that `--init` names, if it does: by itself, or of a fused reader."""
    if options["init"] is None:
        if options["freeze"] != "none" and not options.get("weights"):
            raise ConfigError(
                "--freeze needs --init, or a detector's --weights: else it freezes "
                "noise."
            )
        return None
    return load_part(options["init"], part)


def annotated_sets(
    options: Options,
) -> tuple[tuple[str, ...], list[list[AnnotatedPhoto]]]:
    """The names of the classes, and the photos of each of `--annotations`."""
    if options["classes"] is None:
        raise ConfigError("--annotations needs --classes, the file of their names.")
    labels = read_classes(options["classes"])
    return labels, [read_annotations(p, labels) for p in options["annotations"]]


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
        detector = load_part(options["mine"], "detector")
        photos_without = material.backgrounds("train")
        pools.append(mined_pool(detector, photos_without, alphabet, _WEIGHTS["mined"]))
    if options["annotations"]:
        photos = annotated_photos(options)
        pools.append(annotated_pool(photos, alphabet, _WEIGHTS["own"]))
    return pools


def annotated_photos(options: Options) -> list[AnnotatedPhoto]:
    """The photos of all of `--annotations`."""
    return [photo for photos in annotated_sets(options)[1] for photo in photos]


def measured_pools(material: Material, options: Options) -> list[Pool]:
    """Single characters that no training saw."""
    pools = []
    if options["mnist"] and material.characters == DIGITS:
        pools.append(mnist_pool("test", material.data_dir, 1.0))
    pools += [digit_photo_pool(path, _unseen, 1.0) for path in options["digit_photos"]]
    return pools


def _seen(source: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    return np.asarray(source % _UNSEEN_PART != 0)


def _unseen(source: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    return np.asarray(source % _UNSEEN_PART == 0)
