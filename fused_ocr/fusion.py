"""The data flow: a photo in, readings out, one graph."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, cast

import keras
import tensorflow as tf

from fused_ocr.artefact import Description
from fused_ocr.assembly import AssembleCharacters, Assembly
from fused_ocr.config import CropConfig, FusionConfig, SelectionConfig
from fused_ocr.cropping import CropLayer, CropResize
from fused_ocr.detection.octaves import Octaves, joined, look
from fused_ocr.detection.retinanet import decoding_of, halves_of
from fused_ocr.detection.selection import SelectDetections
from fused_ocr.errors import ArtefactDamagedError, ConfigError
from fused_ocr.folding import fold_batch_normalization, fold_padding
from fused_ocr.freezing import frozen
from fused_ocr.letterbox import Letterbox
from fused_ocr.recognition.cut_as import cut_of
from fused_ocr.recognition.flows import FoldedFlow, build_multiflow
from fused_ocr.recognition.recognizer import (
    alphabet_of,
    kinds_of,
    reads_strings,
    slots_of,
)
from fused_ocr.rectification import RectifyQuads
from fused_ocr.refinement import RefineCorners, need_refiner
from fused_ocr.regions import AssembleRegions

__all__ = [
    "ARTICLE",
    "candidates_flow",
    "describe",
    "frozen_flow",
    "fuse",
    "parts_of",
    "quick_flow",
    "recognizer_of",
]

ARTICLE = FusionConfig(
    flow="multiflow",
    selection=SelectionConfig(max_detections=4, candidates=300),
    crop=CropConfig(
        size_yx=(28, 28), square=False, grow=1.0, antialias=False, binarize=True
    ),
)
"""The licence-plate article's fusion: four characters, 28x28, rounded, MultiFlow. Its
detector is `DetectorConfig(backbone="ResNet50")`, its recogniser
`RecognizerConfig(arch="dense")`."""


@dataclasses.dataclass(frozen=True)
class _Parts:
    """The stages, each a layer or a model."""

    letterbox: Any
    octaves: Octaves | None
    detector: Any
    select: Any
    refine: Any
    crop: CropLayer
    recognize: Any
    assemble: Assembly


def fuse(
    detector: keras.Model,
    recognizer: keras.Model,
    config: FusionConfig | None = None,
    *,
    refiner: keras.Model | None = None,
) -> keras.Model:
    """Join a detector and a recogniser into one model that reads photos.

    Args:
        detector: as `add_decoding` or `fused-ocr train detector` gives it.
        recognizer: as `build_recognizer` or `fused-ocr train recognizer` gives it: of
            single characters, which become lines, or of strings, one a detection.
        config: frame, thresholds, crop, reading order; the defaults, with the crops
            cut as the recogniser had them in training, if left out.
        refiner: as `fused-ocr train refiner` gives it: finds the corners of regions
            more exactly than the detector, or for one without corners.

    Returns:
        A Keras model `fused_ocr`: images uint8 (B, H, W, 3) to a dictionary of the
        outputs of `AssembleCharacters`, or of `AssembleRegions`. It saves and loads as
        `.keras` by itself.

    Raises:
        ConfigError: the recogniser's input and the crop's size differ, or the frame is
            no multiple of the detector's largest stride; there is a refiner, and the
            recogniser reads single characters.
        ArtefactDamagedError: one of the models is not what it should be.
    """
    decoding, alphabet = decoding_of(detector), alphabet_of(recognizer)
    size_yx = tuple(recognizer.input_shape[1:3])
    if config is None:
        config = FusionConfig(crop=cut_of(recognizer))
    if config.crop.size_yx != size_yx:
        raise ConfigError(
            f"The recogniser reads crops of {size_yx}, the configuration makes "
            f"{config.crop.size_yx}. Set crop.size_yx to {size_yx}."
        )
    largest = max(decoding.anchors.strides) << config.octaves - 1
    if any(side % largest for side in config.frame_yx):
        raise ConfigError(
            f"frame_yx must be multiples of {largest}, the detector's largest stride"
            f"{' in the smallest octave' if config.octaves > 1 else ''}. "
            f"Received: {config.frame_yx}."
        )
    # What is fused is there to read; the models given stay as they are, to be trained.
    # The frame's sides are multiples of the strides: paddings can be folded, too.
    detector = fold_padding(fold_batch_normalization(detector))
    recognizer = fold_batch_normalization(recognizer)
    boxes = config.selection.max_detections
    assemble: type[Assembly] = AssembleCharacters
    assembly, labels = config.assembly, decoding.labels
    crop: type[CropLayer] = CropResize
    refine = None if refiner is None else _refine(refiner, config)
    if reads_strings(recognizer):
        assemble = AssembleRegions
        assembly = assembly.replace(slots=slots_of(recognizer))
        labels = kinds_of(recognizer) or labels
        if (refine is not None or "corners" in detector.output) and config.crop.rectify:
            crop = RectifyQuads
        elif config.crop.turn is not None:
            raise ConfigError(
                "The recogniser's crops are turned where regions are high "
                f"(crop.turn={config.crop.turn}), which needs corners. Give a refiner, "
                "or a detector with corners."
            )
    elif refine is not None:
        raise ConfigError(
            "A refiner is for regions, whose strings are read as a whole. Received a "
            "recogniser of single characters: leave the refiner out."
        )
    parts = _Parts(
        letterbox=Letterbox(config.frame_yx, config.max_enlargement, name="letterbox"),
        octaves=(
            Octaves(config.octaves, name="octaves") if config.octaves > 1 else None
        ),
        detector=detector,
        select=SelectDetections(config.selection, name="select"),
        refine=refine,
        crop=crop(config.crop, name="crop"),
        recognize=(
            FoldedFlow(recognizer, name="recognize")
            if config.flow == "folded"
            else build_multiflow(recognizer, boxes)
        ),
        assemble=assemble(assembly, alphabet.characters, labels, name="assemble"),
    )
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    return keras.Model(images, _flow(parts, images), name="fused_ocr")


def _refine(refiner: keras.Model, config: FusionConfig) -> RefineCorners:
    need_refiner(refiner)
    if not config.refinements:
        raise ConfigError(
            "A refiner that never looks changes nothing. Received: refinements=0 and a "
            "refiner. Set refinements to 1 or 2, or leave the refiner out."
        )
    return RefineCorners(
        fold_batch_normalization(refiner), config.refinements, name="refine"
    )


def candidates_flow(
    model: keras.Model, least: float, most: int
) -> Callable[[Any], dict[str, Any]]:
    """The same flow up to what is read, for all that may be something.

    Args:
        model: from `fuse`.
        least: the detector's score that a candidate needs, if the model's own threshold
            is not lower still.
        most: candidates of a photo, if the model does not take more; of MultiFlow's
            always as many as it has copies.

    Returns:
        A function of images uint8 (B, H, W, 3) to a dictionary: ``boxes`` float32
        (B, N, 4), ``scores`` (B, N), ``count`` int32 (B,), ``read``, as the recogniser
        gives it, and ``quads`` (B, N, 4, 2), or None. The first rows are what the model
        itself finds.
    """
    parts = parts_of(model)
    own = parts.select.selection
    lower = own.replace(score_threshold=min(least, own.score_threshold))
    if isinstance(parts.recognize, FoldedFlow):
        rows = max(own.max_detections, min(most, own.candidates))
        lower = lower.replace(max_detections=rows)

    def gathered(
        boxes: Any, scores: Any, _: Any, count: Any, read: Any, quads: Any
    ) -> dict[str, Any]:
        return {
            "boxes": boxes, "scores": scores, "count": count, "read": read,
            "quads": quads,
        }  # fmt: skip

    every = dataclasses.replace(
        parts, select=SelectDetections(lower), assemble=cast(Any, gathered)
    )
    every = _halved(every)
    return lambda images: _flow(every, images)


def quick_flow(model: keras.Model) -> Callable[..., dict[str, Any]]:
    """The same flow, its detector's heads asked about what was found alone.

    Args:
        model: from `fuse`, whose layers it shares.

    Returns:
        A function of images uint8 (B, H, W, 3) and, optionally, of their sizes int32
        (B, 2), height and width, where smaller photos stand at the top left of their
        pictures; to the outputs of the model.
    """
    parts = _halved(parts_of(model))
    return lambda images, sizes=None: _flow(parts, images, sizes)


def frozen_flow(
    model: keras.Model, *, resize_floats: bool = False
) -> Callable[..., dict[str, Any]]:
    """The same flow with the weights as constants, to be traced into an artefact.

    Args:
        model: from `fuse`.
        resize_floats: whether the photo is made float before it is resized for the
            detector: slower, and the only way that TFLite has.

    Returns:
        As `quick_flow`.
    """
    parts = parts_of(model)
    found = parts.select.selection.max_detections
    crops = tf.TensorSpec((None, found, *parts.crop.crop.size_yx, 1), tf.float32)
    refine = parts.refine
    if refine:
        views = tf.TensorSpec((None, found, *refine.cut.crop.size_yx, 1), tf.float32)
        look_again = frozen(refine.look, [views, tf.TensorSpec((None,), tf.int32)])

    def letterbox(images: tf.Tensor, sizes: tf.Tensor | None) -> Any:
        pixels = tf.cast(images, tf.float32) if resize_floats else images
        return parts.letterbox(pixels, sizes)

    constant = dataclasses.replace(
        _halved(parts, frozen),
        letterbox=letterbox,
        refine=refine and functools.partial(refine.refined, look_again),
        recognize=frozen(
            lambda crops, count: _recognize(parts.recognize, crops, count),
            [crops, tf.TensorSpec((None,), tf.int32)],
        ),
    )
    return lambda images, sizes=None: _flow(constant, images, sizes)


def _halved(
    parts: _Parts,
    prepared: Callable[..., Callable[..., Any]] = lambda function, _: function,
) -> _Parts:
    """The same with scores for all anchors, and boxes and corners for a few.

    Args:
        parts: of a fused model.
        prepared: makes of a function and its signature the function that is used.
    """
    height, width = parts.letterbox.frame_yx
    octaves = parts.octaves or Octaves(1)
    halves, second = halves_of(parts.detector, (height, width), octaves.count)
    # One for each size: convolutions of a known size run sooner, and TFLite needs it.
    detectors = [
        prepared(first, [tf.TensorSpec((None, height >> i, width >> i, 3), tf.float32)])
        for i, first in enumerate(halves)
    ]
    decode = {
        name: prepared(
            one,
            [
                tf.TensorSpec(
                    (None, None, halves[0].output[name].shape[-1]), tf.float32
                ),
                tf.TensorSpec((None, None), tf.int32),
            ],
        )
        for name, one in second.items()
    }

    def detector(frames: tf.Tensor) -> Any:
        views = zip(detectors, octaves(frames), strict=True)
        return joined([one(view) for one, view in views])

    return dataclasses.replace(
        parts,
        detector=detector,
        octaves=None,
        select=functools.partial(parts.select, decode=decode),
    )


def describe(model: keras.Model) -> Description:
    """What a fused model says of itself, read from its layers.

    Raises:
        ArtefactDamagedError: the model is not one of `fuse`.
    """
    parts = parts_of(model)
    return Description(
        alphabet=parts.assemble.alphabet.characters,
        labels=parts.assemble.labels,
        format_version=parts.assemble.format_version,
        library_version=parts.assemble.library_version,
        fusion=FusionConfig(
            frame_yx=parts.letterbox.frame_yx,
            max_enlargement=parts.letterbox.max_enlargement,
            octaves=parts.octaves.count if parts.octaves else 1,
            flow="folded" if isinstance(parts.recognize, FoldedFlow) else "multiflow",
            selection=parts.select.selection,
            refinements=parts.refine.steps if parts.refine else 0,
            crop=parts.crop.crop,
            assembly=parts.assemble.assembly,
        ),
    )


def parts_of(model: keras.Model) -> _Parts:
    """The stages of a fused model.

    Raises:
        ArtefactDamagedError: the model is not one of `fuse`.
    """
    layers = {layer.name: layer for layer in model.layers}
    recognize = "multiflow" if "multiflow" in layers else "recognize"
    try:
        return _Parts(
            **{
                name: layers[name]
                for name in ("letterbox", "detector", "select", "crop", "assemble")
            },
            recognize=layers[recognize],
            octaves=layers.get("octaves"),
            refine=layers.get("refine"),
        )
    except KeyError as error:
        raise ArtefactDamagedError(
            f"The model {model.name!r} is not a fused reader: it has no layer {error}. "
            "Make one with fuse(detector, recognizer) or `fused-ocr fuse`."
        ) from error


def recognizer_of(model: keras.Model) -> keras.Model:
    """The recogniser inside of a fused model; of MultiFlow's copies, one.

    Raises:
        ArtefactDamagedError: the model is not one of `fuse`.
    """
    recognize = parts_of(model).recognize
    if isinstance(recognize, FoldedFlow):
        return recognize.recognizer
    return recognize.layers[-1]


def _flow(parts: _Parts, images: Any, sizes: Any = None) -> dict[str, Any]:
    """What happens to a photo, top to bottom."""
    if sizes is not None:  # a server's client may say anything
        sizes = tf.clip_by_value(sizes, 1, tf.shape(images)[1:3])
    frames, geometry = parts.letterbox(images, sizes)  # (B, h, w, 3), (B, 4)
    anchors = look(parts.detector, frames, parts.octaves)  # (B, A, 4), (B, A, C)
    found = parts.select(
        anchors["boxes"], anchors["scores"], geometry, anchors.get("corners")
    )  # (B, N, ...)
    boxes, count, quads = found["boxes"], found["count"], found.get("quads")
    if parts.refine:
        places = boxes if quads is None else quads
        boxes, quads = parts.refine(images, places, count, sizes)
    cut = quads if isinstance(parts.crop, RectifyQuads) else boxes
    crops = parts.crop(images, cut, count, sizes)  # (B, N, h, w, 1)
    read = _recognize(parts.recognize, crops, count)  # (B, N, S, A)
    outputs: dict[str, Any] = parts.assemble(
        boxes, found["scores"], found["classes"], count, read, quads
    )
    return outputs


def _recognize(recognize: Any, crops: Any, count: Any) -> Any:
    """What is read in crops (B, N, h, w, 1): (B, N, S, A), or a dictionary of heads."""
    if not isinstance(recognize, keras.Model):
        return recognize(crops, count)
    copies = recognize(keras.ops.unstack(crops, axis=1))
    return keras.ops.stack(copies if isinstance(copies, list) else [copies], axis=1)
