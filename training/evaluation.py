"""How well a fused model reads: detector, characters, strings, whole pictures."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from rich.progress import track

from fused_ocr.assembly import AssembleCharacters
from fused_ocr.boxes import Boxes, iou_matrix
from fused_ocr.errors import ImageError
from fused_ocr.files import set_aside, write_atomically
from fused_ocr.finding import up_to_boxes
from fused_ocr.fusion import parts_of
from fused_ocr.reader import Reader
from fused_ocr.result import Readings

from .annotations import AnnotatedPhoto
from .augmentation import centre_crops
from .metrics import (
    MatchCounts,
    character_error_rate,
    character_scores,
    detection_map,
    exact_match,
    lines_right,
    match_characters,
    whole_image_right,
)
from .patches import Pool
from .photo_images import images_of
from .pictures import contact_sheet
from .scenes import Scene

__all__ = [
    "DetectorAlone",
    "Evaluation",
    "evaluate_recognizer",
    "evaluate_scenes",
    "save_scores",
    "scenes_of",
]

_AP_THRESHOLD = 0.02
"""Average precision needs the unsure detections too; below this they change nothing."""

_WORST = 24
"""How many pictures go on the sheet of the worst cases."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Scores of a model on a set of pictures, all in 0..1.

    Attributes:
        scores: by name.
        worst: pictures with something wrong, drawn, the worst first, and what was
            expected; the sheet shows some of them.
    """

    scores: dict[str, float]
    worst: tuple[tuple[Any, str], ...]

    def save(self, folder: Path) -> None:
        """Write `scores.json`, and `worst.png` if anything was read wrong."""
        folder.mkdir(parents=True, exist_ok=True)
        save_scores(folder / "scores.json", self.scores)
        if self.worst:
            pictures, captions = zip(*self.worst[:_WORST], strict=True)
            sheet = contact_sheet(list(pictures), list(captions), columns=6)
            with set_aside(folder / "worst.png") as aside:
                sheet.save(aside, "PNG")
        else:
            (folder / "worst.png").unlink(missing_ok=True)  # of an earlier model


def evaluate_scenes(
    model: keras.Model, scenes: Iterable[Scene], *, count: int, batch_size: int = 8
) -> Evaluation:
    """Read scenes and compare with what is written on them.

    Args:
        model: from `fuse`.
        scenes: what to read.
        count: how many of them.
        batch_size: photos at once.

    Returns:
        ``AP50`` and ``AP50:95`` of the detector alone; ``precision``, ``recall``,
        ``f1`` of characters found and right; ``characters``, accuracy of those found;
        ``image_characters``, pictures whose every character is found and right and
        none invented; ``image_lines``, pictures whose strings are all right and in
        order; ``strings``, exact match of strings paired by their boxes;
        ``character_error_rate`` of those.
    """
    reader, detector = Reader(model), DetectorAlone(model)
    counts = MatchCounts()
    characters_right: list[bool] = []
    texts_right: list[bool] = []
    pairs: list[tuple[str, str]] = []
    truths: list[Boxes] = []
    detections: list[tuple[Boxes, npt.NDArray[np.float32]]] = []
    wrong: list[tuple[int, Scene, Readings]] = []
    stream = track(itertools.islice(scenes, count), "evaluating", total=count)
    while group := list(itertools.islice(stream, batch_size)):
        found = reader.predict([scene.image for scene in group], batch_size=batch_size)
        for scene, readings in zip(group, found, strict=True):
            boxes, texts = _characters(readings)
            matched = match_characters(
                scene.boxes_yxyx, list(scene.characters), boxes, texts
            )
            counts += matched
            characters_right.append(whole_image_right(matched))
            texts_right.append(lines_right(scene.texts, readings.texts))
            pairs += _paired(scene, readings)
            truths.append(scene.boxes_yxyx)
            detections.append(detector(scene.image))
            if not (characters_right[-1] and texts_right[-1]):
                faults = matched.truths + matched.found - 2 * matched.right
                wrong.append((faults, scene, readings))
    scores = {
        "images": float(len(truths)),
        **detection_map(truths, detections),
        **character_scores(counts),
        "characters": counts.right / counts.matched if counts.matched else float("nan"),
        "image_characters": float(np.mean(characters_right)),
        "image_lines": float(np.mean(texts_right)),
        "strings": exact_match(pairs),
        "character_error_rate": character_error_rate(pairs),
    }
    wrong.sort(key=lambda case: -case[0])
    worst = tuple(
        (readings.draw(), f"is {' '.join(scene.texts) or 'nothing'}")
        for _, scene, readings in wrong[:_WORST]
    )
    return Evaluation(scores, worst)


def save_scores(path: Path, scores: dict[str, Any]) -> None:
    """Write scores as JSON; what could not be measured (nan) is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items()}
        return None if math.isnan(value) else value

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(plain(scores), indent=2).encode())


