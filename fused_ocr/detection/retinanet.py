"""keras-retinanet's RetinaNet with a slim pyramid and heads, and its two faces.

`build_retinanet` gives what is trained: raw regression and scores. `add_decoding` wraps
it into what is used: boxes and scores. Both have the corners besides if the
configuration asks for them. The layers keep keras-retinanet's names (`P3`,
`C5_reduced`, `pyramid_classification`), so that its weights and habits carry over.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from fused_ocr.config import DetectorConfig
from fused_ocr.detection.anchors import DecodeBoxes, DecodeCorners
from fused_ocr.detection.backbones import backbone_features
from fused_ocr.detection.places import FrameGrid, at_places, lowest_level
from fused_ocr.detection.selection import Decoder
from fused_ocr.errors import ArtefactDamagedError, MissingDependencyError

__all__ = [
    "add_decoding",
    "build_retinanet",
    "decoding_of",
    "halves_of",
    "training_model",
]

_PRIOR = 0.01
"""Every anchor's score before training, so that the many empty ones do not swamp the
loss at the start (Lin et al. 2017, section 4.1)."""


def build_retinanet(
    config: DetectorConfig, *, weights: str | os.PathLike[str] | None = None
) -> keras.Model:
    """The detector as it is trained.

    Args:
        config: backbone, pyramid, heads, anchors, labels.
        weights: of the backbone: None, `imagenet`, or a file.

    Returns:
        A Keras model: frames (B, H, W, 3) RGB 0..255, H and W multiples of the largest
        stride, to regression float32 (B, A, 4), scores float32 (B, A, C) in 0..1, and
        with `config.corners` the shifts of the corners float32 (B, A, 8).

    Raises:
        MissingDependencyError: keras-retinanet is not installed.
        ConfigError, ArtefactError: see `backbone_features`.
    """
    try:
        from keras_retinanet.models.retinanet import retinanet
    except ImportError as error:
        raise MissingDependencyError(
            f"Building a detector needs keras-retinanet ({error}). Install it with: "
            "pip install 'fused-ocr[train]' (it compiles one C file)."
        ) from error

    frames = keras.Input((None, None, 3), name="frames")
    features = backbone_features(
        frames, config.backbone, alpha=config.alpha, weights=weights
    )
    return retinanet(
        frames,
        features,
        num_classes=len(config.labels),
        num_anchors=config.anchors.count,
        create_pyramid_features=_pyramid(config.pyramid_channels),
        pyramid_levels=list(config.anchors.levels),
        submodels=[
            (name, _head(name, config, values))
            for name, values in _values_by_head(config).items()
        ],
        name="retinanet",
    )


def add_decoding(model: keras.Model, config: DetectorConfig) -> keras.Model:
    """The detector as it is used: the same layers, and boxes for the regression.

    Args:
        model: from `build_retinanet`.
        config: the one it was built from.

    Returns:
        A Keras model `detector`: frames (B, H, W, 3) RGB 0..255 to ``boxes`` float32
        (B, A, 4), yxyx pixels of the frame, ``scores`` float32 (B, A, C) in 0..1, and
        with `config.corners` ``corners`` float32 (B, A, 4, 2), y and x, pixels of the
        frame, clockwise from the text's top left.
    """
    regression, scores, *shifts = model.outputs
    decode = DecodeBoxes(config.anchors, config.labels, name="boxes")
    # The frame's size is only known when the model is called, so the symbolic call
    # sees unknown sides: the declared shape stands in for it.
    outputs = {"boxes": decode([regression, model.input]), "scores": scores}
    if config.corners:
        decode_corners = DecodeCorners(config.anchors, name="decoded_corners")
        outputs["corners"] = decode_corners([*shifts, model.input])
    return keras.Model(model.input, outputs, name="detector")


def training_model(detector: keras.Model) -> keras.Model:
    """The trained face of a detector, sharing its layers: the way back to training.

    Returns:
        What `build_retinanet` gave: two outputs, or three if the detector has corners.

    Raises:
        ArtefactDamagedError: the model is not a detector of ours.
    """
    decoding_of(detector)
    heads = ["regression", "classification"]
    if "corners" in detector.output:
        heads.append("corners")
    outputs = [detector.get_layer(name).output for name in heads]
    return keras.Model(detector.input, outputs, name="retinanet")


def halves_of(
    detector: keras.Model, frame_yx: tuple[int, int], octaves: int = 1
) -> tuple[list[keras.Model], dict[str, Decoder]]:
    """A detector in two halves, between which a few of its anchors are chosen.

    Args:
        detector: from `add_decoding`.
        frame_yx: height and width of its frames.
        octaves: how many sizes of them it looks at, one after the other.

    Returns:
        For each size: frames (B, H, W, 3) to ``scores`` (B, A, C) and what ``boxes``
        and ``corners`` come from: the features of the pyramid (B, P, F), place by
        place, or of other detectors than `build_retinanet`'s what the heads give
        (B, A, n). And for each of these two a function of it, for all sizes together,
        and int32 (B, K), which anchors are chosen.

    Raises:
        ArtefactDamagedError: the model is not a detector of ours.
    """
    anchors = decoding_of(detector).anchors
    grid = FrameGrid(anchors, frame_yx, octaves)
    layers = {layer.name: layer for layer in detector.layers}
    pyramid = [layers[f"P{i}"].output for i in anchors.levels if f"P{i}" in layers]
    sources = {"scores": detector.output["scores"]}
    decode: dict[str, Decoder] = {}
    sparse = set()
    for layer in detector.layers:
        if isinstance(layer, DecodeBoxes):
            name, head = "boxes", layers.get("regression_submodel")
        elif isinstance(layer, DecodeCorners):
            name, head = "corners", layers.get("corners_submodel")
        else:
            continue
        if head is not None and pyramid:
            sparse.add(name)
        else:
            head, sources[name] = None, layer.input[0]
        decode[name] = _decoder(layer, head, grid)
    halves = []
    for octave in range(octaves):
        lowest = lowest_level(octave)
        size_yx = frame_yx[0] >> octave, frame_yx[1] >> octave
        skipped = anchors.count * FrameGrid(anchors, size_yx).firsts[lowest]
        outputs = {
            name: _above(value, lowest, skipped) for name, value in sources.items()
        }
        if sparse:
            features = keras.layers.Concatenate(axis=1, name="features")(
                [keras.layers.Reshape((-1, x.shape[-1]))(x) for x in pyramid[lowest:]]
            )
            outputs |= dict.fromkeys(sparse, features)
        halves.append(keras.Model(detector.input, outputs, name=detector.name))
    return halves, decode


def _above(values: Any, lowest: int, skipped: int) -> Any:
    """Values (B, A, n) from a level on, without those of the anchors before it."""
    if lowest == 0:
        return values
    source = values._keras_history.operation
    if isinstance(source, keras.layers.Concatenate):
        # The levels below are not even computed.
        return keras.layers.Concatenate(axis=1)(source.input[lowest:])
    return values[:, skipped:]


def _decoder(
    layer: DecodeBoxes | DecodeCorners, head: keras.Model | None, grid: FrameGrid
) -> Decoder:
    """Of chosen anchors: by a head from features, or from what it gave for all."""

    def decode(source: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        # A name of its own: an artefact's parts are told apart by their layers' names.
        with tf.name_scope(f"heads/{layer.name}"):
            places = grid.find(chosen)
            values = (
                tf.gather(source, chosen, batch_dims=1)
                if head is None
                else at_places(head, source, grid, places)
            )
            return layer.chosen(values, grid, places)

    return decode


def decoding_of(detector: keras.Model) -> DecodeBoxes:
    """The layer of a detector that knows its anchors and labels.

    Raises:
        ArtefactDamagedError: the model is not a detector of ours.
    """
    for layer in detector.layers:
        if isinstance(layer, DecodeBoxes):
            return layer
    raise ArtefactDamagedError(
        f"The model {detector.name!r} is not a detector: it has no DecodeBoxes layer. "
        "Make one with `fused-ocr train detector`, or add_decoding(build_retinanet())."
    )


def _pyramid(channels: int) -> Callable[..., dict[str, Any]]:
    def create(features: dict[str, Any], levels: list[int]) -> dict[str, Any]:
        def conv(name: str, size: int = 3, strides: int = 1) -> keras.layers.Conv2D:
            return keras.layers.Conv2D(
                channels, size, strides=strides, padding="same", name=name
            )

        def merge(name: str, upper: Any, lateral: Any) -> Any:
            # Frames are multiples of the largest stride, so that doubling always fits.
            doubled = keras.layers.UpSampling2D(2, name=f"{name}_upsampled")(upper)
            return keras.layers.Add(name=f"{name}_merged")([doubled, lateral])

        top = conv("C5_reduced", 1)(features["C5"])
        middle = merge("P4", top, conv("C4_reduced", 1)(features["C4"]))
        bottom = merge("P3", middle, conv("C3_reduced", 1)(features["C3"]))
        pyramid = {
            "P3": conv("P3")(bottom),
            "P4": conv("P4")(middle),
            "P5": conv("P5")(top),
        }
        # Coarser levels come from the level below: from C5, as in the paper, P6 alone
        # would be a quarter of the weights.
        for level in levels[3:]:
            below = keras.layers.ReLU(name=f"P{level - 1}_relu")(
                pyramid[f"P{level - 1}"]
            )
            pyramid[f"P{level}"] = conv(f"P{level}", strides=2)(below)
        return pyramid

    return create


def _values_by_head(config: DetectorConfig) -> dict[str, int]:
    """What each head gives for an anchor, in the order of the outputs."""
    heads = {"regression": 4, "classification": len(config.labels)}
    return {**heads, "corners": 8} if config.corners else heads


def _head(name: str, config: DetectorConfig, values: int) -> keras.Model:
    features = keras.Input((None, None, config.pyramid_channels))
    x = features
    for i in range(config.head_depth):
        x = keras.layers.Conv2D(
            config.head_channels,
            3,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            name=f"pyramid_{name}_{i}",
        )(x)
    scores = name == "classification"
    bias = -math.log((1 - _PRIOR) / _PRIOR) if scores else 0.0
    x = keras.layers.Conv2D(
        config.anchors.count * values,
        3,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(bias),
        name=f"pyramid_{name}",
    )(x)
    x = keras.layers.Reshape((-1, values), name=f"pyramid_{name}_reshape")(x)
    if scores:
        x = keras.layers.Activation("sigmoid", name=f"pyramid_{name}_sigmoid")(x)
    return keras.Model(features, x, name=f"{name}_submodel")
