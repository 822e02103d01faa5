"""The crop layer of quadrilaterals: plates seen at an angle, cut out and rectified.

A quadrilateral is four corners (y, x) in pixel edges, as `fused_ocr.boxes` has them,
clockwise from the text's own top left. The unit square, u to the right and v down, is
laid on it by the homography of Heckbert, "Fundamentals of Texture Mapping and Image
Warping" (1989), section 2.2.3, and the photo is read where a lattice of the square's
points falls. As in `fused_ocr.cropping` nothing passes over the whole frame, and every
operator is a builtin of TFLite.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from fused_ocr.boxes import CORNER_EDGES
from fused_ocr.cropping import GREY, CropLayer

__all__ = ["RectifyQuads", "box_around", "corners_of", "known_corners"]

_NEAREST = 0.1
"""The homography's denominator is larger than this all over a crop. It is the distance
from the camera, 1 in the middle: with 0.1 at one end, the other would be 19 times as
far away, and where it is 0, the plane goes past the camera and out of the picture."""

_FARTHEST = 1e6
"""Pixels. Coordinates from here on, and what is no number, are taken for 0."""


_NEXT = (1, 2, 3, 0)
"""Of each corner the next one, clockwise."""


class _View(NamedTuple):
    """The homographies of quadrilaterals: float32 (B, n, 2) each, y and x.

    The point (u, v) of the unit square lies at corner + (u right + v down) / d, where d
    is affine in u and v.
    """

    corner: tf.Tensor
    """Top left, pixel edges. The numerators start from it, and keep their digits."""
    right: tf.Tensor
    """What u adds to the numerators, pixels."""
    down: tf.Tensor
    """What v adds to them."""
    slopes: tf.Tensor
    """What v and u add to the denominator, which is 1 in the middle of the square."""
    frame: tf.Tensor
    """Height and width of the crop in the unit square's; they share the middle."""
    shrink: tf.Tensor
    """Mean number of pixels a cell."""


