"""Corners come clockwise from the text's top left, whatever the polygon's start."""

import itertools

import numpy as np
import pytest

from fused_ocr.training.formats.outlines import bounds, corners_of


def turned(degrees, height=4, width=10):
    """Corners of an upright rectangle, turned clockwise by degrees around 50, 50."""
    y, x = height / 2, width / 2
    corners = np.array([[-y, -x], [-y, x], [y, x], [y, -x]])
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    # (y, x) columns; y runs down, so that x to y is clockwise.
    return corners @ np.array([[c, -s], [s, c]]) + 50


def test_bounds():
    assert bounds(np.array([[3.0, 8], [1, 9], [5, 2]])) == (1, 2, 5, 9)


@pytest.mark.parametrize("size", [(4, 10), (10, 4)])
@pytest.mark.parametrize("degrees", [-44, -20, 0, 7, 44])
def test_any_start_and_either_way_round(degrees, size):
    corners = turned(degrees, *size)
    for start, backwards, closed in itertools.product(range(4), (0, 1), (0, 1)):
        points = np.roll(corners, -start, 0)
        points = points[::-1] if backwards else points
        points = np.concatenate([points, points[:1]]) if closed else points
        found = corners_of(points, ordered=False)
        np.testing.assert_allclose(found, corners)


@pytest.mark.parametrize("degrees", [0, 30, 90, 180, 271])
def test_a_known_start_stays(degrees):
    corners = turned(degrees)
    np.testing.assert_allclose(corners_of(corners, ordered=True), corners)
    backwards = corners[[0, 3, 2, 1]]
    np.testing.assert_allclose(corners_of(backwards, ordered=True), corners)


@pytest.mark.parametrize(
    "points",
    [
        [[0, 0], [0, 9], [5, 9]],  # three
        [[0, 0], [0, 9], [5, 9], [6, 4], [5, 0]],  # five
        [[0, 0], [0, 9], [5, 9], [0, 0]],  # three, closed
        [[0, 0], [5, 9], [0, 9], [5, 0]],  # crossing
        [[0, 0], [0, 9], [5, 9], [1, 7]],  # with a dent
        [[0, 0], [0, 4], [0, 9], [5, 9]],  # three on a line: a triangle
        [[0, 0], [0, 9], [0, 9], [5, 0]],  # two are one
        [[0, 0], [0, 0], [0, 0], [0, 0]],
    ],
)
def test_shapes_without_four_corners(points):
    for ordered in (False, True):
        assert corners_of(np.array(points, np.float64), ordered=ordered) is None
