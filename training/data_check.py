"""Looks at annotated photos before training: faults, sizes, and fit of the anchors.

Sizes are given in the photo and in the detector's frame, into which the photo is fitted
by ``min(frame_h / H, frame_w / W)``. That objects are too small for the anchors is the
most common complaint about RetinaNet, and nothing else tells.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from fused_ocr.boxes import Boxes, areas, clip
from fused_ocr.config import AnchorConfig
from fused_ocr.errors import AnnotationError, ImageError
from fused_ocr.images import read_image

from .anchor_fit import COVERED, best_overlaps, suggest_anchors
from .annotations import AnnotatedPhoto
from .data_report import Coverage, DataReport, Problem, percentiles
from .photo_header import PhotoHeader, read_header

__all__ = ["check_data"]

_TINY = 3.0
"""A box with a shorter side has nothing in it to learn, pixels of the photo."""


def check_data(
    photos: Sequence[AnnotatedPhoto],
    classes: Sequence[str],
    anchors: AnchorConfig,
    frame_yx: tuple[int, int],
    *,
    faults: Sequence[AnnotationError] = (),
    sample: int = 2000,
    seed: int = 0,
) -> DataReport:
    """Check annotated photos against their files and against the anchors.

    Args:
        photos: as `read_annotations` gives them.
        classes: names in the order of their indices.
        anchors: of the detector that is to be trained.
        frame_yx: height and width of the detector's frame, pixels.
        faults: of the annotation file's rows, see `read_annotations`.
        sample: boxes that the search for better anchors looks at; coverage is always
            that of all boxes.
        seed: of the sample.

    Returns:
        The report; `DataReport.ok` says whether training may start.

    Raises:
        ConfigError: the frame is not a multiple of the largest stride.
    """
    problems = [Problem(None, "row", str(fault), error=True) for fault in faults]
    notes: list[str] = []
    by_class = dict.fromkeys(classes, 0)
    in_photo: list[Boxes] = [np.zeros((0, 4), np.float32)]
    in_frame = list(in_photo)
    turned = 0
    for photo in track(photos, "checking photos", console=Console(stderr=True)):
        for label in photo.labels.tolist():
            if 0 <= label < len(classes):
                by_class[classes[label]] += 1
            else:
                reason = f"label {label}, expected 0..{len(classes) - 1}"
                problems.append(Problem(photo.path, "no class", reason, error=True))
        header = _header(photo.path, problems)
        if header is None:
            continue
        height, width = header.size_yx
        turned += header.orientation != 1 and len(photo.texts) > 0
        boxes = _check_boxes(photo, height, width, problems)
        _check_corners(photo, problems)
        in_photo.append(boxes)
        scale = min(frame_yx[0] / height, frame_yx[1] / width)
        in_frame.append(boxes * np.float32(scale))
    _find_same_files(photos, problems)
    if turned:
        notes.append(
            f"{turned} photos with boxes carry an EXIF rotation. Boxes are taken as "
            "drawn on the upright photo; keras-retinanet reads such photos unturned."
        )
    framed = np.concatenate(in_frame)
    coverage = _coverage(framed, anchors, frame_yx)
    chosen = framed
    if len(framed) > sample:
        rows = np.random.default_rng(seed).choice(len(framed), sample, replace=False)
        chosen = framed[np.sort(rows)]
        notes.append(
            f"The search for better anchors looked at {sample} of {len(framed)} boxes "
            f"(seed {seed})."
        )
    suggestion = suggest_anchors(chosen, anchors, frame_yx)
    return DataReport(
        photos=len(photos),
        negatives=sum(not photo.texts for photo in photos),
        boxes_by_class=by_class,
        problems=tuple(problems),
        sizes_in_photo=percentiles(np.concatenate(in_photo)),
        sizes_in_frame=percentiles(framed),
        coverage=coverage,
        anchors=anchors,
        suggestion=suggestion,
        suggested_coverage=_coverage(framed, suggestion, frame_yx),
        notes=tuple(notes),
    )


def _header(path: Path, problems: list[Problem]) -> PhotoHeader | None:
    """What a photo's header says, if all of the photo can be read."""
    try:
        header = read_header(path)
        read_image(path)
        return header
    except FileNotFoundError:
        problems.append(Problem(path, "missing", "there is no such file", error=True))
    except ImageError as error:
        problems.append(Problem(path, "unreadable", error.args[0], error=True))
    return None


