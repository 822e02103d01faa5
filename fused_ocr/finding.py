"""A detector alone, without what reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from fused_ocr.config import SelectionConfig
from fused_ocr.detection.octaves import Octaves, look
from fused_ocr.detection.selection import SelectDetections
from fused_ocr.letterbox import Letterbox
from fused_ocr.refinement import RefineCorners

__all__ = ["up_to_boxes"]


def up_to_boxes(
    detector: keras.Model,
    letterbox: Letterbox,
    selection: SelectionConfig,
    refine: RefineCorners | None = None,
    octaves: Octaves | None = None,
) -> Callable[[Any], dict[str, Any]]:
    """A detector alone, from photos to boxes of the photo: to measure it, or to mine.

    Args:
        detector: as `fuse` takes it.
        letterbox: fits photos into its frame.
        selection: thresholds.
        refine: looks at them again, if given.
        octaves: of the frame, if there are several.

    Returns:
        A function from images uint8 (B, H, W, 3), any size without tracing again, to
        the outputs of `SelectDetections`.
    """
    select = SelectDetections(selection)

    def find(images: Any) -> dict[str, Any]:
        frames, geometry = letterbox(images)
        anchors = look(detector, frames, octaves)
        found: dict[str, Any] = select(
            anchors["boxes"], anchors["scores"], geometry, anchors.get("corners")
        )
        if refine is not None:
            places = found.get("quads", found["boxes"])
            found["boxes"], found["quads"] = refine(images, places, found["count"])
        return found

    spec = tf.TensorSpec((None, None, None, 3), tf.uint8)
    return tf.function(find, input_signature=[spec])  # type: ignore[no-any-return]
