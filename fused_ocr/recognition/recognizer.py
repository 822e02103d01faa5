"""Networks that read one crop, by name: single characters, or whole strings."""

from __future__ import annotations

from typing import Any

import keras

from fused_ocr.alphabet import Alphabet
from fused_ocr.config import CropConfig, RecognizerConfig
from fused_ocr.errors import ArtefactDamagedError
from fused_ocr.recognition.character import CharacterHead, cnn_features, dense_features
from fused_ocr.recognition.crop_heads import KindHead, crop_heads
from fused_ocr.recognition.cut_as import CutAs
from fused_ocr.recognition.fixed_places import PlacesHead, place_features
from fused_ocr.recognition.goodfellow import (
    LengthVote,
    goodfellow_features,
    goodfellow_heads,
)
from fused_ocr.recognition.sequence import frame_features, frame_probabilities
from fused_ocr.recognition.slots import CollapseFrames

__all__ = [
    "alphabet_of",
    "build_recognizer",
    "characters_of",
    "kinds_of",
    "reads_strings",
    "slots_of",
]


_STRING_HEADS = (CollapseFrames, LengthVote, PlacesHead)


def build_recognizer(
    config: RecognizerConfig, crop: CropConfig | None = None
) -> keras.Model:
    """A recogniser with random weights.

    Args:
        config: architecture, alphabet, crop size, heads.
        crop: how its crops will be cut; kept inside for `fuse`.

    Returns:
        A Keras model `recognizer`: crops (B, h, w, 1) float32 0..1 to probabilities
        (B, S, A) float32; S is 1 for `cnn` and `dense`. With heads on the whole crop it
        gives a dictionary: ``characters``, and ``readable`` (B, 1) and ``kinds``
        (B, K), those of them that the configuration asks for; of `goodfellow` always
        ``agreement`` (B, 1), how likely the length is that its places spell.
    """
    inputs = keras.Input((*config.size_yx, 1), name="crops")
    crops = inputs if crop is None else CutAs(crop, name="cut_as")(inputs)
    if not config.reads_strings:
        make = cnn_features if config.arch == "cnn" else dense_features
        head = CharacterHead(config.alphabet, name="characters")
        return keras.Model(inputs, head(make(crops, config)), name="recognizer")
    if config.arch == "places":
        features = place_features(crops, config)
        slots = PlacesHead(config.alphabet, name="characters")(features)
        whole = {}
    elif config.arch == "goodfellow":
        features = goodfellow_features(crops, config)
        heads = goodfellow_heads(features, config)
        slots, agreement = LengthVote(config.alphabet, name="slots")(*heads)
        whole = {"agreement": agreement}
    else:
        features = frame_features(crops, config)
        frames = frame_probabilities(features, config)
        slots = CollapseFrames(
            config.alphabet, config.slots, config.rows, name="slots"
        )(frames)
        whole = {}
    whole |= crop_heads(features, config)
    outputs = {"characters": slots, **whole} if whole else slots
    return keras.Model(inputs, outputs, name="recognizer")


def alphabet_of(recognizer: keras.Model) -> Alphabet:
    """The alphabet of a recogniser.

    Raises:
        ArtefactDamagedError: the model is not a recogniser of ours.
    """
    for layer in recognizer.layers:
        if isinstance(layer, (CharacterHead, *_STRING_HEADS)):
            return layer.alphabet
    raise ArtefactDamagedError(
        f"The model {recognizer.name!r} is not a recogniser: no layer of it knows an "
        "alphabet. Make one with `fused-ocr train recognizer`, or build_recognizer()."
    )


def reads_strings(recognizer: keras.Model) -> bool:
    """Whether a recogniser reads whole strings, and not single characters."""
    return any(isinstance(layer, _STRING_HEADS) for layer in recognizer.layers)


def characters_of(read: Any) -> Any:
    """The characters of what a recogniser gives, with heads on the crop or without."""
    return read["characters"] if isinstance(read, dict) else read


def slots_of(recognizer: keras.Model) -> int:
    """How many characters a recogniser gives at most."""
    return int(characters_of(recognizer.output).shape[1])


def kinds_of(recognizer: keras.Model) -> tuple[str, ...]:
    """The kinds of regions that a recogniser tells apart, if it does."""
    for layer in recognizer.layers:
        if isinstance(layer, KindHead):
            return layer.kinds
    return ()
