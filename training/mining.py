"""What a detector takes for characters in photos that have none: the best blanks."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt
from rich.progress import track

from fused_ocr.alphabet import Alphabet
from fused_ocr.config import FusionConfig, SelectionConfig
from fused_ocr.errors import ConfigError, ImageError
from fused_ocr.finding import up_to_boxes
from fused_ocr.letterbox import Letterbox

from .patches import Pool, cut_patches
from .photo_images import image_of, leave_out

__all__ = ["mined_pool"]

_SURE_ENOUGH = 0.15
"""Less sure finds never reach the recogniser."""


def mined_pool(
    detector: keras.Model, photos: Sequence[str], alphabet: Alphabet, weight: float
) -> Pool:
    """Blanks from a detector's false finds.

    Args:
        detector: with decoding, as `train_detector` gives it.
        photos: paths of photos without characters; each is read whole, and in quarters
            for larger finds.
        alphabet: whose blank is the label.
        weight: see `Pool`.

    Raises:
        ConfigError: the detector finds nothing in them.
        ImageError: none of the photos can be read; of some, the others are taken.
    """
    find = up_to_boxes(
        detector,
        Letterbox(FusionConfig().frame_yx),
        SelectionConfig(score_threshold=_SURE_ENOUGH),
    )
    patches: list[npt.NDArray[np.uint8]] = []
    failed: list[ImageError] = []
    looked_at = 0
    for path in track(photos, "looking for false finds"):
        photo = image_of(path, failed)
        if photo is None:
            continue
        looked_at += 1
        y, x = photo.shape[0] // 2, photo.shape[1] // 2
        views = [photo, photo[:y, :x], photo[:y, x:], photo[y:, :x], photo[y:, x:]]
        for view in views:
            if min(view.shape[:2]) < 32:
                continue
            found = find(view[None])
            boxes = found["boxes"][0, : found["count"][0]].numpy()
            if len(boxes):
                patches += cut_patches(view[None], [boxes])
    leave_out(failed, kept=looked_at)
    if not patches:
        raise ConfigError(
            f"The detector finds nothing in the {len(photos)} photos, so there is "
            "nothing to learn from them; leave the mining out."
        )
    blanks = np.concatenate(patches)
    return Pool("mined", blanks, np.full(len(blanks), alphabet.blank), weight)