def evaluate_recognizer(
    recognizer: keras.Model, pool: Pool, *, with_blank: bool = True
) -> float:
    """Part of a pool's characters that a recogniser reads right.

    Args:
        recognizer: the network.
        pool: its middles are read as they are.
        with_blank: whether the blank may win; False asks for the best character.
    """
    probabilities = recognizer.predict(
        centre_crops(pool.patches), batch_size=512, verbose=0
    )[:, 0]
    if not with_blank:
        probabilities = probabilities[:, :-1]
    return float((probabilities.argmax(-1) == pool.labels).mean())


def scenes_of(
    photos: Sequence[AnnotatedPhoto],
    assemble: AssembleCharacters,
    failed: list[ImageError],
) -> Iterator[Scene]:
    """Photos whose boxes are characters as scenes, joined into lines as a model does.

    Args:
        photos: annotated.
        assemble: of the model: its rules say which characters are a line.
        failed: tells what cannot be read, see `images_of`.
    """
    for photo, image in images_of(photos, failed):
        lines = _lines(photo.boxes_yxyx, assemble)
        yield Scene(image, photo.boxes_yxyx, photo.texts, lines)


def _lines(boxes: Boxes, assemble: AssembleCharacters) -> tuple[tuple[int, ...], ...]:
    """Indices of the boxes of each line, all of them surely some character."""
    count = len(boxes)
    if not count:
        return ()
    sure = np.zeros((1, count, 1, len(assemble.alphabet) + 1), np.float32)
    sure[..., 0] = 1
    ones = np.ones((1, count), np.float32)
    labels, counts = np.zeros((1, count), np.int32), np.array([count], np.int32)
    found = assemble(boxes[None], ones, labels, counts, sure)
    lines = []
    for row in range(int(found["count"][0])):
        places = found["char_boxes"][0, row][found["codes"][0, row] >= 0].numpy()
        # They come back as they are.
        lines.append(tuple(int(np.abs(boxes - one).sum(1).argmin()) for one in places))
    return tuple(lines)


class DetectorAlone:
    """A fused model up to its boxes, refined if it has a refiner, at a low threshold.

    Args:
        model: from `fuse`.
    """

    def __init__(self, model: keras.Model) -> None:
        parts = parts_of(model)
        selection = parts.select.selection
        threshold = min(_AP_THRESHOLD, selection.score_threshold)
        self._find = up_to_boxes(
            parts.detector,
            parts.letterbox,
            selection.replace(score_threshold=threshold),
            parts.refine,
            parts.octaves,
        )

    def __call__(
        self, image: npt.NDArray[np.uint8]
    ) -> tuple[Boxes, npt.NDArray[np.float32]]:
        """Boxes float32 (n, 4) of a photo, and their scores (n,), best first."""
        found = self._find(image[None])
        n = int(found["count"][0])
        return found["boxes"][0, :n].numpy(), found["scores"][0, :n].numpy()


def _characters(readings: Readings) -> tuple[Boxes, list[str]]:
    characters = [c for reading in readings for c in reading.characters]
    boxes = np.array([c.box for c in characters], np.float32).reshape(-1, 4)
    return boxes, [c.text for c in characters]


def _paired(scene: Scene, readings: Readings) -> list[tuple[str, str]]:
    """(truth, found) of each true line and of each invented reading."""
    lines = []
    for line in scene.lines:
        boxes = scene.boxes_yxyx[list(line)]
        lines.append(np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)]))
    overlaps = iou_matrix(np.array(lines, np.float32).reshape(-1, 4), readings.boxes)
    pairs = []
    free = set(range(len(readings)))
    for text, row in zip(scene.texts, overlaps, strict=True):
        best = max(free, key=lambda i: row[i], default=None)
        if best is None or row[best] < 0.5:
            pairs.append((text, ""))
        else:
            free.remove(best)
            pairs.append((text, readings.texts[best]))
    return pairs + [("", readings.texts[i]) for i in sorted(free)]
