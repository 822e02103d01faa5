"""Networks that read one crop, by name: single characters, or whole strings."""

from __future__ import annotations

import keras

from fused_ocr.alphabet import Alphabet
from fused_ocr.config import RecognizerConfig
from fused_ocr.errors import ArtefactDamagedError
from fused_ocr.recognition.character import CharacterHead, cnn_features, dense_features
from fused_ocr.recognition.goodfellow import LengthVote, goodfellow_heads
from fused_ocr.recognition.sequence import frame_probabilities
from fused_ocr.recognition.slots import CollapseFrames

__all__ = ["alphabet_of", "build_recognizer", "reads_strings"]


_STRING_HEADS = (CollapseFrames, LengthVote)


def build_recognizer(config: RecognizerConfig) -> keras.Model:
    """A recogniser with random weights.

    Args:
        config: architecture, alphabet, crop size.

    Returns:
        A Keras model `recognizer`: crops (B, h, w, 1) float32 0..1 to probabilities
        (B, S, A) float32; S is 1 for `cnn` and `dense`.
    """
    crops = keras.Input((*config.size_yx, 1), name="crops")
    if config.arch == "goodfellow":
        heads = goodfellow_heads(crops, config)
        slots = LengthVote(config.alphabet, name="slots")(*heads)
        return keras.Model(crops, slots, name="recognizer")
    if config.reads_strings:
        frames = frame_probabilities(crops, config)
        slots = CollapseFrames(config.alphabet, config.slots, name="slots")(frames)
        return keras.Model(crops, slots, name="recognizer")
    features = (cnn_features if config.arch == "cnn" else dense_features)(crops, config)
    head = CharacterHead(config.alphabet, name="characters")
    return keras.Model(crops, head(features), name="recognizer")


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
