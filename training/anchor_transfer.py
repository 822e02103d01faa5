"""Heads for other anchors: each begins by finding what the nearest known one finds."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from fused_ocr.boxes import CORNER_EDGES
from fused_ocr.config import AnchorConfig
from fused_ocr.detection.anchors import REGRESSION_SCALE, anchor_sides
from fused_ocr.detection.retinanet import decoding_of

from .transfer import layers_of
from .unfolding import Weights

__all__ = ["heads_for"]

_Numbers = npt.NDArray[np.float32]

_EDGES = (1, 0, 3, 2)
"""Of an anchor's y1, x1, y2, x2, in the order of the regression's values."""

_POINTS = {
    "pyramid_regression": _EDGES,
    "pyramid_corners": CORNER_EDGES,
    "pyramid_classification": None,
}
"""The last layer of each head, and from which edges of the anchor its values shift."""


def heads_for(anchors: AnchorConfig, detector: keras.Model) -> dict[str, Weights]:
    """The last layers of a detector's heads, for other anchors.

    A new anchor takes over the values of the known one whose height and width are the
    least apart from its own, as logarithms. Shifts are linear in the layer's weights
    and are counted from the anchor, in parts of its sides: so they can be given other
    ends without loss, and the new anchor has the very boxes, corners and scores of the
    known one, before it learns to do better. Where the sizes of levels do not grow
    alike, this holds for the first level.

    Args:
        anchors: the new ones.
        detector: as `add_decoding` gives it.

    Returns:
        Kernel and bias of every such layer, by its name; nothing if the anchors are
        those of the detector.

    Raises:
        ArtefactDamagedError: the model is not a detector of ours.
    """
    known = decoding_of(detector).anchors
    if anchors == known:
        return {}
    mine, theirs = anchor_sides(anchors)[0], anchor_sides(known)[0]  # (K, 2) each
    apart = np.abs(np.log(mine[:, None]) - np.log(theirs)).sum(-1)
    nearest = apart.argmin(1)  # (K,)
    heads = {}
    for layer in layers_of(detector):
        if layer.name not in _POINTS:
            continue
        kernel, bias = (
            weight.reshape(*weight.shape[:-1], len(theirs), -1)[..., nearest, :]
            for weight in layer.get_weights()
        )  # (3, 3, F, K, values) and (K, values)
        edges = _POINTS[layer.name]
        if edges is not None:
            scale, start = _recounted(mine, theirs[nearest], edges)
            kernel, bias = kernel * scale, bias * scale + start
        heads[layer.name] = [w.reshape(*w.shape[:-2], -1) for w in (kernel, bias)]
    return heads


def _recounted(
    new: _Numbers, old: _Numbers, edges: tuple[int, ...]
) -> tuple[_Numbers, _Numbers]:
    """Factor and summand, (K, values) each, for shifts of the old anchors.

    Args:
        new: (K, 2), height and width.
        old: the same.
        edges: y1, x1, y2 or x2, 0 to 3, from which each value shifts.
    """
    axis = np.array(edges) % 2
    side = np.where(np.array(edges) < 2, -0.5, 0.5)  # before or behind the middle
    new, old = new[:, axis], old[:, axis]
    return old / new, (old - new) * side / (REGRESSION_SCALE * new)
