"""Poses and pasting: the corners are where the pixels are."""

import numpy as np
import pytest

from fused_ocr.training.regions.cutout import Cutout
from fused_ocr.training.regions.flat_region import corners
from fused_ocr.training.regions.pose import paste, project, random_pose, seen_height


def homography(points_xy, seen_xy):
    """Through four points: the linear system of the textbook, unlike `pose`'s way."""
    rows, values = [], []
    for (x, y), (u, v) in zip(points_xy, seen_xy, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1).reshape(3, 3)


def unwarped(image, quad_yx, size_yx):
    """What a quad encloses, seen straight on: bilinear, pixel edges."""
    height, width = size_yx
    flat = [(0, 0), (width, 0), (width, height), (0, height)]
    matrix = homography(flat, quad_yx[:, ::-1])
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    points = np.stack([x, y, np.ones_like(x)], -1) @ matrix.T
    u, v = (points[..., i] / points[..., 2] - 0.5 for i in (0, 1))
    left = np.clip(np.floor(u).astype(int), 0, image.shape[1] - 2)
    top = np.clip(np.floor(v).astype(int), 0, image.shape[0] - 2)
    a, b = (u - left)[..., None], (v - top)[..., None]
    upper = image[top, left] * (1 - a) + image[top, left + 1] * a
    lower = image[top + 1, left] * (1 - a) + image[top + 1, left + 1] * a
    return upper * (1 - b) + lower * b


def chequered():
    """A cutout of 81x141 with a region of 61x121 in four colours, one a quarter."""
    cutout = Cutout((81, 141))
    for box, colour in (
        ((10, 10, 40.5, 70.5), (250, 20, 20)),
        ((10, 70.5, 40.5, 131), (20, 250, 20)),
        ((40.5, 70.5, 71, 131), (20, 20, 250)),
        ((40.5, 10, 71, 70.5), (250, 250, 20)),
    ):
        y1, x1, y2, x2 = (round(v) for v in box)
        cutout.pixels[y1:y2, x1:x2] = colour
        cutout.cover[y1:y2, x1:x2] = 1
    return cutout, corners((10, 10, 71, 131))


@pytest.mark.parametrize("seed", range(12))
def test_unwarping_the_corners_gives_the_flat_region(seed):
    rng = np.random.default_rng(seed)
    cutout, quad = chequered()
    pose = random_pose(rng, quad, (211, 301), width=150)
    scene = np.full((211, 301, 3), 128, np.float32)
    paste(scene, cutout, pose)
    seen = project(pose, quad)
    flat = unwarped(scene, seen, (61, 121))
    wanted = cutout.pixels[10:71, 10:131]
    inner = (slice(4, -4), slice(4, -4))
    apart = np.abs(flat - wanted).mean(-1)[inner]
    # The seams between the quarters blur; elsewhere it is the same.
    assert np.median(apart) < 1 and (apart > 40).mean() < 0.08
    # One and a half pixels outside of each edge there is the background.
    middle = seen.mean(0)
    for a, b in zip(seen, np.roll(seen, -1, 0), strict=True):
        along = (b - a) / np.hypot(*(b - a))
        normal = np.array([along[1], -along[0]])
        edge = a + (b - a) / 4  # not where two colours meet
        out = normal * np.sign(normal @ (edge - middle))
        y, x = (edge + 1.6 * out).astype(int)
        assert np.abs(scene[y, x] - 128).max() < 30
        y, x = (edge - 2.2 * out).astype(int)
        assert np.abs(scene[y, x] - 128).max() > 90


@pytest.mark.parametrize("seed", range(12))
def test_as_much_light_as_the_corners_enclose(seed):
    # Whatever it is reduced by, no edge moves: the area by the shoelace formula.
    rng = np.random.default_rng(seed)
    cutout = Cutout((101, 297))
    cutout.pixels[20:83, 20:280], cutout.cover[20:83, 20:280] = 255, 1
    quad = corners((20, 20, 83, 280))
    pose = random_pose(rng, quad, (131, 203), rng.uniform(6, 120))
    scene = np.zeros((131, 203, 3), np.float32)
    paste(scene, cutout, pose)
    y, x = project(pose, quad).T
    area = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2
    rim = np.hypot(np.roll(y, -1) - y, np.roll(x, -1) - x).sum()
    # Off by less than a fiftieth of a pixel all around.
    assert scene[..., 0].sum() / 255 == pytest.approx(area, abs=0.02 * rim)


@pytest.mark.parametrize("width", [9, 40, 180])
def test_width_and_place(width):
    quad, widths = corners((3, 5, 33, 155)), []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        seen = project(random_pose(rng, quad, (151, 201), width), quad)
        assert (seen >= 1 - 1e-6).all()
        assert (seen <= np.array([150, 200]) + 1e-6).all()
        widths.append(np.ptp(seen[:, 1]))
        # Clockwise, and never seen from behind.
        y, x = seen.T
        area = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2
        assert area > 0
    assert max(widths) <= width + 1e-6
    assert np.median(widths) == pytest.approx(width)


def test_seen_height_of_an_enlargement():
    quad = corners((0, 0, 10, 50))
    assert seen_height(np.diag([3.0, 3.0, 1.0]), quad, 7) == pytest.approx(21)
    assert seen_height(np.diag([2.0, 3.0, 1.0]), quad, 7) == pytest.approx(14)


def test_a_cutout_outside_changes_nothing():
    cutout, _ = chequered()
    scene = np.full((51, 61, 3), 7, np.float32)
    far = np.array([[1, 0, 500], [0, 1, 500], [0, 0, 1.0]])
    paste(scene, cutout, far)
    assert (scene == 7).all()


def test_light_is_a_factor():
    cutout, quad = chequered()
    scenes = []
    for light in (1.0, 0.5):
        scene = np.zeros((81, 141, 3), np.float32)
        paste(scene, cutout, np.eye(3), light=light)
        scenes.append(scene)
    assert np.allclose(scenes[0], cutout.pixels, atol=1)
    assert np.allclose(scenes[0] / 2, scenes[1], atol=1)
    assert quad.shape == (4, 2)


def test_steep_views_are_turned_by_any_angle():
    quad = corners((0, 0, 30, 120))
    rolls = {}
    for steep in (False, True):
        found = []
        for seed in range(200):
            rng = np.random.default_rng(seed)
            seen = project(random_pose(rng, quad, (300, 400), 150, steep=steep), quad)
            top = seen[1] - seen[0]
            found.append(abs(np.degrees(np.arctan2(top[0], top[1]))))
        rolls[steep] = np.array(found)
    # Half of the angles of 0..45 degrees are above 22.5; perspective adds a little.
    assert 0.35 < (rolls[True] > 22.5).mean() < 0.65
    assert (rolls[False] > 22.5).mean() < 0.15
    assert rolls[True].max() < 75
