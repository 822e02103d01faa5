"""How well anchors fit boxes, exactly and without listing the anchors.

Among the anchors of one shape the best for a box is the one whose centre is nearest
to the box's along y and along x: the overlap along each axis shrinks with the distance,
and the areas are the same for all. So one IoU for each shape is enough, and TensorFlow
is not needed. A test holds this against `fused_ocr.detection.anchors`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from fused_ocr.boxes import Boxes, areas
from fused_ocr.config import AnchorConfig
from fused_ocr.errors import ConfigError

__all__ = ["COVERED", "best_overlaps", "suggest_anchors"]

COVERED = 0.5
"""IoU from which on an anchor answers for a box."""

_CHUNK = 4096
_TOLERANCE = 0.01
"""Part of the boxes that a suggestion may leave uncovered to save anchors."""

_SCALES = ((1.0,), (1.0, 1.41), (1.0, 1.26, 1.59))
_STEPS = (1.41, 1.59, 2.0)


def best_overlaps(
    boxes_yxyx: Boxes, anchors: AnchorConfig, frame_yx: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """IoU of each box with its best anchor.

    Args:
        boxes_yxyx: float32 (n, 4), pixels of the detector's frame.
        anchors: levels, sizes, ratios, scales.
        frame_yx: height and width of the frame; multiples of the largest stride.

    Returns:
        float32 (n,) in 0..1.

    Raises:
        ConfigError: a side of the frame is not a multiple of the largest stride.
    """
    largest = max(anchors.strides)
    if min(frame_yx) < largest or frame_yx[0] % largest or frame_yx[1] % largest:
        raise ConfigError(
            f"The detector's frame must be a multiple of {largest} pixels on both "
            f"sides. Received: {frame_yx[0]}x{frame_yx[1]}."
        )
    chunks = [
        _best_of_chunk(boxes_yxyx[i : i + _CHUNK], anchors, frame_yx)
        for i in range(0, len(boxes_yxyx), _CHUNK)
    ]
    return np.concatenate([np.zeros(0, np.float32), *chunks])


def suggest_anchors(
    boxes_yxyx: Boxes, anchors: AnchorConfig, frame_yx: tuple[int, int]
) -> AnchorConfig:
    """Anchors that cover more of the boxes, with no more of them at each place.

    A small search: ratios from k-means on the logarithm of height / width, geometric
    sizes from the boxes' own, one to three scales. Of the candidates that cover the
    most boxes, to a hundredth, the one with the fewest anchors wins, then the one with
    the best mean IoU. It is decided by its arguments alone.

    Args:
        boxes_yxyx: float32 (n, 4), pixels of the detector's frame; a few thousand are
            enough.
        anchors: those in use; the suggestion keeps their levels.
        frame_yx: height and width of the frame.

    Returns:
        The suggestion; `anchors` itself if nothing is better.
    """
    sides = boxes_yxyx[:, 2:] - boxes_yxyx[:, :2]
    boxes_yxyx = boxes_yxyx[(sides > 0).all(1)]
    if not len(boxes_yxyx):
        return anchors
    limit = max(anchors.count, 3)
    tried = [
        (candidate, best_overlaps(boxes_yxyx, candidate, frame_yx))
        for candidate in [anchors, *_candidates(boxes_yxyx, anchors)]
        if candidate.count <= limit
    ]
    most = max(float((overlaps >= COVERED).mean()) for _, overlaps in tried)
    good = [pair for pair in tried if (pair[1] >= COVERED).mean() >= most - _TOLERANCE]
    # The first of equals stays, and the anchors in use are the first.
    best = min(good, key=lambda pair: (pair[0].count, -round(float(pair[1].mean()), 2)))
    return best[0]


def _best_of_chunk(
    boxes: Boxes, anchors: AnchorConfig, frame_yx: tuple[int, int]
) -> npt.NDArray[np.float32]:
    best = np.zeros(len(boxes), np.float32)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    ratios = np.asarray(anchors.ratios)[:, None]
    for size, stride in zip(anchors.sizes, anchors.strides, strict=True):
        last = np.array(frame_yx) // stride - 1
        places = (np.clip(np.floor(centres / stride), 0, last) + 0.5) * stride
        widths = size * np.asarray(anchors.scales)[None, :] / np.sqrt(ratios)
        shapes = np.stack([widths * ratios, widths], -1).reshape(-1, 2)  # (K, 2)
        top_left = np.maximum(boxes[:, None, :2], places[:, None] - shapes / 2)
        bottom_right = np.minimum(boxes[:, None, 2:], places[:, None] + shapes / 2)
        shared = np.maximum(bottom_right - top_left, 0).prod(-1)  # (n, K)
        union = areas(boxes)[:, None] + shapes.prod(-1) - shared
        best = np.maximum(best, (shared / union).max(1)).astype(np.float32)
    return best


def _candidates(boxes: Boxes, anchors: AnchorConfig) -> Iterator[AnchorConfig]:
    sides = (boxes[:, 2:] - boxes[:, :2]).astype(np.float64)
    logs = np.log(sides[:, 0] / sides[:, 1])
    ratios = {anchors.ratios, *(_k_means(logs, k) for k in (1, 2, 3, 4))}
    scales = dict.fromkeys((anchors.scales, *_SCALES))
    across = np.sqrt(sides.prod(-1))
    # The smallest anchor lies between the smallest and the middle box, nearly.
    low, high = (float(np.percentile(across, percent)) for percent in (1, 60))
    num_levels = len(anchors.levels)
    sizes = dict.fromkeys(
        tuple(max(1.0, round(float(base) * step**i, 1)) for i in range(num_levels))
        for base in np.geomspace(low, high, 6)
        for step in _STEPS
    )
    for parts in itertools.product((anchors.sizes, *sizes), sorted(ratios), scales):
        yield anchors.replace(sizes=parts[0], ratios=parts[1], scales=parts[2])


def _k_means(logs: npt.NDArray[np.float64], k: int) -> tuple[float, ...]:
    """Centres of k clusters of ratios; equal ones are one."""
    centres = np.quantile(logs, (np.arange(k) + 0.5) / k)
    for _ in range(25):
        nearest = np.abs(logs[:, None] - centres).argmin(1)
        for i in np.unique(nearest):
            centres[i] = logs[nearest == i].mean()
    return tuple(sorted({max(0.01, round(float(r), 2)) for r in np.exp(centres)}))