def _check_boxes(
    photo: AnnotatedPhoto, height: int, width: int, problems: list[Problem]
) -> Boxes:
    """The boxes cut to the photo, without those that are outside."""
    cut = clip(photo.boxes_yxyx, height, width)
    whole, visible = areas(photo.boxes_yxyx), areas(cut)
    seen: set[tuple[float, ...]] = set()
    for i, box in enumerate(photo.boxes_yxyx.tolist()):
        y1, x1, y2, x2 = box
        name = f"box x1={x1:g} y1={y1:g} x2={x2:g} y2={y2:g}"
        where = f"{name} in a photo {width} wide and {height} high"
        if visible[i] <= 0:
            problems.append(Problem(photo.path, "outside", where, error=True))
        elif visible[i] < whole[i]:
            problems.append(Problem(photo.path, "partly outside", where))
        if min(y2 - y1, x2 - x1) < _TINY:
            problems.append(Problem(photo.path, "tiny", f"{name}: under {_TINY:g} px"))
        if tuple(box) in seen:
            problems.append(Problem(photo.path, "duplicate box", f"{name} comes again"))
        seen.add(tuple(box))
    return cut[visible > 0]


def _check_corners(photo: AnnotatedPhoto, problems: list[Problem]) -> None:
    """Name corners that go the wrong way round: cut along them, text is mirrored."""
    y, x = np.moveaxis(photo.quads_yx, -1, 0)  # (n, 4) each
    twice = (x * np.roll(y, -1, 1) - np.roll(x, -1, 1) * y).sum(1)  # NaN if unknown
    for quad in photo.quads_yx[twice <= 0]:
        came = ",".join(f"{value:g}" for value in quad[:, ::-1].ravel())
        reason = f"{came} are not clockwise from the text's top left"
        problems.append(Problem(photo.path, "mirrored", reason, error=True))


def _find_same_files(photos: Sequence[AnnotatedPhoto], problems: list[Problem]) -> None:
    """Name photos that are listed twice, or are copies of another one."""
    by_size: dict[int, list[Path]] = defaultdict(list)
    listed: set[Path] = set()
    for path in (photo.path for photo in photos):
        if path in listed:
            problems.append(Problem(path, "duplicate photo", "it is listed twice"))
        elif path.is_file():
            by_size[path.stat().st_size].append(path)
        listed.add(path)
    # Only files of one size can be equal, so few of them are read.
    for paths in by_size.values():
        first: dict[str, Path] = {}
        for path in paths if len(paths) > 1 else []:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            other = first.setdefault(digest, path)
            if other is not path:
                reason = f"the same file as {other}"
                problems.append(Problem(path, "duplicate photo", reason))


def _coverage(
    boxes: Boxes, anchors: AnchorConfig, frame_yx: tuple[int, int]
) -> Coverage:
    overlaps = best_overlaps(boxes, anchors, frame_yx)
    out = boxes[overlaps < COVERED]
    sides = out[:, 2:] - out[:, :2]
    return Coverage(
        boxes=len(boxes),
        at_50=int((overlaps >= COVERED).sum()),
        at_40=int((overlaps >= 0.4).sum()),
        mean_iou=float(overlaps.mean()) if len(boxes) else 0.0,
        uncovered_heights=_range(sides[:, 0]),
        uncovered_widths=_range(sides[:, 1]),
        uncovered_ratios=_range(sides[:, 0] / sides[:, 1]),
    )


def _range(values: npt.NDArray[np.float32]) -> tuple[float, float] | None:
    if not len(values):
        return None
    return round(float(values.min()), 2), round(float(values.max()), 2)