@keras.saving.register_keras_serializable(package="fused_ocr")
class RectifyQuads(CropLayer):
    """Cuts quadrilaterals out of the photo; `CropResize` for what is seen at an angle.

    Without `antialias` a cell is one bilinear sample in its centre, and an upright
    rectangle comes out as `CropResize` has it. With `antialias` the filter of
    `CropResize` is followed with 3x3 bilinear samples a cell, at its centre, edges and
    corners, which neighbours share; along an axis on which no region shrinks, with the
    middle ones alone. Outside of the photo the border is continued.

    The crop is squared and grown in the rectified plane, whose top is the right side of
    what is turned (`CropConfig.turn`). What has no such plane is cut
    as the upright box around it, at least a pixel high and wide: corners that do not go
    clockwise round a convex shape, and a view so steep that the grown crop would reach
    the camera. Coordinates that are no finite numbers are taken for 0, and nothing
    raises an error.

    Args:
        config: a `CropConfig`, or its dictionary.

    Input shape:
        images: (B, H, W, 3) uint8, or float 0..255; B * H * W below 2 ** 31.
        quads_yx: (B, N, 4, 2) float32, y and x of corners in pixel edges: the text's
            top left, top right, bottom right, bottom left.
        count: (B,) int32, how many of the N quadrilaterals are real.
        sizes: (B, 2) int32, optional: the height and width that are photo, where
            smaller photos are padded at the bottom and the right.

    Output shape:
        (B, N, h, w, 1) float32 in 0..1; rows past `count` are zero.
    """

    def call(
        self,
        images: tf.Tensor,
        quads_yx: tf.Tensor,
        count: tf.Tensor,
        sizes: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """See the class."""
        return self._crops(images, quads_yx, count, sizes)

    def _cut(self, images: tf.Tensor, places: tf.Tensor, sizes: tf.Tensor) -> tf.Tensor:
        view = self._view(places)
        last = sizes - 1
        if not self.crop.antialias:
            return _sampled(images, *self._points(view, (0, 0)), last)
        # Along an axis on which no cell is larger than a pixel, edges weigh nothing.
        shrinks = tf.reduce_any(view.shrink > 1.0, (0, 1))
        edged = tf.unstack(tf.cast(shrinks, tf.int32))
        lattice = _sampled(images, *self._points(view, edged), last)
        return _soften(lattice, self.crop.size_yx, edged, view.shrink)

    def to_photo(self, quads_yx: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
        """Where points of the crops lie in the photo.

        Args:
            quads_yx: (B, N, 4, 2), what the crops were cut along.
            points: (B, N, K, 2) float32, y and x in parts of a crop's sides, 0..1.

        Returns:
            float32 (B, N, K, 2), y and x in pixel edges.
        """
        view = self._view(quads_yx)
        plane = 0.5 + tf.expand_dims(view.frame, 2) * (points - 0.5)  # v and u
        v, u = tf.split(plane, 2, -1)
        slopes = tf.expand_dims(view.slopes, 2)
        steps = v * tf.expand_dims(view.down, 2) + u * tf.expand_dims(view.right, 2)
        depth = 1.0 + tf.reduce_sum(slopes * (plane - 0.5), -1, keepdims=True)
        return tf.expand_dims(view.corner, 2) + steps / depth

    def to_crop(self, quads_yx: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """The way back: where places (B, N, K, 2) of the photo lie in the crops.

        With `to_photo`'s names, (v down + u right) / depth = place - corner are two
        linear equations for v and u.
        """
        view = self._view(quads_yx)
        apart = places - tf.expand_dims(view.corner, 2)
        slope_v, slope_u = tf.split(tf.expand_dims(view.slopes, 2), 2, -1)
        a = tf.expand_dims(view.down, 2) - apart * slope_v
        b = tf.expand_dims(view.right, 2) - apart * slope_u
        c = apart * (1.0 - (slope_v + slope_u) / 2)
        # Cramer's rule; a, b and c hold y and x.
        area = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
        v = (c[..., 0] * b[..., 1] - c[..., 1] * b[..., 0]) / area
        u = (a[..., 0] * c[..., 1] - a[..., 1] * c[..., 0]) / area
        return 0.5 + (tf.stack([v, u], -1) - 0.5) / tf.expand_dims(view.frame, 2)

    def _view(self, quads: tf.Tensor) -> _View:
        """Homographies of quadrilaterals (B, n, 4, 2), or of the boxes around them."""
        quads = tf.where(tf.abs(quads) < _FARTHEST, quads, 0.0)  # not so where NaN
        if self.crop.turn is not None:
            height, width = tf.split(_sides(quads), 2, -1)  # (B, n, 1)
            high = (height > self.crop.turn * width)[..., None]
            quads = tf.where(high, tf.gather(quads, _NEXT, axis=2), quads)
        weights, turning = _weights(quads)
        reach = tf.maximum(self._frame(_sides(quads)), 1.0)
        nearest = 1.0 - tf.reduce_sum(tf.abs(_slopes(weights)) * reach, -1) / 2
        # Without an area they are no numbers, and no comparison holds.
        sound = tf.logical_and(turning > 0, nearest > _NEAREST)[..., None]
        quads = tf.where(sound[..., None], quads, _boxes_around(quads))
        weights = tf.where(sound, weights, 1.0)

        sides = _sides(quads)
        frame = self._frame(sides)
        corner = quads[..., 0, :]
        return _View(
            corner=corner,
            right=weights[..., 1:2] * (quads[..., 1, :] - corner),
            down=weights[..., 3:4] * (quads[..., 3, :] - corner),
            slopes=_slopes(weights),
            frame=frame,
            shrink=sides * frame / tf.constant(self.crop.size_yx, tf.float32),
        )

    def _frame(self, sides: tf.Tensor) -> tf.Tensor:
        """Sides of the crop in the quadrilateral's: squared, then grown; (B, n, 2)."""
        if not self.crop.square:
            return tf.ones_like(sides) * self.crop.grow
        return self.crop.grow * self._squared(sides) / sides

    def _points(self, view: _View, edged: Sequence[Any]) -> tuple[tf.Tensor, tf.Tensor]:
        """Where the lattice's points fall: y and x, pixel edges, each (B, n, R, C).

        Of the edges along y and x it has those for which `edged` is 1, and not 0.
        """
        rows, columns = map(_lattice, self.crop.size_yx, edged)
        v = 0.5 + view.frame[..., :1] * (rows - 0.5)  # (B, n, R)
        u = 0.5 + view.frame[..., 1:] * (columns - 0.5)  # (B, n, C)

        def plane(down: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
            return tf.expand_dims(v * down, -1) + tf.expand_dims(u * right, -2)

        start = 1.0 - tf.reduce_sum(view.slopes, -1) / 2  # at the top left corner
        rise = plane(view.slopes[..., :1], view.slopes[..., 1:])
        denominator = start[..., None, None] + rise

        def coordinate(axis: int) -> tf.Tensor:
            one = slice(axis, axis + 1)
            steps = plane(view.down[..., one], view.right[..., one]) / denominator
            return view.corner[..., one, None] + steps

        return coordinate(0), coordinate(1)


def known_corners(quads_yx: tf.Tensor, boxes_yxyx: tf.Tensor) -> tf.Tensor:
    """Corners (B, N, 4, 2); those of the boxes (B, N, 4) where they are not finite."""
    known = tf.reduce_all(tf.math.is_finite(quads_yx), (2, 3), keepdims=True)
    return tf.where(known, quads_yx, corners_of(boxes_yxyx))


def corners_of(boxes_yxyx: tf.Tensor) -> tf.Tensor:
    """Corners (..., 4, 2) of boxes (..., 4), y and x, clockwise from the top left."""
    corners = tf.gather(boxes_yxyx, CORNER_EDGES, axis=-1)
    shape = tf.concat([tf.shape(boxes_yxyx)[:-1], [4, 2]], 0)
    return tf.reshape(corners, shape)


def box_around(quads_yx: tf.Tensor) -> tf.Tensor:
    """The upright boxes (..., 4) around corners (..., 4, 2)."""
    return tf.concat([tf.reduce_min(quads_yx, -2), tf.reduce_max(quads_yx, -2)], -1)


def _weights(quads: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The denominators at the four corners, and whether these go clockwise.

    Heckbert's solution, with its fraction multiplied out: a corner's denominator is the
    area of the triangle that the corner opposite makes with its neighbours. In a
    parallelogram all four are equal, and the homography is affine.

    Args:
        quads: (B, n, 4, 2).

    Returns:
        weights (B, n, 4) with the mean 1, all positive if the shape is convex; and the
        mean of the areas (B, n), positive where the corners go clockwise.
    """
    edges = _edges(quads)
    toward = tf.gather(edges, _NEXT, axis=2)  # the corner opposite
    onward = tf.gather(edges, (2, 3, 0, 1), axis=2)
    areas = toward[..., 1] * onward[..., 0] - toward[..., 0] * onward[..., 1]
    mean = tf.reduce_mean(areas, -1, keepdims=True)
    return areas / mean, mean[..., 0]


def _edges(quads: tf.Tensor) -> tf.Tensor:
    """From each corner to the next one: (B, n, 4, 2)."""
    return tf.gather(quads, _NEXT, axis=2) - quads


def _slopes(weights: tf.Tensor) -> tf.Tensor:
    """How the denominator grows with v and with u: (B, n, 2)."""
    return tf.gather(weights, (3, 1), axis=2) - weights[..., :1]


def _sides(quads: tf.Tensor) -> tf.Tensor:
    """Height and width, each the mean of two opposite edges: (B, n, 2)."""
    top_right, bottom_left = tf.split(tf.norm(_edges(quads), axis=-1), 2, -1)
    return tf.reverse((top_right + bottom_left) / 2, (-1,))


def _boxes_around(quads: tf.Tensor) -> tf.Tensor:
    """The upright boxes around quadrilaterals, at least a pixel high and wide."""
    low = tf.reduce_min(quads, 2, keepdims=True)
    high = tf.reduce_max(quads, 2, keepdims=True)
    half = tf.maximum(high - low, 1.0) / 2
    corners = tf.constant([[-1, -1], [-1, 1], [1, 1], [1, -1]], tf.float32)
    return (low + high) / 2 + half * corners


def _lattice(cells: int, edged: Any) -> tf.Tensor:
    """Places in 0..1 along an axis: first the edges of cells, if wanted, then centres.

    Apart, each kind is one run of memory; in the order of places, taking every other
    one for `_soften` takes TensorFlow longer than reading the photo.
    """
    steps = np.concatenate([np.arange(cells + 1), np.arange(cells) + 0.5]) / cells
    return tf.constant(steps, tf.float32)[(1 - edged) * (cells + 1) :]


def _sampled(
    images: tf.Tensor, y: tf.Tensor, x: tf.Tensor, last: tf.Tensor
) -> tf.Tensor:
    """The photos' grey, 0..1, between the four pixels around each point.

    Args:
        images: (B, H, W, 3).
        y: (B, n, R, C) pixel edges.
        x: the same.
        last: int32 (B, 2), the last row and column; beyond, they are continued.

    Returns:
        float32 (B, n, R, C).
    """
    shape = tf.shape(images)
    above, below, part_y = _around(y, last[:, 0])
    left, right, part_x = _around(x, last[:, 1])
    first = (tf.range(shape[0]) * shape[1])[:, None, None, None]
    above, below = (first + above) * shape[2], (first + below) * shape[2]
    pixels = tf.reshape(images, (-1, 3))

    def grey(places: tf.Tensor) -> tf.Tensor:
        colours = tf.cast(tf.gather(pixels, places), tf.float32)
        return tf.linalg.matvec(colours, tf.constant(GREY) / 255.0)

    def row(start: tf.Tensor) -> tf.Tensor:
        one, other = grey(start + left), grey(start + right)
        return one + (other - one) * part_x

    upper, lower = row(above), row(below)
    return upper + (lower - upper) * part_y


def _around(places: tf.Tensor, last: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """The pixels before and after places on one axis, and how far on these lie."""
    last = last[:, None, None, None]
    places = tf.clip_by_value(places - 0.5, 0.0, tf.cast(last, tf.float32))
    before = tf.cast(places, tf.int32)
    part = places - tf.cast(before, tf.float32)
    return before, tf.minimum(before + 1, last), part


def _soften(
    lattice: tf.Tensor,
    size_yx: tuple[int, int],
    edged: Sequence[tf.Tensor],
    shrink: tf.Tensor,
) -> tf.Tensor:
    """Cells of an anti-aliased crop, from samples at their centres and edges.

    Along each axis a cell weighs its centre and its two edges, 1 - 2 t, t, t. Bilinear
    samples have seen the photo through a triangle that reaches a pixel to either side;
    that has the variance 1 / 6, and the filter wanted, a triangle that reaches c pixels
    where a cell has c > 1, has c ** 2 / 6. Edges half a cell away make up for the
    difference if 2 t (c / 2) ** 2 = (c ** 2 - 1) / 6.

    Args:
        lattice: (B, n, 2 h + 1, 2 w + 1), or h and w without the edges, as `_lattice`
            orders it.
        size_yx: h and w.
        edged: int32 (), for y and x: 1 if the lattice has the edges, else 0.
        shrink: (B, n, 2), pixels a cell along y and x.

    Returns:
        (B, n, h, w).
    """
    parts = (1.0 - 1.0 / tf.maximum(shrink, 1.0) ** 2) / 3
    for axis, cells in enumerate(size_yx):
        # Without edges all three are the centres, and nothing is added.
        has, part = edged[axis], parts[..., axis : axis + 1, None]
        before, after, centre = (
            _run(lattice, axis, start, cells) for start in (0, has, has * (cells + 1))
        )
        lattice = centre + part * (before + after - 2 * centre)
    return lattice


def _run(lattice: tf.Tensor, axis: int, start: Any, cells: int) -> tf.Tensor:
    """As many rows (axis 0) or columns (axis 1) from a start on."""
    starts, sizes = [0, 0, 0, 0], [-1, -1, -1, -1]
    starts[2 + axis], sizes[2 + axis] = start, cells
    return tf.slice(lattice, starts, sizes)
