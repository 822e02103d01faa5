"""What stands anywhere in a string, for each of its frames; without recurrence."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from fused_ocr.errors import ConfigError

__all__ = ["StringAttention"]


@keras.saving.register_keras_serializable(package="fused_ocr")
class StringAttention(keras.layers.Layer):
    """Each frame looks at all others of its string, and what it learns is added to it.

    A 0 among digits is no O. Attention with several heads (Vaswani et al. 2017, arXiv
    1706.03762, section 3.2) to the means of `pool` frames side by side, since a
    character is several frames wide; places are told apart by an embedding that is
    learnt. What was seen and the frame itself go through one hidden layer. The last
    layer begins at zero: put into a trained network, it changes nothing at first.

    Args:
        heads: parts of the features that look for different things.
        pool: frames that are looked at as one.

    Input shape:
        (B, T, F) float32, T a multiple of `pool`, F of `heads`.

    Output shape:
        The same shape, float32.

    Raises:
        ConfigError: fewer than one head or frame; features or frames that they do not
            divide.
    """

    def __init__(self, heads: int = 4, pool: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, value in (("heads", heads), ("pool", pool)):
            if value < 1:
                raise ConfigError(f"`{name}` must be at least 1. Received: {value}.")
        self.heads, self.pool = heads, pool

    def build(self, input_shape: tuple) -> None:
        """Make the weights."""
        _, frames, features = input_shape
        for value, name, parts in (
            (features, "features", self.heads),
            (frames, "frames", self.pool),
        ):
            if value % parts:
                raise ConfigError(f"{value} {name} cannot be parted into {parts}.")
        self._norm = keras.layers.LayerNormalization(
            name="norm", dtype=self.dtype_policy
        )
        self._norm.build((None, features))
        self._places = self.add_weight(
            shape=(frames, features),
            initializer=keras.initializers.RandomNormal(stddev=0.1),
            name="places",
        )
        self._query = self._dense("query", features, features)
        self._key = self._dense("key", features, features)
        self._value = self._dense("value", features, features)
        self._hidden = self._dense("hidden", 2 * features, 2 * features, "relu")
        self._added = self._dense("added", 2 * features, features, start="zeros")

    def _dense(
        self,
        name: str,
        of: int,
        to: int,
        activation: str | None = None,
        start: str = "glorot_uniform",
    ) -> keras.layers.Dense:
        layer = keras.layers.Dense(
            to,
            activation,
            kernel_initializer=start,
            name=name,
            dtype=self.dtype_policy,
        )
        layer.build((None, of))
        return layer

    def call(self, frames: tf.Tensor) -> tf.Tensor:
        """See the class."""
        count, features = frames.shape[1:]
        # Frames below each other: layers of two dimensions are the fast ones of TFLite.
        flat = tf.reshape(frames, (-1, features))
        seen = self._norm(flat)
        places = tf.cast(self._places, seen.dtype)
        placed = tf.reshape(seen, (-1, count, features)) + places
        query = self._parted(self._query(tf.reshape(placed, (-1, features))), count)
        pooled = count // self.pool
        key = self._parted(self._key(self._pooled(placed)), pooled)
        value = self._parted(self._value(self._pooled(seen)), pooled)
        # In single precision, whatever the policy: exponents differ by much.
        near = tf.cast(tf.matmul(query, key, transpose_b=True), tf.float32)
        share = tf.nn.softmax(near * (features // self.heads) ** -0.5)
        found = tf.matmul(
            tf.cast(share, value.dtype), value
        )  # (B, heads, T, F / heads)
        found = tf.reshape(tf.transpose(found, (0, 2, 1, 3)), (-1, features))
        added = self._added(self._hidden(tf.concat([seen, found], -1)))
        return frames + tf.reshape(added, (-1, count, features))

    def _pooled(self, frames: tf.Tensor) -> tf.Tensor:
        """The means of neighbours, below each other: (B * T / pool, F)."""
        features = frames.shape[-1]
        return tf.reduce_mean(tf.reshape(frames, (-1, self.pool, features)), 1)

    def _parted(self, flat: tf.Tensor, count: int) -> tf.Tensor:
        """Each head's features: (B * count, F) to (B, heads, count, F / heads)."""
        each = flat.shape[-1] // self.heads
        return tf.transpose(
            tf.reshape(flat, (-1, count, self.heads, each)), (0, 2, 1, 3)
        )

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape."""
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "heads": self.heads, "pool": self.pool}
