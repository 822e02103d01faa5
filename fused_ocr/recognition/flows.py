"""One recogniser for the crops of many boxes: folded into the batch, or copied."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from fused_ocr.errors import ConfigError

__all__ = ["FoldedFlow", "build_multiflow"]


@keras.saving.register_keras_serializable(package="fused_ocr")
class FoldedFlow(keras.layers.Layer):
    """One recogniser over all crops, as one batch: the default.

    Only the rows up to the fullest photo's count are read, so a photo with few
    characters is not charged for `max_detections`.

    Args:
        recognizer: (b, h, w, 1) to (b, S, A), or to a dictionary of such; or its
            serialised configuration.

    Input shape:
        crops: (B, N, h, w, 1) float32, 0..1.
        count: (B,) int32, how many of the N are real.

    Output shape:
        (B, N, S, A) float32 probabilities; rows past `count` are zero. Of a recogniser
        with several outputs, a dictionary of (B, N, ...).
    """

    def __init__(self, recognizer: keras.Model | dict, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recognizer = (
            keras.saving.deserialize_keras_object(recognizer)
            if isinstance(recognizer, dict)
            else recognizer
        )

    def build(self, *_: Any, **__: Any) -> None:
        """The recogniser is built already."""

    def call(
        self,
        crops: tf.Tensor,
        count: tf.Tensor,
        training: bool | None = None,  # noqa: FBT001
    ) -> Any:
        """See the class."""
        batch, slots = tf.shape(crops)[0], tf.shape(crops)[1]
        # At least one row: TFLite's convolutions do not take an empty batch.
        used = tf.minimum(tf.maximum(tf.reduce_max(count), 1), slots)
        size = crops.shape[2:]
        folded = tf.reshape(crops[:, :used], (-1, *size))
        real = tf.sequence_mask(count, used)

        def unfold(read: tf.Tensor) -> tf.Tensor:
            """From (B * used, ...) to (B, N, ...)."""
            inner = read.shape[1:]
            ones = (1,) * len(inner)
            rows = tf.reshape(read, (batch, used, *inner))
            rows *= tf.reshape(tf.cast(real, read.dtype), (batch, used, *ones))
            rows = tf.pad(rows, ((0, 0), (0, slots - used), *((0, 0) for _ in inner)))
            # A reshape tells the shape, too, and unlike ensure_shape TFLite has it.
            return tf.reshape(rows, (batch, slots, *inner))

        return tf.nest.map_structure(unfold, self.recognizer(folded, training=training))

    def compute_output_spec(self, crops: Any, *_: Any, **__: Any) -> Any:
        """Probabilities, float32."""
        return tf.nest.map_structure(
            lambda one: keras.KerasTensor(
                (*crops.shape[:2], *one.shape[1:]), dtype="float32"
            ),
            self.recognizer.output,
        )

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "recognizer": keras.saving.serialize_keras_object(self.recognizer),
        }


def build_multiflow(recognizer: keras.Model, flows: int) -> keras.Model:
    """The article's MultiFlow: n inputs and n outputs, n copies of one recogniser.

    The weights are copied with get_weights and set_weights, so the copies may be
    trained apart afterwards.

    Args:
        recognizer: (b, h, w, 1) to (b, S, A).
        flows: n.

    Returns:
        A Keras model `multiflow`: a list of n crops (B, h, w, 1) to a list of n
        probabilities (B, S, A).

    Raises:
        ConfigError: n is below 1, or the recogniser has several outputs.
    """
    if flows < 1:
        raise ConfigError(f"MultiFlow needs at least one flow. Received: {flows}.")
    if isinstance(recognizer.output, dict):
        raise ConfigError(
            "MultiFlow is for recognisers with one output. Received: "
            f"{list(recognizer.output)}; "
            "fuse with flow='folded', or train without heads on the whole crop."
        )
    inputs = [
        keras.Input(recognizer.input_shape[1:], name=f"crop_{i}") for i in range(flows)
    ]
    outputs = []
    for i, crop in enumerate(inputs):
        copy = keras.models.clone_model(recognizer)
        copy.set_weights(recognizer.get_weights())
        copy.name = f"{recognizer.name}_{i}"
        outputs.append(copy(crop))
    return keras.Model(inputs, outputs, name="multiflow")
