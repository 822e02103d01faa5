"""Where anchors stand, and what a head says there alone.

Of the tens of thousands of anchors of a frame some twenty are ever looked at. Which
ones the scores tell; the other heads are asked about these only, each in the few pixels
of the pyramid that it sees, and give what they would have given among all.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import keras
import tensorflow as tf

from fused_ocr.config import AnchorConfig

__all__ = ["FrameGrid", "Places", "at_places", "lowest_level"]


def lowest_level(octave: int) -> int:
    """Which level of the pyramid is the first that is looked at in an octave.

    What the lowest finds in a frame halved, the next one finds in the frame: without it
    as much is found, sooner.

    Args:
        octave: 0 for the frame itself.
    """
    return min(octave, 1)


@dataclasses.dataclass(frozen=True)
class Places:
    """Where some anchors stand; all int32 (B, K).

    Attributes:
        level: of the grid, counted through its octaves.
        row, column: within the level.
        kind: which of the anchors of one place.
    """

    level: tf.Tensor
    row: tf.Tensor
    column: tf.Tensor
    kind: tf.Tensor


@dataclasses.dataclass(frozen=True)
class FrameGrid:
    """The places of all anchors of a frame and of its smaller octaves, in their order.

    Octaves smaller than the frame are without the lowest level, see `lowest_level`.

    Attributes:
        anchors: what is at each place.
        frame_yx: height and width of the frame, pixels.
        octaves: how many sizes of it are looked at, one behind the other.
    """

    anchors: AnchorConfig
    frame_yx: tuple[int, int]
    octaves: int = 1

    @property
    def views(self) -> tuple[tuple[int, int, int], ...]:
        """Of every level its octave, its place in the pyramid, its stride there."""
        strides = self.anchors.strides
        return tuple(
            (octave, level, strides[level])
            for octave in range(self.octaves)
            for level in range(lowest_level(octave), len(strides))
        )

    @property
    def sizes_yx(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of every level."""
        height, width = self.frame_yx
        return tuple(
            ((height >> octave) // stride, (width >> octave) // stride)
            for octave, _, stride in self.views
        )

    @property
    def strides(self) -> tuple[int, ...]:
        """Of every level, pixels of the frame."""
        return tuple(stride << octave for octave, _, stride in self.views)

    @property
    def firsts(self) -> tuple[int, ...]:
        """How many places come before each level."""
        counts = map(math.prod, self.sizes_yx[:-1])
        return tuple(itertools.accumulate(counts, initial=0))

    def find(self, anchors: tf.Tensor) -> Places:
        """Where anchors stand, int32 (B, K)."""
        place = anchors // self.anchors.count
        firsts = tf.constant(self.firsts)
        level = tf.reduce_sum(tf.cast(place[..., None] >= firsts[1:], tf.int32), -1)
        inside = place - tf.gather(firsts, level)
        width = tf.gather(tf.constant([size[1] for size in self.sizes_yx]), level)
        kind = anchors % self.anchors.count
        return Places(level, inside // width, inside % width, kind)


def at_places(
    head: keras.Model, features: tf.Tensor, grid: FrameGrid, places: Places
) -> tf.Tensor:
    """What a head gives for some anchors.

    Args:
        head: convolutions of 3x3 on one level of the pyramid, (B, h, w, C) to values of
            all anchors, place by place.
        features: float32 (B, P, C), all levels of the grid, place by place.
        grid: of the features.
        places: of the anchors, (B, K).

    Returns:
        float32 (B, K, values of an anchor).
    """
    layers = [one for one in head.layers if isinstance(one, keras.layers.Conv2D)]
    reach = len(layers)  # pixels of the pyramid that each sees to all sides
    steps = tf.range(-reach, reach + 1)
    rows = places.row[..., None] + steps  # (B, K, 2 * reach + 1)
    columns = places.column[..., None] + steps
    height, width = (
        tf.gather(tf.constant(sides), places.level)[..., None]
        for sides in zip(*grid.sizes_yx, strict=True)
    )
    inside = _within(rows, height)[..., None] & _within(columns, width)[..., None, :]
    index = (
        tf.gather(tf.constant(grid.firsts), places.level)[..., None, None]
        + (tf.clip_by_value(rows, 0, height - 1) * width)[..., None]
        + tf.clip_by_value(columns, 0, width - 1)[..., None, :]
    )
    window = 2 * reach + 1
    x = tf.gather(features, index, batch_dims=1)  # (B, K, window, window, C)
    x = tf.reshape(x, (-1, window, window, features.shape[-1]))
    mask = tf.reshape(tf.cast(inside, tf.float32), (-1, window, window, 1))
    for i, layer in enumerate(layers):
        # A convolution sees zeros around a level, whatever its bias makes of them.
        rim = slice(i, window - i)
        x = tf.nn.conv2d(x * mask[:, rim, rim], layer.kernel, 1, "VALID")
        x = layer.activation(x + layer.bias)
    x = tf.reshape(
        x, (-1, grid.anchors.count, layers[-1].filters // grid.anchors.count)
    )
    x = tf.gather(x, tf.reshape(places.kind, (-1,)), batch_dims=1)
    return tf.reshape(x, tf.concat([tf.shape(places.kind), x.shape[1:]], 0))


def _within(at: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    return (at >= 0) & (at < length)
