"""How well a model finds and reads regions of photos, and where it goes wrong."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from rich.console import Console
from rich.progress import track

from fused_ocr.boxes import Boxes, iou_matrix
from fused_ocr.errors import ImageError
from fused_ocr.fusion import parts_of, recognizer_of
from fused_ocr.reader import Reader
from fused_ocr.recognition.recognizer import characters_of
from fused_ocr.rectification import RectifyQuads, known_corners
from fused_ocr.result import Reading, Readings

from .annotations import AnnotatedPhoto
from .evaluation import DetectorAlone, Evaluation
from .metrics import character_error_rate, detection_map, exact_match
from .photo_images import images_of
from .regions.region_scene import RegionScene
from .strings import best_texts

__all__ = [
    "CAUSES",
    "RegionPhoto",
    "evaluate_regions",
    "region_photos",
    "scene_photo",
]

_SAME = 0.5
"""IoU from which a box is that of a region."""

_SHOWN = 6
"""Pictures of misses of each cause that are kept."""

_NEAR = 0.1
"""Below this IoU a region was not found at all."""

CAUSES = ("not found", "box", "corners", "reading")
"""Why a region is read wrong: the detector has nothing there; what it has is at another
place; read between its true corners it is right; it is wrong even there."""


@dataclasses.dataclass(frozen=True)
class RegionPhoto:
    """A photo with the truth about it.

    Attributes:
        image: uint8 (H, W, 3).
        truth: what is in it.
    """

    image: npt.NDArray[np.uint8]
    truth: AnnotatedPhoto


def region_photos(
    photos: Sequence[AnnotatedPhoto], failed: list[ImageError]
) -> Iterator[RegionPhoto]:
    """Annotated photos, see `images_of`."""
    return (RegionPhoto(image, photo) for photo, image in images_of(photos, failed))


def scene_photo(scene: RegionScene) -> RegionPhoto:
    """A synthetic scene with the truth about it."""
    labels = np.zeros(len(scene.texts), np.int64)
    truth = AnnotatedPhoto(
        Path("scene"), scene.boxes_yxyx, labels, scene.texts, scene.quads_yx,
        scene.readable,
    )  # fmt: skip
    return RegionPhoto(scene.image, truth)


def evaluate_regions(
    model: keras.Model, photos: Iterable[RegionPhoto], *, count: int
) -> Evaluation:
    """Read photos and compare with what is known of them.

    Args:
        model: from `fuse`, of a recogniser of strings.
        photos: what to read; regions without a text count for the detector alone.
        count: how many photos.

    Returns:
        ``AP50``, ``AP50:95`` of the detector; ``first_box``, ``three_boxes``: photos
        whose best box, or one of the best three, is a region's (IoU 0.5). Of photos
        with a text: ``exact``, the reading with the best score is one of its texts;
        ``exact_any``, some reading is. Of regions with a text:
        ``strings``, read exactly where they are; ``character_error_rate`` of those;
        ``reading_alone``, read exactly between their true corners or in their true
        boxes. ``readable``: regions whose readability is told right, if the model
        tells. ``corner_error``: how far the corners of what was found are from the true
        ones, the mean in parts of the region's width (its longer side), where these are
        known. The rest are parts of the regions with a text, by `CAUSES`.
    """
    reader, detector, alone = Reader(model), DetectorAlone(model), _ReaderAlone(model)
    truths: list[Boxes] = []
    found: list[tuple[Boxes, npt.NDArray[np.float32]]] = []
    tallies: dict[str, list[bool]] = {
        name: []
        for name in (
            "first_box", "three_boxes", "exact", "exact_any", "reading_alone",
            "readable",
        )
    }  # fmt: skip
    corner_errors: list[float] = []
    pairs: list[tuple[str, str]] = []
    causes: Counter[str] = Counter()
    wrong: dict[str, list[tuple[Readings, str]]] = {cause: [] for cause in CAUSES}
    tells = "readable" in _heads(model)
    console = Console(stderr=True)
    for photo in track(photos, "evaluating", total=count, console=console):
        truth, readings = photo.truth, reader.predict(photo.image)
        boxes, scores = detector(photo.image)
        truths.append(truth.boxes_yxyx)
        found.append((boxes, scores))
        if len(truth.boxes_yxyx):
            hits = iou_matrix(truth.boxes_yxyx, boxes[:3]).max(0) >= _SAME
            tallies["first_box"].append(bool(hits[:1].any()))
            tallies["three_boxes"].append(bool(hits.any()))
        wanted = {text for text in truth.texts if text}
        if wanted:
            best = max(readings, key=lambda one: one.score, default=None)
            tallies["exact"].append(best is not None and best.text in wanted)
            tallies["exact_any"].append(not wanted.isdisjoint(readings.texts))
        at_truth = alone(photo)
        found_at = iou_matrix(truth.boxes_yxyx, boxes[scores >= alone.threshold])
        for i, text in enumerate(truth.texts):
            reading, overlap = _at(truth.boxes_yxyx[i], readings)
            if reading is not None and overlap >= _SAME:
                if tells and (text or not truth.readable[i]):
                    tallies["readable"].append(reading.readable == truth.readable[i])
                if np.isfinite(truth.quads_yx[i]).all():
                    corner_errors.append(_corner_error(reading, truth.quads_yx[i]))
            if not text:
                continue
            tallies["reading_alone"].append(at_truth[i] == text)
            read = "" if reading is None or overlap < _SAME else reading.text
            pairs.append((text, read))
            if read != text:
                nearest = float(found_at[i].max(initial=0.0))
                cause = _cause(nearest, right_alone=at_truth[i] == text)
                causes[cause] += 1
                if len(wrong[cause]) < _SHOWN:
                    wrong[cause].append((readings, f"{cause}: {text} as {read!r}"))
    regions = len(pairs)
    scores_by_name = {
        "images": float(len(truths)),
        "regions": float(regions),
        **detection_map(truths, found),
        **{name: _mean(tally) for name, tally in tallies.items()},
        "corner_error": _mean(corner_errors),
        "strings": exact_match(pairs),
        "character_error_rate": character_error_rate(pairs),
        **{c: causes[c] / regions if regions else float("nan") for c in CAUSES},
    }
    worst = [case for cases in wrong.values() for case in cases]
    return Evaluation(
        scores_by_name, tuple((one.draw(), caption) for one, caption in worst)
    )


def _heads(model: keras.Model) -> tuple[str, ...]:
    """What the recogniser tells of a whole crop."""
    output = recognizer_of(model).output
    return tuple(output) if isinstance(output, dict) else ()


def _corner_error(reading: Reading, quad_yx: npt.NDArray[np.float32]) -> float:
    """Mean distance of corners, in parts of the longest side."""
    sides = np.linalg.norm(quad_yx - np.roll(quad_yx, 1, 0), axis=-1)
    apart = np.linalg.norm(np.array(reading.quad) - quad_yx, axis=-1)
    return float(apart.mean() / max(sides.max(), 1e-6))


def _mean(tally: Sequence[float]) -> float:
    return float(np.mean(tally)) if tally else float("nan")


def _at(box_yxyx: npt.NDArray[np.float32], readings: Readings) -> tuple[Any, float]:
    """The reading that overlaps a box most, and by how much."""
    if not readings:
        return None, 0.0
    overlaps = iou_matrix(box_yxyx[None], readings.boxes)[0]
    best: Reading = readings[int(overlaps.argmax())]
    return best, float(overlaps.max())


def _cause(overlap: float, *, right_alone: bool) -> str:
    if overlap < _NEAR:
        return "not found"
    if overlap < _SAME:
        return "box"
    return "corners" if right_alone else "reading"


class _ReaderAlone:
    """The recogniser of a fused model, on regions that are known."""

    def __init__(self, model: keras.Model) -> None:
        self._parts = parts_of(model)
        self._recognizer = recognizer_of(model)
        self.threshold = self._parts.select.selection.score_threshold
        self._read = tf.function(
            self._texts_at,
            input_signature=[
                tf.TensorSpec((1, None, None, 3), tf.uint8),
                tf.TensorSpec((1, None, 4), tf.float32),
                tf.TensorSpec((1, None, 4, 2), tf.float32),
            ],
        )

    def __call__(self, photo: RegionPhoto) -> list[str]:
        truth = photo.truth
        if not len(truth.boxes_yxyx):
            return []
        quads = truth.quads_yx[None]
        texts = self._read(photo.image[None], truth.boxes_yxyx[None], quads).numpy()
        alphabet = self._parts.assemble.alphabet
        return [
            "".join(alphabet.characters[i] for i in text if i != alphabet.blank)
            for text in texts
        ]

    def _texts_at(self, images: tf.Tensor, boxes: tf.Tensor, quads: tf.Tensor) -> Any:
        crop = self._parts.crop
        where = boxes
        if isinstance(crop, RectifyQuads):
            where = known_corners(quads, boxes)
        crops = crop(images, where, tf.shape(boxes)[1:2])[0]
        return best_texts(characters_of(self._recognizer(crops)))
