"""The recipe of `train recognizer` for the architectures that read strings."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import tensorflow as tf

from fused_ocr.alphabet import DIGITS, Alphabet
from fused_ocr.config import CropConfig, RecognizerConfig
from fused_ocr.errors import ConfigError
from fused_ocr.recognition.recognizer import characters_of

from .annotations import AnnotatedPhoto, read_annotations
from .augmentation import Augmentation
from .material import Material
from .mnist_strings import PLACES, MnistStrings
from .outcome import Measures, leave
from .patches import CROP, Pool, mnist_pool
from .recipes import Options, annotated_sets, initial
from .runs import RunConfig
from .sources import held_and_kept
from .strings import UNKNOWN, best_texts, train_strings
from .strip_augmentation import StripAugmentation
from .strips import StripBatches, Strips, strips_of

__all__ = ["exact_regions", "exact_strings", "string_recipe"]

_MEASURED = 10_000
"""Sequences that the score is measured on."""

_AT_ONCE = 500
"""Crops in memory at a time; a set may have many thousands."""

_ONLY_CHARACTERS = ("scenes", "glyphs", "digit_photos", "mine")
"""Options that bring single characters, which no string is learnt from."""


def string_recipe(
    out: Path, material: Material, run: RunConfig, options: Options
) -> tuple[Path, dict[str, float]]:
    """Train a recogniser of strings: on annotated regions, or MNIST's digits in rows.

    Args:
        out: the run's folder.
        material: of MNIST.
        run: the run.
        options: those of `fused-ocr train recognizer`, by name.

    Returns:
        The path of `recognizer.keras`, and the part of the strings that it reads
        exactly: of those kept for validation, or of 10,000 of MNIST's test digits.

    Raises:
        ConfigError: options that do not go together, or with this architecture.
    """
    for name in _ONLY_CHARACTERS:
        if options[name]:
            raise ConfigError(
                f"--{name.replace('_', '-')} gives single characters, and "
                f"{options['arch']} learns strings: from --annotations, or from MNIST."
            )
    train = _on_regions if options["annotations"] else _on_mnist
    recognizer, scores = train(material, run, options)
    return leave(recognizer, out / "recognizer.keras", run, scores)


def _on_regions(
    material: Material, run: RunConfig, options: Options
) -> tuple[Any, Measures]:
    """Trained on regions of annotated photos with texts."""
    init = initial(options)
    alphabet = Alphabet(material.characters)
    labels, sets = annotated_sets(options)
    config = RecognizerConfig(
        arch=options["arch"],
        alphabet=alphabet.characters,
        size_yx=tuple(options["size"]),
        width=options["width"],
        slots=options["slots"],
        rows=options["rows"],
        readable=options["readable"],
        kinds=labels if options["kinds"] else (),
    )
    crop = CropConfig(
        size_yx=config.size_yx,
        square=options["letterbox"],
        stretch=options["stretch"],
        grow=options["grow"],
        rectify=not options["boxes"],
        turn=options["turn"],
    )

    def strips(photos: list[AnnotatedPhoto], name: Path) -> Strips:
        return strips_of(
            photos, alphabet, config.slots, crop, name=str(name),
            readable=config.readable, kinds=bool(config.kinds),
        )  # fmt: skip

    back = None
    if options["validation"] is not None:
        photos = read_annotations(options["validation"], labels)
        back = strips(photos, options["validation"])
    held, kept = held_and_kept(
        map(strips, sets, options["annotations"]), options["share"], back
    )
    changed = StripAugmentation.of_strength(config.size_yx, options["augmentation"])
    if options["shift"] is not None:
        changed = dataclasses.replace(changed, shift=options["shift"])
    plain = StripAugmentation.of_strength(config.size_yx, 0.0)
    size, seed = run.batch_size, options["seed"]
    recognizer = train_strings(
        config,
        run,
        StripBatches(kept, size, seed, changed),
        StripBatches(held, size, options["validation_seed"], plain),
        crop=crop,
        init=init,
    )
    return recognizer, {
        one.name: functools.partial(exact_regions, recognizer, one) for one in held
    }


def _on_mnist(
    material: Material, run: RunConfig, options: Options
) -> tuple[Any, Measures]:
    """Trained on MNIST's digits in rows."""
    if material.characters != DIGITS:
        raise ConfigError(
            f"MNIST's sequences are of the digits {DIGITS}. "
            f"Received: --characters {material.characters}."
        )
    config = RecognizerConfig(
        arch=options["arch"],
        size_yx=(CROP, PLACES * CROP),
        slots=PLACES,
        width=options["width"],
    )
    # Digits move; what spoils a photo would have to spoil the whole string alike.
    moved = dataclasses.replace(
        Augmentation.of_strength(options["augmentation"]), often=0.0
    )
    whole = mnist_pool("train", material.data_dir, 1.0)
    size, seed = run.batch_size, options["seed"]
    recognizer = train_strings(
        config,
        run,
        MnistStrings(whole.part(held=False), size, seed, moved),
        MnistStrings(whole.part(held=True), size, options["validation_seed"]),
        init=initial(options),
    )
    test = mnist_pool("test", material.data_dir, 1.0)
    return recognizer, {"MNIST strings": lambda: exact_strings(recognizer, test)}


def exact_regions(recognizer: Any, strips: Strips) -> float:
    """The part of the strips with a known text that is read exactly; nan of none."""
    known = strips.part(strips.texts[:, 0] != UNKNOWN)
    if not len(known):
        return float("nan")
    plain = StripAugmentation.of_strength(recognizer.input_shape[1:3], 0.0)
    right = 0
    for start in range(0, len(known), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        crops = plain(tf.constant(known.pixels[rows]), tf.constant([0, 0]))
        read = recognizer.predict(crops, verbose=0)
        texts = best_texts(characters_of(read)).numpy()
        right += int((texts == known.texts[rows]).all(-1).sum())
    return right / len(known)


def exact_strings(recognizer: Any, pool: Pool, seed: int = 1002) -> float:
    """The part of 10,000 sequences of a pool's digits that is read exactly."""
    right = 0
    batches = MnistStrings(pool, _AT_ONCE, seed)(0)
    for _ in range(_MEASURED // _AT_ONCE):
        crops, truth = next(batches)
        read = recognizer.predict(crops, verbose=0)
        texts = best_texts(characters_of(read)).numpy()
        right += int((texts == truth["text"]).all(-1).sum())
    return right / _MEASURED
