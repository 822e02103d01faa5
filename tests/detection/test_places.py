"""A head asked about some anchors says what it says among all."""

import keras
import numpy as np
import tensorflow as tf

from fused_ocr.config import AnchorConfig
from fused_ocr.detection.places import FrameGrid, at_places

ANCHORS = AnchorConfig(
    levels=(3, 4, 5), sizes=(9.0, 25.0, 60.0), ratios=(0.4, 1.3), scales=(0.7, 1.1, 1.9)
)
GRID = FrameGrid(ANCHORS, (64, 128), octaves=2)
"""Some of its levels are narrower than what a head sees."""


def head(values, depth):
    x = features = keras.Input((None, None, 5))
    for _ in range(depth):
        x = keras.layers.Conv2D(
            4, 3, padding="same", activation="relu", bias_initializer="ones"
        )(x)
    x = keras.layers.Conv2D(6 * values, 3, padding="same", bias_initializer="ones")(x)
    return keras.Model(features, keras.layers.Reshape((-1, values))(x))


def test_places_by_hand():
    # The frame halved is looked at in cells of 16 and of 32 pixels, not of 8.
    assert GRID.views == ((0, 0, 8), (0, 1, 16), (0, 2, 32), (1, 1, 16), (1, 2, 32))
    assert GRID.sizes_yx == ((8, 16), (4, 8), (2, 4), (2, 4), (1, 2))
    assert GRID.strides == (8, 16, 32, 32, 64)
    assert GRID.firsts == (0, 128, 160, 168, 176)
    # Six anchors a place. The last of the first level, the first of the second, one in
    # the middle of the fourth, the last of all.
    anchors = [6 * 127 + 5, 6 * 128, 6 * 174 + 2, 6 * 177 + 1]
    found = GRID.find(tf.constant([anchors]))
    assert found.level.numpy().tolist() == [[0, 1, 3, 4]]
    assert found.row.numpy().tolist() == [[7, 0, 1, 0]]
    assert found.column.numpy().tolist() == [[15, 0, 2, 1]]
    assert found.kind.numpy().tolist() == [[5, 0, 2, 1]]


def test_every_anchor_is_as_among_all():
    rng = np.random.default_rng(0)
    levels = [rng.normal(size=(2, *size, 5)).astype("f") for size in GRID.sizes_yx]
    features = np.concatenate([level.reshape(2, -1, 5) for level in levels], 1)
    for depth, values in ((0, 4), (2, 8)):
        asked = head(values, depth)
        among_all = np.concatenate([asked(level) for level in levels], 1)
        count = among_all.shape[1]
        anchors = np.stack([rng.permutation(count) for _ in range(2)]).astype("i4")
        found = at_places(asked, tf.constant(features), GRID, GRID.find(anchors))
        expected = np.take_along_axis(among_all, anchors[..., None], 1)
        assert np.abs(expected).max() > 0.5
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_no_anchor_at_all():
    asked, none = head(4, 1), tf.zeros((2, 0), tf.int32)
    found = at_places(asked, tf.zeros((2, 178, 5)), GRID, GRID.find(none))
    assert found.shape == (2, 0, 4)
