"""From where a flat region is seen: homographies, and pasting through them.

A homography takes (x, y, 1) of the flat picture to the scene, pixel edges in both, as
`training.painting` has it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from .cutout import Cutout

__all__ = ["Homography", "paste", "project", "random_pose", "seen_height"]

Homography = npt.NDArray[np.float64]
"""float64 (3, 3)."""

_STEEPEST = 45.0
"""Degrees that a region is turned at most, around each axis."""


def random_pose(
    rng: np.random.Generator,
    quad_yx: npt.NDArray[np.float64],
    size_yx: tuple[int, int],
    width: float,
    *,
    steep: bool = False,
) -> Homography:
    """A camera's view of a flat region that has a given width in the picture.

    Args:
        rng: decides from where. Most views are nearly straight; one in five is turned
            by any angle up to 45 degrees, in the plane less often than out of it.
        quad_yx: float64 (4, 2), the region's corners in the flat picture.
        size_yx: height and width of the scene, pixels.
        width: of the region's bounds in the scene, pixels; less if they would be
            higher than nine tenths of the scene.
        steep: whether every view is turned by any angle up to 45 degrees, around all
            axes.

    Returns:
        The homography; all four corners come to lie inside of the scene.
    """
    roll, pitch, yaw = (
        rng.uniform(-_STEEPEST, _STEEPEST) if rng.random() < often or steep else
        float(np.clip(rng.normal(0, spread), -_STEEPEST, _STEEPEST))
        for spread, often in ((4.0, 0.1), (7.0, 0.1), (13.0, 0.2))
    )  # fmt: skip
    span = np.ptp(quad_yx, axis=0)
    middle = quad_yx.mean(0)
    distance = rng.uniform(2.5, 9.0)
    centre = np.array([[1, 0, -middle[1]], [0, 1, -middle[0]], [0, 0, 1.0]])
    unit = np.diag([1 / span.max(), 1 / span.max(), 1.0])
    turned = _rotation(np.deg2rad(roll), np.deg2rad(pitch), np.deg2rad(yaw))
    view = np.eye(3)
    view[:2, :2] = turned[:2, :2]
    view[2, :2] = turned[2, :2] / distance
    seen: Homography = view @ unit @ centre
    ends = project(seen, quad_yx)
    height, width_seen = np.ptp(ends, axis=0)
    scale = min(width / width_seen, 0.9 * size_yx[0] / height)
    seen = np.diag([scale, scale, 1.0]) @ seen
    ends = project(seen, quad_yx)
    low, high = ends.min(0), ends.max(0)
    free = np.maximum(np.array(size_yx) - 2 - (high - low), 0)
    dy, dx = rng.uniform(0, 1, 2) * free + 1 - low
    return np.asarray(np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]]) @ seen)


def project(
    pose: Homography, points_yx: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """Where points (n, 2) of the flat picture, y and x, come to lie in the scene."""
    points = np.concatenate([points_yx[:, ::-1], np.ones((len(points_yx), 1))], 1)
    seen = points @ pose.T
    return np.asarray(seen[:, 1::-1] / seen[:, 2:])


def seen_height(
    pose: Homography, quad_yx: npt.NDArray[np.float64], tall: float
) -> float:
    """How large characters that are `tall` in the flat picture are in the scene.

    It is the shorter of both sides of a square that is `tall` and in the middle of the
    region, pixels: seen from the side, characters are as high as ever, but narrow.
    """
    y, x = quad_yx.mean(0)
    half = tall / 2
    cross = np.array([[y - half, x], [y + half, x], [y, x - half], [y, x + half]])
    top, bottom, left, right = project(pose, cross)
    return float(min(np.hypot(*(bottom - top)), np.hypot(*(right - left))))


def paste(
    scene: npt.NDArray[np.float32],
    cutout: Cutout,
    pose: Homography,
    *,
    light: npt.NDArray[np.floating] | float = 1.0,
) -> None:
    """Put a cutout into a scene; what lies outside is cut off.

    Args:
        scene: float32 (H, W, 3), is changed.
        cutout: anti-aliased where it shrinks.
        pose: of the cutout in the scene.
        light: its colours are multiplied by this, for all or for each channel.
    """
    height, width = cutout.size_yx
    outline = np.array([[0, 0], [0, width], [height, width], [height, 0]], np.float64)
    ends = project(pose, outline)
    top, left = np.maximum(np.floor(ends.min(0)).astype(int), 0)
    bottom, right = np.minimum(np.ceil(ends.max(0)).astype(int), scene.shape[:2])
    if top >= bottom or left >= right:
        return
    image, pose = _reduced(cutout, pose, ends)
    into = np.array([[1, 0, left], [0, 1, top], [0, 0, 1.0]])
    inverse = np.linalg.inv(pose) @ into
    inverse /= inverse[2, 2]
    pixels = image.transform(
        (int(right - left), int(bottom - top)),
        Image.Transform.PERSPECTIVE,
        tuple(inverse.ravel()[:8]),
        Image.Resampling.BILINEAR,
    )
    bands = np.asarray(pixels, np.float32)
    area = scene[top:bottom, left:right]
    area *= 1 - bands[..., 3:] / 255
    area += np.minimum(bands[..., :3] * np.asarray(light, np.float32), 255)


def _reduced(
    cutout: Cutout, pose: Homography, ends_yx: npt.NDArray[np.float64]
) -> tuple[Image.Image, Homography]:
    """The picture about as large as it is seen, and the pose of that one."""
    image = cutout.image()
    tops, sides = ends_yx[[1, 2]] - ends_yx[[0, 3]], ends_yx[[3, 2]] - ends_yx[[0, 1]]
    seen = np.hypot(*tops.T).max(), np.hypot(*sides.T).max()
    factors = [
        max(1, round(full / max(1.0, wanted)))
        for full, wanted in zip(image.size, seen, strict=True)
    ]
    # By whole factors: resampling to any size would move edges by a part of a pixel.
    small = image.reduce((factors[0], factors[1]))
    return small, pose @ np.diag([factors[0], factors[1], 1.0])


def _rotation(roll: float, pitch: float, yaw: float) -> npt.NDArray[np.float64]:
    """Rotation (3, 3) around z (in the plane), x and y; radians."""
    cr, sr, cp, sp = np.cos(roll), np.sin(roll), np.cos(pitch), np.sin(pitch)
    cy, sy = np.cos(yaw), np.sin(yaw)
    around_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1.0]])
    around_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    around_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    return np.asarray(around_z @ around_x @ around_y)
