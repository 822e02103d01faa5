"""What the detector should answer for each anchor: keras-retinanet's assignment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fused_ocr.boxes import Boxes, swap_xy
from fused_ocr.config import AnchorConfig
from fused_ocr.detection.anchors import anchors_for_frame

__all__ = ["AnchorTargets"]

NEGATIVE_OVERLAP = 0.4
"""Below this IoU with every box an anchor is background (keras-retinanet's value)."""

POSITIVE_OVERLAP = 0.5
"""From this IoU on an anchor answers for the box."""

BEST_OVERLAP = 0.2
"""A box that no anchor reaches is given its best one if that has at least this IoU.
keras-retinanet leaves such boxes out, which trains small characters as background."""


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
        self._anchors_xyxy = swap_xy(anchors_for_frame(*frame_yx, config))

    def __call__(
        self, boxes_yxyx: Sequence[Boxes], labels: Sequence[npt.NDArray[np.integer]]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Targets of B frames.

        Args:
            boxes_yxyx: B arrays float32 (n, 4), pixels of the frame.
            labels: B arrays int (n,), indices of the classes.

        Returns:
            regression float32 (B, A, 5): the four shifts in keras-retinanet's order,
            and the anchor's state; scores float32 (B, A, C + 1): one-hot class, and
            the state. The state is 1 object, 0 background, -1 ignored.
        """
        from keras_retinanet.utils.anchors import anchor_targets_bbox

        frame = np.empty((*self.frame_yx, 0), np.uint8)  # only its shape is read
        annotations = [
            {"bboxes": swap_xy(boxes), "labels": np.asarray(classes)}
            for boxes, classes in zip(boxes_yxyx, labels, strict=True)
        ]
        regression, scores = anchor_targets_bbox(
            self._anchors_xyxy,
            [frame] * len(annotations),
            annotations,
            self.num_labels,
            NEGATIVE_OVERLAP,
            POSITIVE_OVERLAP,
        )
        for i, annotation in enumerate(annotations):
            self._answer_for_uncovered(annotation, regression[i], scores[i])
        return regression, scores

    def _answer_for_uncovered(
        self,
        annotation: dict[str, npt.NDArray],
        regression: npt.NDArray[np.float32],
        scores: npt.NDArray[np.float32],
    ) -> None:
        """Give every box below the positive overlap its best anchor, in place."""
        from keras_retinanet.utils.anchors import bbox_transform
        from keras_retinanet.utils.compute_overlap import compute_overlap

        boxes = annotation["bboxes"]
        if not len(boxes):
            return
        overlaps = compute_overlap(
            self._anchors_xyxy.astype(np.float64), boxes.astype(np.float64)
        )
        best = overlaps.max(0)
        for k in np.flatnonzero((best < POSITIVE_OVERLAP) & (best >= BEST_OVERLAP)):
            # Small neighbours may share their best anchor: the next takes its second.
            left = overlaps[:, k].max()
            if left < BEST_OVERLAP / 2:
                continue
            anchors = np.flatnonzero(overlaps[:, k] >= left * 0.98)
            overlaps[anchors] = 0.0
            regression[anchors, :4] = bbox_transform(
                self._anchors_xyxy[anchors],
                np.repeat(boxes[k : k + 1], len(anchors), 0),
            )
            regression[anchors, 4] = 1
            scores[anchors] = 0
            scores[anchors, int(annotation["labels"][k])] = 1
            scores[anchors, -1] = 1
