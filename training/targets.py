"""What the detector should answer for each anchor: keras-retinanet's assignment.

Corners are answered for by the anchors that answer for the box.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fused_ocr.boxes import CORNER_EDGES, Boxes, swap_xy
from fused_ocr.config import AnchorConfig
from fused_ocr.detection.anchors import (
    REGRESSION_SCALE,
    anchors_for_frame,
)

from .annotations import Quads

__all__ = ["AnchorTargets", "encode_corners"]

NEGATIVE_OVERLAP = 0.4
"""Below this IoU with every box an anchor is background (keras-retinanet's value)."""

POSITIVE_OVERLAP = 0.5
"""From this IoU on an anchor answers for the box."""

BEST_OVERLAP = 0.2
"""Every box is given its best anchor if that has at least this IoU. keras-retinanet
leaves boxes without a positive anchor out, which trains them as background."""

NARROWEST = 1.5
"""Sides are matched as if they had at least this many of the smallest stride."""

_Match = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def encode_corners(anchors_yxyx: Boxes, quads_yx: Quads) -> npt.NDArray[np.float32]:
    """What `DecodeCorners` turns back into corners.

    Args:
        anchors_yxyx: float32 (n, 4), pixels of the frame.
        quads_yx: float32 (n, 4, 2), one for each anchor, pixels of the frame.

    Returns:
        float32 (n, 8): the shift of each corner from the same corner of the anchor, y
        then x, in parts of the anchor's height or width, divided by REGRESSION_SCALE.

    >>> anchor, quad = [[0, 0, 10, 40]], [[[1, 0], [0, 44], [10, 40], [10, -8]]]
    >>> encode_corners(np.array(anchor), np.array(quad)).tolist()
    [[0.5, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, -1.0]]
    """
    corners = anchors_yxyx[:, CORNER_EDGES].reshape(-1, 4, 2)
    sides = anchors_yxyx[:, None, 2:] - anchors_yxyx[:, None, :2]
    shifts = (quads_yx - corners) / sides / REGRESSION_SCALE
    return shifts.reshape(-1, 8).astype(np.float32)


class AnchorTargets:
    """Makes the targets of a batch of frames of one size.

    Args:
        frame_yx: height and width of the frames, pixels.
        config: the anchors.
        num_labels: C, the detector's classes.
    """

    def __init__(
        self, frame_yx: tuple[int, int], config: AnchorConfig, num_labels: int
    ) -> None:
        self.frame_yx = frame_yx
        self.num_labels = num_labels
        self._config = config
        self._anchors_xyxy = swap_xy(anchors_for_frame(*frame_yx, config))

    def __call__(
        self,
        boxes_yxyx: Sequence[Boxes],
        labels: Sequence[npt.NDArray[np.integer]],
        quads_yx: Sequence[Quads] | None = None,
    ) -> tuple[npt.NDArray[np.float32], ...]:
        """Targets of B frames.

        Args:
            boxes_yxyx: B arrays float32 (n, 4), pixels of the frame.
            labels: B arrays int (n,), indices of the classes.
            quads_yx: B arrays float32 (n, 4, 2), pixels of the frame, NaN where
                unknown; only for a detector with corners.

        Returns:
            An array for each output of the detector. regression float32 (B, A, 5): the
            four shifts in keras-retinanet's order, and the anchor's state; scores
            float32 (B, A, C + 1): one-hot class, and the state. The state is 1 object,
            0 background, -1 ignored. With `quads_yx` also corners float32 (B, A, 9):
            `encode_corners`, and a state that is 1 where the anchor's object has known
            corners, else 0.
        """
        from keras_retinanet.utils.anchors import bbox_transform

        anchors = self._anchors_xyxy
        regression = np.zeros((len(boxes_yxyx), len(anchors), 5), np.float32)
        scores = np.zeros(
            (len(boxes_yxyx), len(anchors), self.num_labels + 1), np.float32
        )
        matches = [self._match(boxes) for boxes in boxes_yxyx]
        for i, (boxes, classes) in enumerate(zip(boxes_yxyx, labels, strict=True)):
            if not len(boxes):
                continue
            state, owner = matches[i]
            regression[i, :, :4] = bbox_transform(anchors, swap_xy(boxes)[owner])
            regression[i, :, 4] = scores[i, :, -1] = state
            found = np.flatnonzero(state == 1)
            scores[i, found, np.asarray(classes)[owner[found]].astype(int)] = 1
        if quads_yx is None:
            return regression, scores
        return regression, scores, self._corners(matches, quads_yx)

    def _corners(
        self, matches: Sequence[_Match], quads_yx: Sequence[Quads]
    ) -> npt.NDArray[np.float32]:
        corners = np.zeros((len(matches), len(self._anchors_xyxy), 9), np.float32)
        pairs = zip(matches, quads_yx, strict=True)
        for i, ((state, owner), quads) in enumerate(pairs):
            found = np.flatnonzero(state == 1)
            found = found[np.isfinite(quads[owner[found]]).all((1, 2))]
            anchors = swap_xy(self._anchors_xyxy[found])
            corners[i, found, :8] = encode_corners(anchors, quads[owner[found]])
            corners[i, found, 8] = 1
        return corners

    def _match(self, boxes_yxyx: Boxes) -> _Match:
        """Each anchor's state (A,), and the box it answers for (A,)."""
        from keras_retinanet.utils.compute_overlap import compute_overlap

        if not len(boxes_yxyx):
            nothing = np.zeros(len(self._anchors_xyxy), np.int64)
            return nothing, nothing
        overlaps = compute_overlap(
            self._anchors_xyxy.astype(np.float64),
            swap_xy(self._reachable(boxes_yxyx)).astype(np.float64),
        )  # (A, n)
        owner, reached = overlaps.argmax(1), overlaps.max(1)
        state = np.where(reached > NEGATIVE_OVERLAP, -1, 0)
        state[reached >= POSITIVE_OVERLAP] = 1
        # Small neighbours may share their best anchor: the hardest box chooses first.
        for k in overlaps.max(0).argsort():
            best = overlaps[:, k].argmax()
            if overlaps[best, k] >= BEST_OVERLAP:
                state[best], owner[best] = 1, k
                overlaps[best] = 0.0
        return state, owner

    def _reachable(self, boxes_yxyx: Boxes) -> Boxes:
        """The boxes in the nearest shape that anchors have, about the same centres.

        Anchors stand a stride apart, so that next to none overlaps a box that is
        narrower, such as a printed 1, by half; without this rule such boxes have one
        anchor where others have ten.
        """
        centre = (boxes_yxyx[:, :2] + boxes_yxyx[:, 2:]) / 2
        least = NARROWEST * min(self._config.strides)
        sides = np.maximum(boxes_yxyx[:, 2:] - boxes_yxyx[:, :2], least)
        ratios = self._config.ratios
        tall = np.maximum(sides[:, 0], sides[:, 1] * min(ratios))
        wide = np.maximum(sides[:, 1], sides[:, 0] / max(ratios))
        half = np.stack([tall, wide], 1) / 2
        return np.concatenate([centre - half, centre + half], 1).astype(np.float32)
