"""A closer look at corners: a small network on the crop says where they really are.

A detector sees a photo at a few hundred pixels, where a plate may be ten high; the crop
around what it found shows the same corners at the photo's own resolution. This is the
second stage of a cascade (Cai and Vasconcelos 2018, arXiv 1712.00726), for corners.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from fused_ocr.config import CropConfig, RefinerConfig
from fused_ocr.errors import ArtefactDamagedError
from fused_ocr.recognition.character import ContrastNormalization, convolution
from fused_ocr.recognition.cut_as import CutAs, cut_of
from fused_ocr.recognition.flows import FoldedFlow
from fused_ocr.rectification import RectifyQuads, box_around, corners_of

__all__ = ["CornerHead", "RefineCorners", "build_refiner", "crop_for", "need_refiner"]

_WIDTH = 16


def crop_for(config: RefinerConfig) -> CropConfig:
    """How a refiner's crops are cut: with the shape kept, so that angles are true."""
    return CropConfig(size_yx=config.size_yx, square=True, grow=config.grow)


def build_refiner(config: RefinerConfig) -> keras.Model:
    """A refiner with random weights.

    Args:
        config: size and margin of its crops, width.

    Returns:
        A Keras model `refiner`: crops (B, h, w, 1) float32 0..1 to corners (B, 4, 2)
        float32, y and x in parts of the crop's sides, clockwise from the text's top
        left.
    """
    width = config.width or _WIDTH
    inputs = keras.Input((*config.size_yx, 1), name="crops")
    x = CutAs(crop_for(config), name="cut_as")(inputs)
    x = ContrastNormalization(name="contrast")(x)
    x = convolution(x, width, "conv1", kernel=5, strides=2)
    x = convolution(x, 2 * width, "conv2")
    x = keras.layers.MaxPooling2D(name="pool2")(x)
    x = convolution(x, 3 * width, "conv3a")
    x = convolution(x, 3 * width, "conv3b")
    x = keras.layers.MaxPooling2D(name="pool3")(x)
    x = convolution(x, 4 * width, "conv4")
    # Where things are is the question: no pooling over places.
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(6 * width, activation="relu", name="hidden")(x)
    return keras.Model(inputs, CornerHead(name="corners")(x), name="refiner")


@keras.saving.register_keras_serializable(package="fused_ocr")
class CornerHead(keras.layers.Layer):
    """Corners in a crop, from its features.

    Args:
        **kwargs: of every Keras layer.

    Input shape:
        (B, F) float32.

    Output shape:
        (B, 4, 2) float32: y and x in parts of the crop's sides; 0..1 lies inside.
    """

    _START = (0.25, 0.2, 0.25, 0.8, 0.75, 0.8, 0.75, 0.2)
    """Where the corners of an upright region in the middle are, before training."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._dense = keras.layers.Dense(
            8,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            name="dense",
            dtype=self.dtype_policy,
        )

    def build(self, input_shape: tuple) -> None:
        """Make the weights."""
        self._dense.build(input_shape)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """See the class."""
        return tf.reshape(self._dense(features) + tf.constant(self._START), (-1, 4, 2))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """(B, 4, 2)."""
        return (input_shape[0], 4, 2)


def need_refiner(model: keras.Model) -> None:
    """Make sure that a model is a refiner.

    Raises:
        ArtefactDamagedError: it is not one of ours.
    """
    if not any(isinstance(layer, CornerHead) for layer in model.layers):
        raise ArtefactDamagedError(
            f"The model {model.name!r} is not a refiner: it has no CornerHead layer. "
            "Make one with `fused-ocr train refiner`, or build_refiner()."
        )


@keras.saving.register_keras_serializable(package="fused_ocr")
class RefineCorners(keras.layers.Layer):
    """Looks at each region again, cut out along its corners, and moves these.

    Args:
        refiner: as `build_refiner` gives it; or its serialised configuration.
        steps: how often; from the second time on the region is cut out nearly right.

    Input shape:
        images: (B, H, W, 3) uint8, or float 0..255.
        places: (B, N, 4, 2) float32, y and x of corners in pixel edges, clockwise
            from the text's top left; or (B, N, 4), yxyx of boxes.
        count: (B,) int32, how many of the N are real.
        sizes: (B, 2) int32, optional, see `RectifyQuads`.

    Output shape:
        The upright boxes (B, N, 4) around the corners, cut to the photo, and the
        corners (B, N, 4, 2), float32; rows past `count` are zero.
    """

    def __init__(
        self, refiner: keras.Model | dict, steps: int = 2, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.refiner = (
            keras.saving.deserialize_keras_object(refiner)
            if isinstance(refiner, dict)
            else refiner
        )
        self.steps = steps
        self.look = FoldedFlow(self.refiner, name="look")
        self.cut = RectifyQuads(cut_of(self.refiner), name="cut")

    def build(self, *_: Any, **__: Any) -> None:
        """The refiner is built already."""

    def call(
        self,
        images: tf.Tensor,
        places: tf.Tensor,
        count: tf.Tensor,
        sizes: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """See the class."""
        return self.refined(self.look, images, places, count, sizes)

    def refined(
        self,
        look: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
        images: tf.Tensor,
        places: tf.Tensor,
        count: tf.Tensor,
        sizes: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The same with another function of crops and counts in the network's place."""
        quads = places if len(places.shape) == 4 else corners_of(places)
        for _ in range(self.steps):
            crops = self.cut(images, quads, count, sizes)  # (B, N, h, w, 1)
            seen = tf.clip_by_value(look(crops, count), 0.0, 1.0)  # (B, N, 4, 2)
            quads = self.cut.to_photo(quads, seen)
        real = tf.sequence_mask(count, tf.shape(quads)[1], quads.dtype)
        quads *= real[..., None, None]
        if sizes is None:
            shape = tf.shape(images)
            sizes = tf.repeat(shape[None, 1:3], shape[0], axis=0)
        limits = tf.tile(tf.cast(sizes, tf.float32), (1, 2))[:, None]  # (B, 1, 4)
        return tf.minimum(tf.maximum(box_around(quads), 0.0), limits), quads

    def compute_output_spec(
        self,
        images: Any,  # noqa: ARG002 - Keras calls it by this name
        places: Any,
        *_: Any,
        **__: Any,
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Boxes and corners."""
        rows = places.shape[:2]
        return (
            keras.KerasTensor((*rows, 4), dtype="float32"),
            keras.KerasTensor((*rows, 4, 2), dtype="float32"),
        )

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "refiner": keras.saving.serialize_keras_object(self.refiner),
            "steps": self.steps,
        }
